//! A node whose log lost durable entries: until it holds again all that it may have acknowledged, it
//! must not help a log to win that lacks some of it (§5.4.1).

use super::state::Raft;
use super::types::{LogId, LogIndex, Timestamp};
use crate::marks::mark;

impl Raft {
    /// Whether this node may campaign: with a whole log, and a disk that takes what a leader writes.
    pub(super) fn may_lead(&self, now: Timestamp) -> bool {
        (self.repair.is_none() || crate::seeded_bug!("damaged-node-leads"))
            && self.has_room()
            && !self.disk_is_slow(now)
    }

    /// Whether a candidate's log holds all that this one held before it was damaged.
    pub(super) fn covers_what_was_lost(&self, candidate: LogId) -> bool {
        crate::seeded_bug!("repairing-node-votes")
            || self.repair.is_none_or(|repair| candidate >= repair.least)
    }

    /// The first index that this log may lack. Behind damage an entry may stand where another had replaced it, but
    /// for what is known to be committed.
    pub(super) fn lacks(&self) -> Option<LogIndex> {
        let behind = self.log.last().index.next();
        let known = self.commit_index.next();
        let replaced = |least: LogIndex| if crate::seeded_bug!("replaced-end-kept") { behind } else { least };
        self.repair.map(|repair| behind.min(replaced(repair.least.index).max(known)))
    }

    /// The repair is over when the *durable* log reaches what it must: it agrees with a leader's up to
    /// its end, and so holds every committed entry before that (§5.4.3).
    pub(super) fn finish_repair(&mut self) {
        let Some(repair) = self.repair else { return };
        if self.log.id_at(self.durability.durable()).is_some_and(|durable| durable >= repair.least) {
            mark!("damaged-log-repaired");
            self.repair = None;
            self.just_repaired = true;
        }
    }
}
