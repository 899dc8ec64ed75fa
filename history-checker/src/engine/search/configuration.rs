//! How far one attempt has got, and its key in the memory.
//!
//! Let `first` be the rank of the first completed entry that is not taken. Every rank before it is taken, and nothing
//! that was invoked after its return can be. So the set of taken entries is told by `first`, one bit for each
//! completed entry in flight at that return, and how many of each class of open ones were used: as many bits as
//! there are clients, not as there are operations.

use super::layout::{Layout, NONE};
use super::queue::Node;

/// A set of taken entries and the state after them, taken back step by step when the search backtracks.
pub(super) struct Configuration {
    pub(super) first: usize,
    pub(super) state: u32,
    /// The state before the open entry that was taken last, while nothing has shown yet that it was needed; else
    /// [`NONE`].
    pub(super) unproven: u32,
    /// By slot: this entry in flight is taken, ahead of `first`.
    pub(super) ahead: Vec<u64>,
    /// By class, packed: how many open entries were used.
    pub(super) used: Vec<u64>,
}

impl Configuration {
    pub(super) fn new<Op>(layout: &Layout<'_, Op>, state: u32) -> Configuration {
        let words = layout.slots.div_ceil(64);
        Configuration {
            first: 0,
            state,
            unproven: NONE,
            ahead: vec![0; words],
            used: vec![0; layout.guards.len()],
        }
    }

    /// Becomes the configuration of a node.
    pub(super) fn restore(&mut self, node: Node, words: &[u64]) {
        (self.first, self.state, self.unproven) = (node.first as usize, node.state, node.unproven);
        let (ahead, used) = words.split_at(self.ahead.len());
        self.ahead.copy_from_slice(ahead);
        self.used.copy_from_slice(used);
    }

    /// Whether the entry in flight with this slot is taken.
    pub(super) fn is_ahead(&self, slot: usize) -> bool {
        self.ahead[slot / 64] & bit(slot) != 0
    }

    /// How many entries of this class were used.
    pub(super) fn used<Op>(&self, layout: &Layout<'_, Op>, class: usize) -> u32 {
        let class = &layout.open[class];
        // A class has fewer members than a timeline has entries, which are fewer than 2^32.
        u32::try_from((self.used[class.word] >> class.shift) & class.mask).unwrap_or(u32::MAX)
    }

    pub(super) fn use_open<Op>(&mut self, layout: &Layout<'_, Op>, class: usize) {
        self.used[layout.open[class].word] += 1 << layout.open[class].shift;
    }

    pub(super) fn unuse_open<Op>(&mut self, layout: &Layout<'_, Op>, class: usize) {
        self.used[layout.open[class].word] -= 1 << layout.open[class].shift;
    }

    /// Takes a completed entry. Where it is the first one missing, `first` moves on past those that were taken ahead.
    pub(super) fn take<Op>(&mut self, layout: &Layout<'_, Op>, rank: usize) {
        if rank != self.first {
            self.ahead[layout.completed[rank].slot / 64] |= bit(layout.completed[rank].slot);
            return;
        }
        self.first += 1;
        while let Some(next) = layout.completed.get(self.first).filter(|next| self.is_ahead(next.slot)) {
            self.ahead[next.slot / 64] &= !bit(next.slot);
            self.first += 1;
        }
    }

    /// Undoes [`Configuration::take`]; `first` is what it was before.
    pub(super) fn put_back<Op>(&mut self, layout: &Layout<'_, Op>, rank: usize, first: usize) {
        let slot = |rank: usize| layout.completed[rank].slot;
        if rank != first {
            self.ahead[slot(rank) / 64] &= !bit(slot(rank));
            return;
        }
        for passed in first + 1..self.first {
            self.ahead[slot(passed) / 64] |= bit(slot(passed));
        }
        self.first = first;
    }

    /// Words of every key of this layout.
    pub(super) fn key_width<Op>(layout: &Layout<'_, Op>) -> usize {
        1 + layout.slots.div_ceil(64)
    }

    /// Replaces `key` by this configuration's: rank and state, and the mask.
    pub(super) fn write_key(&self, key: &mut Vec<u64>) {
        key.clear();
        // `unproven` is left out: what it forbids after an open entry is tried without that entry, which is at least
        // as good.
        key.push((self.first as u64) << 32 | u64::from(self.state));
        key.extend_from_slice(&self.ahead);
    }
}

fn bit(slot: usize) -> u64 {
    1 << (slot % 64)
}
