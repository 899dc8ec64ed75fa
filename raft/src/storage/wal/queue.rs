//! What was appended and waits to be written, as batches.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::Base;
use crate::consensus::types::{LogIndex, Membership};
use crate::marks::mark;
use crate::storage::error::StorageError;
use crate::storage::record::{Batch, BatchHeader, Place, Seed, Standing};

/// Bytes of one batch, about: more goes into the next, so that a segment holds several.
const BATCH_BYTES: usize = 4 << 20;
/// Buffers that wait to be filled again: one is filled while one is written.
const BUFFERS: usize = 2;

/// The batches that wait, and how the node stands behind them.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// How the node stands after all that was appended.
    pub(super) standing: Standing,
    /// The newest membership in the log, and the view of a blank node: repeated at segment heads.
    pub(super) membership: Option<Membership>,
    pub(super) view: Option<Membership>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Of batches that were written: fresh memory would cost as much as the copying into it.
    buffers: Vec<Vec<u8>>,
}

/// A batch that is being filled, or waits to be written.
#[derive(Clone, Debug, Hash)]
pub(super) struct Waiting {
    pub(super) batch: Batch,
    pub(super) kept: LogIndex,
    pub(super) standing: Standing,
    /// The newest write that is whole once this batch is durable.
    pub(super) commit: Option<PersistId>,
}

/// What lies in buffers that wait to be filled again means nothing.
impl std::hash::Hash for Queue {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        let Queue { standing, membership, view, waiting, buffers: _ } = self;
        (standing, membership, view, waiting).hash(hasher);
    }
}

impl Queue {
    pub(super) fn new(standing: Standing, membership: Option<Membership>, view: Option<Membership>) -> Queue {
        Queue { standing, membership, view, waiting: VecDeque::new(), buffers: Vec::new() }
    }

    /// Queues a write.
    pub(super) fn append(&mut self, persist: &Persist) {
        mark!("group-commit" if !self.waiting.is_empty());
        if let Some(base) = persist.base {
            self.standing.last = base;
        }
        let first = persist.entries.first().map(|entry| entry.id.index.previous());
        let kept = first.unwrap_or(self.standing.last.id.index);
        // What a batch holds is one run of entries, put behind those that it keeps.
        if persist.base.is_some() || kept != self.standing.last.id.index {
            self.begin_batch(kept);
        }
        let late = crate::seeded_bug!("term-saved-with-the-next-write") && persist.entries.is_empty();
        self.standing.hard_state = persist.hard_state.filter(|_| !late).unwrap_or(self.standing.hard_state);
        if persist.repaired {
            self.standing.repair = None;
        }
        if first.is_some() {
            self.standing.last.chain = persist.prev_chain;
        }
        let mut end = kept;
        for entry in &persist.entries {
            self.standing.last = Base { id: entry.id, chain: self.standing.last.chain.then(entry) };
            if let Some(membership) = entry.membership() {
                self.membership = Some(membership);
            }
            let standing = self.standing;
            let waiting = self.open_batch(end);
            waiting.batch.entry(entry);
            waiting.standing = standing;
            end = entry.id.index;
        }
        let standing = self.standing;
        let waiting = self.open_batch(end);
        waiting.standing = standing;
        waiting.commit = Some(persist.id);
    }

    /// Queues the membership that this node binds itself to while it is blank.
    pub(super) fn append_view(&mut self, id: PersistId, view: &Membership) -> Result<(), StorageError> {
        self.view = Some(view.clone());
        let waiting = self.open_batch(self.standing.last.id.index);
        waiting.commit = Some(id);
        waiting.batch.view(view).map_err(|error| StorageError::Encode(error.to_string()))
    }

    /// A batch was written; where nobody else holds its bytes, their memory is used again.
    pub(super) fn take_back(&mut self, data: Bytes) {
        if self.buffers.len() < BUFFERS && data.is_unique() && data.len() <= 2 * BATCH_BYTES {
            self.buffers.push(Vec::from(data));
        }
    }

    /// The batch that takes the next record, of a log that ends at `end`.
    fn open_batch(&mut self, end: LogIndex) -> &mut Waiting {
        if self.waiting.back().is_none_or(|waiting| waiting.batch.len() >= BATCH_BYTES) {
            self.begin_batch(end);
        }
        let last = self.waiting.len() - 1;
        &mut self.waiting[last]
    }

    fn begin_batch(&mut self, kept: LogIndex) {
        let (standing, buffer) = (self.standing, self.buffers.pop().unwrap_or_default());
        self.waiting.push_back(Waiting { batch: Batch::within(buffer), kept, standing, commit: None });
    }
}

impl Waiting {
    pub(super) fn seal(self, offset: u64, synced: Place, seed: Seed) -> Vec<u8> {
        let header = BatchHeader { offset, synced, kept: self.kept, standing: self.standing };
        self.batch.seal(&header, seed)
    }
}

#[cfg(test)]
mod tests;
