//! A disk that is full, or slow beyond use: this node leaves leading to others.

use super::io::Room;
use super::quorum::majority;
use super::role::Role;
use super::state::Raft;
use super::types::Timestamp;
use crate::marks::mark;

/// A write that takes longer than this many of the longest election timeouts is too slow to lead with.
const SLOW: u32 = 3;

impl Raft {
    pub(super) fn handle_room(&mut self, now: Timestamp, room: Room) {
        self.room = room;
        if room == Room::Full && !matches!(self.role, Role::Follower) {
            mark!("full-disk-stepped-down");
            self.become_follower(now, self.term(), None);
        }
    }

    /// Whether enough disks, as far as their nodes have told this leader, take what would be proposed.
    pub(super) fn majority_has_room(&self) -> bool {
        // One that holds all there is had room for it, whatever it said; nothing would be sent that it could answer.
        let last = self.log.last().index;
        let full = self.progress().filter(|(_, peer)| peer.full && peer.match_index < last).count();
        let voters = self.membership.voters.len();
        voters - full >= majority(voters)
    }

    pub(super) fn has_room(&self) -> bool {
        self.room == Room::Ample
    }

    /// Whether a write has been under way for longer than the others wait for a leader.
    #[must_use]
    pub fn disk_is_slow(&self, now: Timestamp) -> bool {
        self.slow_at().is_some_and(|at| at <= now)
    }

    /// When the write that has been under way longest will have taken too long.
    pub(super) fn slow_at(&self) -> Option<Timestamp> {
        self.durability.waits_since().map(|since| since + self.config.election_max * SLOW)
    }
}
