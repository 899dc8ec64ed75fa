//! How a node's disk does: watched at every turn, told in its status.

use std::time::Duration;

use crate::consensus::Raft;
use crate::consensus::io::Room;
use crate::consensus::types::Timestamp;
use crate::storage::WalStats;

/// How often a full disk is looked at again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How often a part of the log is read again: a segment of 16 MiB then costs 1.6 MiB a second.
pub(super) const SCRUB: Duration = Duration::from_secs(10);

/// After how long without a write it is written down that all before is durable. What comes more often than that is
/// vouched for by what comes next; and who waits for an answer before it asks again is to find the disk free.
const QUIET: Duration = Duration::from_millis(100);

/// How a disk does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskState {
    /// As it should.
    #[default]
    Ok,
    /// The log lost entries, which come again from the leader; the node does not lead.
    Repairing,
    /// There is no room for more of the log; the node votes, and leads nobody.
    Full,
    /// A write takes longer than several election timeouts; the node leads nobody.
    Slow,
    /// A part of the log, or the newest snapshot, is no more what was written; it goes with the next snapshot.
    Rotten,
}

/// A disk, as its node sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStatus {
    /// In a word.
    pub state: DiskState,
    /// From the submission of a write to the end of its sync, smoothed over some dozen.
    pub sync: Duration,
    /// The longest since the node started.
    pub sync_max: Duration,
    /// Segments of the log, with the one made ahead.
    pub segments: u64,
}

/// Measures syncs, and keeps time for a disk that is full.
#[derive(Clone, Debug)]
pub(crate) struct DiskWatch {
    batches: u64,
    syncs: u64,
    /// When the write that is under way was submitted.
    began: Timestamp,
    sync: Duration,
    sync_max: Duration,
    /// When the last write ended, if no mark has followed: at first that of opening.
    unmarked: Option<Timestamp>,
    /// When to look for room again, if there was none.
    pub(crate) retry_at: Option<Timestamp>,
    /// When to read a part of the log again.
    pub(crate) scrub_at: Timestamp,
    /// How often that is.
    pub(super) scrub_every: Duration,
    /// Reasons to doubt a snapshot that were seen.
    pub(super) doubts: u64,
}

/// How long syncs took is for people.
impl std::hash::Hash for DiskWatch {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        let DiskWatch {
            batches: _,
            syncs: _,
            began: _,
            sync: _,
            sync_max: _,
            unmarked,
            retry_at,
            scrub_at,
            scrub_every,
            doubts,
        } = self;
        (unmarked, retry_at, scrub_at, scrub_every, doubts).hash(hasher);
    }
}

impl Default for DiskWatch {
    fn default() -> DiskWatch {
        DiskWatch {
            batches: 0,
            syncs: 0,
            began: Timestamp::default(),
            sync: Duration::ZERO,
            sync_max: Duration::ZERO,
            unmarked: Some(Timestamp::default()),
            retry_at: None,
            scrub_at: Timestamp::default(),
            scrub_every: SCRUB,
            doubts: 0,
        }
    }
}

impl DiskWatch {
    /// The log was pumped.
    pub(super) fn pumped(&mut self, now: Timestamp, stats: WalStats) {
        if stats.syncs > self.syncs {
            self.syncs = stats.syncs;
            let took = now - self.began;
            self.sync = self.sync - self.sync / 16 + took / 16;
            self.sync_max = self.sync_max.max(took);
            self.unmarked = Some(now);
        }
        if stats.batches > self.batches {
            self.batches = stats.batches;
            self.began = now;
        }
    }

    /// Whether it is time to mark what was written last as durable. Nobody is woken for that: a node of a cluster is
    /// soon enough.
    pub(super) fn is_mark_due(&mut self, now: Timestamp) -> bool {
        self.unmarked.take_if(|ended| *ended + QUIET <= now).is_some()
    }

    /// When it is to be looked at next.
    pub(super) fn due(&self) -> Timestamp {
        self.retry_at.map_or(self.scrub_at, |at| at.min(self.scrub_at))
    }

    pub(super) fn status(&self, now: Timestamp, raft: &Raft, stats: WalStats, rotten: bool) -> DiskStatus {
        let state = if raft.repair().is_some() {
            DiskState::Repairing
        } else if raft.room() == Room::Full {
            DiskState::Full
        } else if raft.disk_is_slow(now) {
            DiskState::Slow
        } else if rotten {
            DiskState::Rotten
        } else {
            DiskState::Ok
        };
        DiskStatus { state, sync: self.sync, sync_max: self.sync_max, segments: stats.segments }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_due_once_after_a_while_without_a_write() {
        let mut watch = DiskWatch::default();
        let at = |millis| Timestamp::from_millis(millis);
        assert_eq!([99, 100, 101].map(|millis| watch.is_mark_due(at(millis))), [false, true, false]);
        for (millis, syncs) in [(200, 1), (250, 2)] {
            watch.pumped(at(millis), WalStats { batches: syncs, syncs, ..WalStats::default() });
        }
        assert_eq!(
            [300, 349, 350, 900].map(|millis| watch.is_mark_due(at(millis))),
            [false, false, true, false]
        );
    }

    #[test]
    fn a_sync_takes_from_the_submission_of_its_write_to_its_end() {
        let mut watch = DiskWatch::default();
        let mut pumped = |millis, batches, syncs| {
            let stats = WalStats { batches, syncs, ..WalStats::default() };
            watch.pumped(Timestamp::from_millis(millis), stats);
            (watch.sync.as_micros(), watch.sync_max.as_millis())
        };
        assert_eq!(pumped(10, 1, 0), (0, 0));
        assert_eq!(pumped(20, 1, 0), (0, 0), "nothing new");
        assert_eq!(pumped(26, 1, 1), (1000, 16));
        assert_eq!(pumped(90, 1, 1), (1000, 16), "nothing new");
        assert_eq!(pumped(90, 2, 1), (1000, 16));
        assert_eq!(pumped(122, 2, 2), (937 + 2000, 32), "a sixteenth of each");
    }
}
