//! What of this node's state is on its disk, and what waits for it to be.
//!
//! Invariant: `durable <= submitted <=` the log's last index.

use std::collections::VecDeque;

use super::io::PersistId;
use super::types::{LogIndex, Timestamp};

/// One write that has been handed to the disk.
#[derive(Clone, Copy, Debug, Hash)]
struct InFlight {
    id: PersistId,
    /// The log's end once it is durable; lowered if that end is truncated meanwhile.
    last: LogIndex,
    submitted: Timestamp,
}

/// Tracks writes from the moment they are needed until they are durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Durability {
    completed: PersistId,
    newest: PersistId,
    submitted: LogIndex,
    durable: LogIndex,
    in_flight: VecDeque<InFlight>,
    /// The term or vote changed since the newest write.
    hard_state_changed: bool,
    /// The write that carries the newest term and vote.
    hard_state_in: PersistId,
}

/// Where nothing waits for the disk it does not matter how many writes there were.
impl std::hash::Hash for Durability {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        let Durability {
            completed,
            newest,
            submitted,
            durable,
            in_flight,
            hard_state_changed,
            hard_state_in,
        } = self;
        (submitted, durable, hard_state_changed).hash(hasher);
        if completed != newest {
            (completed, newest, in_flight, hard_state_in).hash(hasher);
        }
    }
}

impl Durability {
    /// For a node whose log, up to `last`, was just read from its disk.
    pub(super) fn recovered(last: LogIndex) -> Durability {
        let before = PersistId::BEFORE_CONSENSUS;
        Durability {
            completed: before,
            newest: before,
            submitted: last,
            durable: last,
            ..Durability::default()
        }
    }

    pub(super) fn durable(&self) -> LogIndex {
        self.durable
    }

    pub(super) fn submitted(&self) -> LogIndex {
        self.submitted
    }

    pub(super) fn hard_state_changed(&self) -> bool {
        self.hard_state_changed
    }

    pub(super) fn completed(&self) -> PersistId {
        self.completed
    }

    pub(super) fn change_hard_state(&mut self) {
        self.hard_state_changed = true;
    }

    /// Entries after `last` are gone: no completion, however late, may vouch for them.
    pub(super) fn truncate_after(&mut self, last: LogIndex) {
        self.submitted = self.submitted.min(last);
        if !crate::seeded_bug!("durable-kept-after-truncation") {
            self.durable = self.durable.min(last);
        }
        for write in &mut self.in_flight {
            if !crate::seeded_bug!("late-completion-raises") {
                write.last = write.last.min(last);
            }
        }
    }

    /// A write is about to be handed over, with everything up to `last`.
    pub(super) fn submit(&mut self, now: Timestamp, last: LogIndex) -> PersistId {
        self.newest = self.upcoming();
        if std::mem::take(&mut self.hard_state_changed) {
            self.hard_state_in = self.newest;
        }
        self.submitted = last;
        self.in_flight.push_back(InFlight { id: self.newest, last, submitted: now });
        self.newest
    }

    /// The disk is done with every write up to `id`.
    pub(super) fn complete(&mut self, id: PersistId) {
        self.completed = self.completed.max(id.min(self.newest));
        while let Some(write) = self.in_flight.front().filter(|w| w.id <= id) {
            self.durable = self.durable.max(write.last);
            self.in_flight.pop_front();
        }
    }

    /// When the oldest write that is not done was handed over.
    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.in_flight.front().map(|write| write.submitted)
    }

    /// The write after which the current term and vote are durable.
    pub(super) fn hard_state_due(&self) -> PersistId {
        if self.hard_state_changed { self.upcoming() } else { self.hard_state_in }
    }

    /// The write after which the current term and vote, and entries up to `index`, are durable.
    pub(super) fn entries_due(&self, index: LogIndex) -> PersistId {
        let entries = if index <= self.durable {
            PersistId::default()
        } else {
            self.in_flight.iter().find(|w| w.last >= index).map_or(self.upcoming(), |w| w.id)
        };
        entries.max(self.hard_state_due())
    }

    fn upcoming(&self) -> PersistId {
        PersistId(self.newest.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_completion_vouches_for_nothing_that_was_truncated() {
        let mut d = Durability::default();
        let first = d.submit(Timestamp::default(), LogIndex(5));
        d.truncate_after(LogIndex(2));
        let second = d.submit(Timestamp::default(), LogIndex(4));
        d.complete(first);
        assert_eq!(d.durable(), LogIndex(2));
        d.complete(second);
        assert_eq!(d.durable(), LogIndex(4));
        d.complete(first);
        assert_eq!((d.durable(), d.completed()), (LogIndex(4), second));
    }

    #[test]
    fn truncation_lowers_what_was_already_durable() {
        let mut d = Durability::recovered(LogIndex(9));
        d.truncate_after(LogIndex(3));
        assert_eq!((d.durable(), d.submitted()), (LogIndex(3), LogIndex(3)));
        assert_eq!(d.entries_due(LogIndex(3)), PersistId(0));
        assert_eq!(d.entries_due(LogIndex(4)), PersistId(3));
    }

    #[test]
    fn the_term_is_due_with_the_write_that_carries_it() {
        let mut d = Durability::default();
        assert_eq!(d.hard_state_due(), PersistId(0));
        d.change_hard_state();
        assert_eq!(d.hard_state_due(), PersistId(1));
        d.submit(Timestamp::default(), LogIndex(0));
        d.submit(Timestamp::default(), LogIndex(1));
        assert_eq!(d.hard_state_due(), PersistId(1));
        assert_eq!(d.entries_due(LogIndex(1)), PersistId(2));
    }

    /// Of states that are alike `lab` explores one.
    #[test]
    fn what_waits_for_the_disk_tells_states_apart_and_how_many_writes_there_were_does_not() {
        let digest = |d: &Durability| {
            let mut hasher = std::hash::DefaultHasher::new();
            std::hash::Hash::hash(d, &mut hasher);
            std::hash::Hasher::finish(&hasher)
        };
        let mut once = Durability::recovered(LogIndex(3));
        let mut twice = once.clone();
        let first = once.submit(Timestamp::default(), LogIndex(4));
        let half = twice.submit(Timestamp::default(), LogIndex(3));
        let second = twice.submit(Timestamp::default(), LogIndex(4));
        assert_ne!(digest(&once), digest(&twice));
        twice.complete(half);
        assert_ne!(digest(&once), digest(&twice), "another write is under way");
        once.complete(first);
        twice.complete(second);
        assert_eq!(digest(&once), digest(&twice));
    }
}
