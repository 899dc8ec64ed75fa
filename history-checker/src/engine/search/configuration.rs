//! How far one attempt has got, and its key in the memory.
//!
//! Let `first` be the rank of the first completed entry that is not taken. Every rank before it is taken, and nothing
//! that was invoked after its return can be. So the set of taken entries is told by `first`, one bit for each
//! completed entry in flight at that return, and how many of each class of open ones were used: as many bits as
//! there are clients, not as there are operations.

use super::layout::Layout;

/// A set of taken entries and the state after them, taken back step by step when the search backtracks.
pub(super) struct Configuration {
    pub(super) first: usize,
    pub(super) state: u32,
    /// The state before the open entry that was taken last, while nothing has shown yet that it was needed.
    pub(super) unproven: Option<u32>,
    /// By slot: this entry in flight is taken, ahead of `first`.
    ahead: Vec<u64>,
    /// By class: how many open entries were used.
    pub(super) used: Vec<u32>,
}

impl Configuration {
    pub(super) fn new<Op>(layout: &Layout<Op>, state: u32) -> Configuration {
        let words = layout.slots.div_ceil(64);
        Configuration {
            first: 0,
            state,
            unproven: None,
            ahead: vec![0; words],
            used: vec![0; layout.open.len()],
        }
    }

    pub(super) fn is_ahead(&self, slot: usize) -> bool {
        self.ahead[slot / 64] & bit(slot) != 0
    }

    /// Takes a completed entry. Where it is the first one missing, `first` moves on past those that were taken ahead.
    pub(super) fn take<Op>(&mut self, layout: &Layout<Op>, rank: usize) {
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
    pub(super) fn put_back<Op>(&mut self, layout: &Layout<Op>, rank: usize, first: usize) {
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

    /// The number of words of every key of this layout.
    pub(super) fn key_width<Op>(layout: &Layout<Op>) -> usize {
        let mut probe = Vec::new();
        Configuration::new(layout, 0).write_key(layout, &mut probe);
        probe.len()
    }

    /// Replaces `key` by this configuration's: rank and state, mask, counts in as many bits as their classes need.
    pub(super) fn write_key<Op>(&self, layout: &Layout<Op>, key: &mut Vec<u64>) {
        key.clear();
        // A timeline of 2^32 completed entries does not fit into memory. `unproven` is left out: what it forbids after
        // an open entry is tried without that entry, which is at least as good.
        key.push((self.first as u64) << 32 | u64::from(self.state));
        key.extend_from_slice(&self.ahead);
        let (mut word, mut filled) = (0_u64, 0);
        for (&used, class) in self.used.iter().zip(&layout.open) {
            let bits = usize::BITS - class.members.len().leading_zeros();
            if filled + bits > 64 {
                key.push(word);
                (word, filled) = (0, 0);
            }
            word |= u64::from(used) << filled;
            filled += bits;
        }
        if filled > 0 {
            key.push(word);
        }
    }
}

fn bit(slot: usize) -> u64 {
    1 << (slot % 64)
}
