//! One snapshot on its way to one peer: what is asked for, what is lost, what comes next.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::Config;
use super::snapshot::SnapshotId;
use super::types::Timestamp;
use crate::marks::mark;

/// What a clock that wakes late may make up for: more would be a burst.
const MAX_LATE: Duration = Duration::from_millis(2);
/// Losses in a row beyond which the patience grows no more.
const MAX_DOUBLINGS: u32 = 4;

/// A piece that was asked for and is not known to be written.
#[derive(Clone, Copy, Debug, Hash)]
struct Piece {
    offset: u64,
    end: u64,
}

/// A transfer. Begins with a probe: how much does the peer have already? Pieces then go out in order;
/// where nothing comes back, a probe finds out from where to go on.
#[derive(Clone, Debug, Hash)]
pub struct Transfer {
    snapshot: SnapshotId,
    /// Every byte before this one is there, as far as is known.
    there: u64,
    /// The next byte to read.
    next: u64,
    in_flight: VecDeque<Piece>,
    /// A probe is unanswered: the next answer is believed even if it goes back.
    probing: bool,
    /// When something last moved: an answer with news, or a probe.
    moved: Timestamp,
    /// Probes in a row without news; each doubles the patience.
    lost: u32,
}

impl Transfer {
    /// Before its first probe, which is due at once.
    pub(super) fn new(now: Timestamp, snapshot: SnapshotId) -> Transfer {
        let in_flight = VecDeque::new();
        Transfer { snapshot, there: 0, next: 0, in_flight, probing: false, moved: now, lost: 0 }
    }

    /// Which snapshot.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotId {
        self.snapshot
    }

    /// Bytes that the peer has.
    #[must_use]
    pub fn there(&self) -> u64 {
        self.there
    }

    /// A probe leaves.
    pub(super) fn probed(&mut self, now: Timestamp) {
        mark!("transfer-probed-again" if self.lost > 0);
        self.probing = true;
        self.moved = now;
        self.lost = (self.lost + 1).min(MAX_DOUBLINGS);
    }

    /// When nothing has moved for too long: a piece, a probe or the news of the installation is overdue.
    /// Patience that grew with every loss ends once the peer, last heard at `heard`, is there again.
    pub(super) fn probe_due(&self, config: &Config, heard: Timestamp) -> Timestamp {
        if self.lost == 0 && self.next == 0 {
            return self.moved;
        }
        if crate::seeded_bug!("lost-piece-never-asked-again") {
            return self.moved + Duration::from_secs(1 << 20);
        }
        let losses = if heard > self.moved { 0 } else { self.lost.min(MAX_DOUBLINGS) };
        self.moved + config.election_min * (1 << losses)
    }

    /// The peer has every byte before `there`, which is at most the length. Answers to pieces that
    /// came out of order say nothing new; the answer to a probe may, and where it goes back, what
    /// was sent since is lost. True where all of it is: the link, or the peer's file; or it found the file bad.
    pub(super) fn answered(&mut self, now: Timestamp, there: u64) -> bool {
        let begins_again = self.probing && there == 0 && self.next > 0;
        mark!("transfer-begun-again" if begins_again);
        mark!("transfer-resumed" if self.probing && there > 0 && self.next == 0);
        if there > self.there {
            self.lost = 0;
            self.in_flight.retain(|piece| piece.end > there);
        } else if self.probing {
            self.in_flight.clear();
            self.next = there;
        } else {
            return false;
        }
        self.probing = false;
        self.there = there;
        self.next = self.next.max(there);
        self.moved = now;
        begins_again
    }

    /// Whether a piece may be read, but for the rate.
    pub(super) fn may_read(&self, config: &Config) -> bool {
        let unanswered = self.in_flight.front().map_or(0, |oldest| self.next - oldest.offset);
        !self.probing && self.next < self.snapshot.length && unanswered < config.snapshot_window_bytes as u64
    }

    /// The next piece, as offset and length.
    pub(super) fn read(&mut self, now: Timestamp, config: &Config) -> (u64, usize) {
        let left = usize::try_from(self.snapshot.length - self.next).unwrap_or(usize::MAX);
        let length = left.min(config.snapshot_piece());
        let piece = Piece { offset: self.next, end: self.next + length as u64 };
        if self.in_flight.is_empty() {
            self.moved = now;
        }
        self.next = piece.end;
        self.in_flight.push_back(piece);
        (piece.offset, length)
    }

    /// The length of the piece at `offset`, if it is still to be sent.
    pub(super) fn awaited(&self, offset: u64) -> Option<u64> {
        self.in_flight.iter().find(|piece| piece.offset == offset).map(|piece| piece.end - piece.offset)
    }

    /// A piece cannot be read: a probe later on finds out from where to try again.
    pub(super) fn unreadable(&mut self, now: Timestamp) {
        self.in_flight.clear();
        self.probing = true;
        self.moved = now;
        self.lost = (self.lost + 1).min(MAX_DOUBLINGS);
    }
}

/// How fast snapshots leave, over all peers.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Pace {
    due: Timestamp,
}

impl Pace {
    /// When the next piece may be read.
    pub(super) fn due(&self) -> Timestamp {
        self.due
    }

    /// A piece is read.
    pub(super) fn spend(&mut self, now: Timestamp, bytes: usize, per_second: Option<u64>) {
        let Some(rate) = per_second.filter(|rate| *rate > 0) else { return };
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(rate);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let late = now - self.due;
        self.due = if late > MAX_LATE { now } else { self.due } + takes;
    }
}

#[cfg(test)]
mod tests;
