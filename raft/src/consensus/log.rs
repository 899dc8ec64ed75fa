//! The log in memory: contiguous behind its base, which compaction moves.

use std::collections::VecDeque;

use super::entry::{Chain, Entry};
use super::snapshot::Base;
use super::types::{LogId, LogIndex, Membership, Term};

/// The entries behind a base. Their terms never decrease along it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    base: Base,
    entries: VecDeque<Entry>,
    /// The chain up to each entry.
    chains: VecDeque<Chain>,
}

/// Entries that do not begin behind the base or do not follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log entry {found} stands where index {expected} is due")]
pub struct Gap {
    /// The index that was due.
    pub expected: LogIndex,
    /// The entry that stands there.
    pub found: LogId,
}

impl Log {
    /// A log of these entries behind `base`.
    pub fn new(base: Base, entries: impl IntoIterator<Item = Entry>) -> Result<Log, Gap> {
        let mut log = Log { base, ..Log::default() };
        for entry in entries {
            let last = log.last();
            if entry.id.index != last.index.next() || entry.id.term < last.term {
                return Err(Gap { expected: last.index.next(), found: entry.id });
            }
            log.push(entry);
        }
        Ok(log)
    }

    /// Where it begins: the first entry has the next index.
    #[must_use]
    pub fn base(&self) -> Base {
        self.base
    }

    /// The last entry's place; the base's if there is none.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.entries.back().map_or(self.base.id, |e| e.id)
    }

    /// The entry at `index`; none at the base, before it, or beyond the end.
    #[must_use]
    pub fn get(&self, index: LogIndex) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// The term at `index`: of the base and of what follows it; none where nothing is known.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.id.index { Some(self.base.id.term) } else { self.get(index).map(|e| e.id.term) }
    }

    /// Where `index` stands, if the log knows.
    #[must_use]
    pub fn id_at(&self, index: LogIndex) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// The chain up to `index`, where the term at it is known.
    #[must_use]
    pub fn chain_at(&self, index: LogIndex) -> Option<Chain> {
        if index == self.base.id.index {
            Some(self.base.chain)
        } else {
            self.chains.get(self.position(index)?).copied()
        }
    }

    /// The first index behind the base whose entry has a term of at least `term`; one past the end if
    /// none has.
    #[must_use]
    pub fn first_of_term(&self, term: Term) -> LogIndex {
        self.index_of(self.entries.partition_point(|e| e.id.term < term))
    }

    /// The last index whose entry, or the base, has just this term.
    #[must_use]
    pub fn last_of_term(&self, term: Term) -> Option<LogIndex> {
        let index = self.index_of(self.entries.partition_point(|e| e.id.term <= term)).previous();
        (index > LogIndex(0) && self.term_at(index) == Some(term)).then_some(index)
    }

    /// Adds an entry, which must follow the last.
    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.id.index, self.last().index.next());
        let before = self.chains.back().copied().unwrap_or(self.base.chain);
        self.chains.push_back(before.then(&entry));
        self.entries.push_back(entry);
    }

    /// Removes every entry after `last`.
    pub(crate) fn truncate_after(&mut self, last: LogIndex) {
        let keep = usize::try_from(last.0.saturating_sub(self.base.id.index.0)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
        self.chains.truncate(keep);
    }

    /// Entries from `first` on, as many as both limits allow, but at least one if there is one.
    #[must_use]
    pub fn batch(&self, first: LogIndex, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        let mut bytes = 0_usize;
        self.from(first)
            .take(max_entries)
            .take_while(|e| {
                let fits = bytes == 0 || bytes + e.weight() <= max_bytes;
                bytes += e.weight();
                fits
            })
            .cloned()
            .collect()
    }

    /// Every entry from `first` on; none if that is not behind the base.
    pub fn from(&self, first: LogIndex) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        let start = self.position(first).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(start..)
    }

    /// The newest membership among the entries, committed or not: it takes effect when appended (§4.1).
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        self.entries.iter().rev().find_map(Entry::membership)
    }

    /// The entries, in order.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    /// Where an entry stands in the list.
    fn position(&self, index: LogIndex) -> Option<usize> {
        usize::try_from(index.0.checked_sub(self.base.id.index.0)?.checked_sub(1)?).ok()
    }

    fn index_of(&self, position: usize) -> LogIndex {
        LogIndex(self.base.id.index.0 + 1 + position as u64)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::consensus::entry::EntryKind;

    fn entry(index: u64, term: u64, size: usize) -> Entry {
        let id = LogId { term: Term(term), index: LogIndex(index) };
        Entry::new(id, EntryKind::Command, Bytes::from(vec![0; size]))
    }

    fn log(terms: &[u64]) -> Log {
        Log::new(Base::default(), (1..).zip(terms).map(|(index, term)| entry(index, *term, 100))).unwrap()
    }

    #[test]
    fn gaps_and_falling_terms_are_refused() {
        assert!(Log::new(Base::default(), vec![entry(2, 1, 0)]).is_err());
        assert!(Log::new(Base::default(), vec![entry(1, 1, 0), entry(3, 1, 0)]).is_err());
        assert!(Log::new(Base::default(), vec![entry(1, 2, 0), entry(2, 1, 0)]).is_err());
    }

    #[test]
    fn terms_are_found_by_their_ends() {
        let log = log(&[1, 1, 3, 3, 3, 6]);
        assert_eq!(log.first_of_term(Term(3)), LogIndex(3));
        assert_eq!(log.last_of_term(Term(3)), Some(LogIndex(5)));
        assert_eq!(log.first_of_term(Term(4)), LogIndex(6));
        assert_eq!(log.last_of_term(Term(4)), None);
        assert_eq!(log.first_of_term(Term(9)), LogIndex(7));
        assert_eq!(log.last_of_term(Term(0)), None);
    }

    #[test]
    fn a_batch_skips_nothing_at_the_byte_limit_and_is_never_empty() {
        let log = log(&[1; 10]);
        let indexes = |batch: Vec<Entry>| batch.iter().map(|e| e.id.index.0).collect::<Vec<_>>();
        assert_eq!(indexes(log.batch(LogIndex(3), 4, usize::MAX)), [3, 4, 5, 6]);
        assert_eq!(indexes(log.batch(LogIndex(3), 100, 132 * 2 + 131)), [3, 4]);
        assert_eq!(indexes(log.batch(LogIndex(3), 100, 1)), [3]);
        assert_eq!(indexes(log.batch(LogIndex(11), 100, 1)), [0; 0]);
    }
}
