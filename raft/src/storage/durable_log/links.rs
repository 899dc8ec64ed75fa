//! A log without its content: terms and chains.

use std::collections::VecDeque;

use crate::consensus::entry::{Chain, Entry};
use crate::consensus::snapshot::Base;
use crate::consensus::types::{LogId, LogIndex, Term};

#[derive(Clone, Debug, Hash)]
pub(super) struct Links {
    /// Behind which they begin.
    anchor: Base,
    entries: VecDeque<(Term, Chain)>,
}

impl Links {
    pub(super) fn new(anchor: Base) -> Links {
        Links { anchor, entries: VecDeque::new() }
    }

    pub(super) fn end(&self) -> Base {
        let end = LogIndex(self.anchor.id.index.0 + self.entries.len() as u64);
        self.at(end).unwrap_or(self.anchor)
    }

    pub(super) fn at(&self, index: LogIndex) -> Option<Base> {
        let behind = usize::try_from(index.0.checked_sub(self.anchor.id.index.0)?).ok()?;
        let Some(before) = behind.checked_sub(1) else { return Some(self.anchor) };
        self.entries.get(before).map(|(term, chain)| Base { id: LogId { term: *term, index }, chain: *chain })
    }

    /// Puts entries behind the last.
    pub(super) fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        let mut chain = self.end().chain;
        self.entries.extend(entries.into_iter().map(|entry| {
            chain = chain.then(entry);
            (entry.id.term, chain)
        }));
    }

    pub(super) fn truncate_after(&mut self, last: LogIndex) {
        let kept = last.0.saturating_sub(self.anchor.id.index.0);
        self.entries.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    /// Forgets what stands up to `base`, which is one of them.
    pub(super) fn begin_behind(&mut self, base: Base) {
        let gone = base.id.index.0 - self.anchor.id.index.0;
        self.entries.drain(..usize::try_from(gone).unwrap_or(usize::MAX).min(self.entries.len()));
        self.anchor = base;
    }
}
