//! A disk that is damaged, full or slow: what a node with such a disk still does, and what it leaves to
//! others.

use super::io::Room;
use super::quorum::majority;
use super::state::Raft;
use super::types::{LogId, Timestamp};
use crate::seeded_bug;

/// Longest election timeouts that a write may take before its node leads no more: what it would lead waits for
/// its disk.
const SLOW: u32 = 3;

impl Raft {
    /// Whether this node's disk allows it to lead. A log that lost entries might lack what was committed; a
    /// full disk takes nothing new; and a slow one makes all others wait.
    pub(super) fn may_lead(&self, now: Timestamp) -> bool {
        self.repair.is_none() && self.room == Room::Ample && !self.disk_is_slow(now)
    }

    /// Whether a write has been under way for too long.
    #[must_use]
    pub fn disk_is_slow(&self, now: Timestamp) -> bool {
        self.slow_at().is_some_and(|at| at <= now)
    }

    /// Whether enough disks, as far as their nodes have told this leader, take what would be proposed.
    pub(super) fn majority_has_room(&self) -> bool {
        let full = self.progress().filter(|(_, peer)| peer.full).count();
        let voters = self.membership.voters.len();
        voters - full >= majority(voters)
    }

    /// When the write that has been under way longest will have taken too long.
    pub(super) fn slow_at(&self) -> Option<Timestamp> {
        self.durability.waiting_since().map(|since| since + self.config.election_max * SLOW)
    }

    /// Whether a candidate's log holds all that this node, whose log may have lost some of it, has
    /// acknowledged.
    pub(super) fn covers_what_was_lost(&self, candidate: LogId) -> bool {
        self.repair.is_none_or(|repair| candidate >= repair.least) || seeded_bug!("repairing-node-votes")
    }

    /// The repair is over once the log holds again, durably, all that was lost: either just that, or
    /// what a later leader, who has every committed entry, wrote behind it.
    pub(super) fn finish_repair(&mut self) {
        let durable = self.log.id_at(self.durability.durable());
        if let (Some(repair), Some(durable)) = (self.repair, durable)
            && durable >= repair.least
        {
            self.repair = None;
            self.repaired = true;
        }
    }
}
