//! A disk that is full, or slow beyond use: this node leaves leading to others.

use super::io::Room;
use super::role::Role;
use super::state::Raft;
use super::types::Timestamp;

/// A write that takes longer than this many of the longest election timeouts is too slow to lead with.
const SLOW: u32 = 3;

impl Raft {
    pub(super) fn handle_room(&mut self, now: Timestamp, room: Room) {
        self.room = room;
        if room == Room::Full && !matches!(self.role, Role::Follower) {
            self.become_follower(now, self.term(), None);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.room == Room::Ample
    }

    /// Whether a write has been under way for longer than the others wait for a leader.
    pub(super) fn disk_is_slow(&self, now: Timestamp) -> bool {
        let since = self.durability.waits_since();
        since.is_some_and(|since| since + self.config.election_max * SLOW <= now)
    }
}
