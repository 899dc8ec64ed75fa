//! What a disk was damaged in: what it held until then was acknowledged rightly, and its loss is a reason for much.

use raft::storage::durable_log::DurableLog;

/// Of one node.
#[derive(Clone, Default)]
pub(crate) struct Damages {
    /// What was durable whenever the disk was damaged or replaced.
    before: Vec<DurableLog>,
    /// So many of these a life has looked at, and has lost nothing by them.
    made_good: usize,
    /// Some of it cannot be read for a while, used again or not.
    unreadable: bool,
}

impl Damages {
    pub(crate) fn add(&mut self, before: DurableLog) {
        self.before.push(before);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DurableLog> {
        self.before.iter()
    }

    /// A life has begun that lacks nothing: what was damaged until now is no excuse for the next one.
    pub(crate) fn made_good(&mut self) {
        if !self.unreadable {
            self.made_good = self.before.len();
        }
    }

    pub(crate) fn set_unreadable(&mut self, unreadable: bool) {
        self.unreadable = unreadable;
    }

    /// Whether something may be missing because of them.
    pub(crate) fn excuse(&self) -> bool {
        self.made_good < self.before.len()
    }
}
