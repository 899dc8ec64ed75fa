//! Linearizable reads without writing the log (ReadIndex, dissertation §6.4): a majority must
//! confirm the leader in a round that *started after* the read arrived.

use std::collections::VecDeque;

use super::io::Ticket;
use super::types::LogIndex;
use crate::marks::mark;

/// Reads that one round will answer.
#[derive(Clone, Debug, Hash)]
struct Round {
    number: u64,
    /// The commit index when the round started.
    index: LogIndex,
    reads: Vec<Ticket>,
}

/// A leader's read rounds. Each has a number of its own, so that an answer to an earlier round can
/// never confirm a later one.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct ReadRounds {
    waiting: Vec<Ticket>,
    running: VecDeque<Round>,
    newest: u64,
}

impl ReadRounds {
    /// A read arrives; the next round to start is its own.
    pub(super) fn arrive(&mut self, read: Ticket) {
        self.waiting.push(read);
    }

    /// Whether reads wait for a round of their own.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The number of the newest round: what a heartbeat that leaves now asks to be confirmed.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Starts a round for the waiting reads, unless one is under way: then they wait for it, and
    /// share the next. Returns whether heartbeats must leave now.
    pub(super) fn start(&mut self, commit_index: LogIndex) -> bool {
        if self.waiting.is_empty() || !self.running.is_empty() {
            mark!("read-waits-for-next-round" if !self.waiting.is_empty());
            return false;
        }
        if self.newest == 0 || !crate::seeded_bug!("read-round-reused") {
            self.newest += 1;
        }
        let reads = std::mem::take(&mut self.waiting);
        self.running.push_back(Round { number: self.newest, index: commit_index, reads });
        true
    }

    /// A majority confirmed round `number`, and so every earlier one.
    pub(super) fn confirmed(&mut self, number: u64) -> Vec<(Ticket, LogIndex)> {
        let mut granted = Vec::new();
        while let Some(round) = self.running.pop_front_if(|r| r.number <= number) {
            granted.extend(round.reads.into_iter().map(|read| (read, round.index)));
        }
        granted
    }

    /// Every read that has no answer.
    pub(super) fn abandon(self) -> impl Iterator<Item = Ticket> {
        self.running.into_iter().flat_map(|r| r.reads).chain(self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_never_confirmed_by_a_round_that_started_before_it() {
        let mut rounds = ReadRounds::default();
        rounds.arrive(Ticket(1));
        assert!(rounds.start(LogIndex(10)));
        rounds.arrive(Ticket(2));
        assert!(!rounds.start(LogIndex(11)), "one round at a time");
        assert_eq!(rounds.confirmed(1), [(Ticket(1), LogIndex(10))]);
        assert!(rounds.start(LogIndex(12)));
        assert_eq!(rounds.confirmed(1), []);
        assert_eq!(rounds.confirmed(2), [(Ticket(2), LogIndex(12))]);
    }

    #[test]
    fn every_unanswered_read_is_abandoned() {
        let mut rounds = ReadRounds::default();
        rounds.arrive(Ticket(1));
        rounds.start(LogIndex(1));
        rounds.arrive(Ticket(2));
        assert_eq!(rounds.abandon().collect::<Vec<_>>(), [Ticket(1), Ticket(2)]);
    }

    #[test]
    fn reads_wait_until_a_round_of_their_own_begins() {
        let mut rounds = ReadRounds::default();
        assert!(!rounds.are_waiting() && !rounds.start(LogIndex(1)), "there is none");
        rounds.arrive(Ticket(1));
        assert!(rounds.are_waiting());
        assert!(rounds.start(LogIndex(1)) && !rounds.are_waiting());
        rounds.arrive(Ticket(2));
        rounds.start(LogIndex(1));
        assert!(rounds.are_waiting(), "another is under way");
        assert_eq!(rounds.newest(), 1);
    }
}
