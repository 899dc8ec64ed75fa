//! What the nodes were seen to do, and the safety properties of the paper's Figure 3 that can be
//! checked on it as it happens: state machine safety, election safety, votes and terms.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use raft::{LogIndex, Term};

use crate::world::Standing;

/// A command that a state machine has applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its place in the log, among entries that are no commands.
    pub at: LogIndex,
    /// The command.
    pub command: Bytes,
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
struct Member {
    /// Counts its starts; what a former life still says is ignored.
    life: u64,
    /// Commands applied in this life.
    applied: usize,
    /// The newest term that it named in this life.
    term: Term,
    /// The newest term that it led, in any life: that term was durable.
    led: Term,
    /// Whom it granted its vote, by term, over all lives.
    votes: BTreeMap<Term, usize>,
    /// The newest term in which it acknowledged entries, and up to where.
    acknowledged: (Term, LogIndex),
}

/// The history that all nodes must share. Commands are numbered from 1 in the order of their
/// application: entries of the protocol's own (a leader's first, the membership) do not count.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    members: Vec<Member>,
    history: Vec<Applied>,
    leaders: BTreeMap<Term, usize>,
    violation: Option<String>,
}

impl Ledger {
    /// A ledger for nodes `0..size`, none of which has started.
    #[must_use]
    pub fn new(size: usize) -> Ledger {
        Ledger { members: vec![Member::default(); size], ..Ledger::default() }
    }

    /// The node starts, with an empty state machine. Answers the number of this life, from 1.
    pub fn born(&mut self, node: usize) -> u64 {
        let member = &mut self.members[node];
        member.life += 1;
        member.applied = 0;
        member.term = Term(0);
        member.life
    }

    /// The node's state machine applied a command.
    pub fn applied(&mut self, node: usize, life: u64, at: LogIndex, command: &Bytes) {
        let member = &mut self.members[node];
        if member.life != life {
            return;
        }
        member.applied += 1;
        let number = member.applied;
        let entry = Applied { at, command: command.clone() };
        if let Some(known) = self.history.get(number - 1) {
            if *known != entry {
                let (was, is) = (show(known), show(&entry));
                self.broken(format!("node {node} applied {is} as command {number}, another applied {was}"));
            }
            return;
        }
        if let Some(last) = self.history.last()
            && last.at >= at
        {
            let last = show(last);
            self.broken(format!("node {node} applied {} after {last}: out of order", show(&entry)));
        }
        self.history.push(entry);
    }

    /// The newest term that the node is known to have been in: it may never name an older one.
    #[must_use]
    pub fn newest_term(&self, node: usize) -> Term {
        let member = &self.members[node];
        member.term.max(member.led)
    }

    /// The node answered, in this life, that this is its standing. When it was asked, its
    /// [`Ledger::newest_term`] was `known`; since then another answer may have overtaken this one.
    pub fn standing(&mut self, node: usize, standing: Standing, known: Term) {
        let Standing { term, leads } = standing;
        if term < known {
            self.broken(format!("node {node} went back from term {known} to term {term}"));
            return;
        }
        let member = &mut self.members[node];
        member.term = member.term.max(term);
        if leads {
            self.leads(node, term);
        }
    }

    /// The node acted as the leader of a term.
    pub fn leads(&mut self, node: usize, term: Term) {
        let member = &mut self.members[node];
        member.led = member.led.max(term);
        let leader = *self.leaders.entry(term).or_insert(node);
        if leader != node {
            self.broken(format!("nodes {leader} and {node} both lead term {term}"));
        }
    }

    /// The node sent its vote for `candidate`: in no life may it send another of this term.
    pub fn voted(&mut self, node: usize, term: Term, candidate: usize) {
        let first = *self.members[node].votes.entry(term).or_insert(candidate);
        if first != candidate {
            self.broken(format!("node {node} voted for {first} and {candidate} in term {term}"));
        }
    }

    /// The node told the leader of `term` that it holds every entry up to `index`.
    pub fn acknowledged(&mut self, node: usize, term: Term, index: LogIndex) {
        let member = &mut self.members[node];
        member.acknowledged = member.acknowledged.max((term, index));
    }

    /// The node starts a new life with this on its disk: whatever it had claimed must be there.
    /// `voted_for` is a node of `0..size`.
    pub fn recovered(&mut self, node: usize, term: Term, voted_for: Option<usize>, last: LogIndex) {
        let member = &self.members[node];
        let (acked_term, acked) = member.acknowledged;
        let vote = member.votes.last_key_value().map(|(term, candidate)| (*term, *candidate));
        let claimed = member.led.max(acked_term).max(vote.map_or(Term(0), |(term, _)| term));
        if term < claimed {
            self.broken(format!("node {node} spoke in term {claimed}, but its disk has term {term}"));
        } else if term == acked_term && last < acked {
            // The leader of a term never takes back an entry, so within it the log only grows.
            self.broken(format!("node {node} acknowledged {acked} in term {term}, its disk ends at {last}"));
        } else if let Some((voted_in, candidate)) = vote
            && voted_in == term
            && voted_for != Some(candidate)
        {
            self.broken(format!(
                "node {node} voted for {candidate} in term {term}, its disk has {voted_for:?}"
            ));
        }
    }

    /// A safety property is broken; the first one counts.
    pub fn broken(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// The first safety property that was seen broken.
    #[must_use]
    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// Commands applied anywhere.
    #[must_use]
    pub fn len(&self) -> usize {
        self.history.len()
    }

    /// Whether nothing was applied yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.history.is_empty()
    }

    /// The command of this number, from 1.
    #[must_use]
    pub fn command(&self, number: usize) -> Option<&Bytes> {
        Some(&self.history.get(number.checked_sub(1)?)?.command)
    }

    /// The number of the command that stands at this place of the log, if one was applied from it.
    #[must_use]
    pub fn number_at(&self, at: LogIndex) -> Option<usize> {
        self.history.binary_search_by_key(&at, |applied| applied.at).ok().map(|place| place + 1)
    }

    /// Whether a place behind this one was applied: what is not at `at` now will never be.
    #[must_use]
    pub fn is_past(&self, at: LogIndex) -> bool {
        self.history.last().is_some_and(|last| last.at > at)
    }

    /// How many nodes have applied the command of this number (in their latest life).
    #[must_use]
    pub fn count(&self, number: usize) -> usize {
        self.members.iter().filter(|member| number > 0 && member.applied >= number).count()
    }

    /// What each node has, in one line, for a failure's report.
    #[must_use]
    pub fn summary(&self) -> String {
        let nodes: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .map(|(node, m)| format!("{node}: life {} term {} applied {}", m.life, m.term, m.applied))
            .collect();
        format!("{} commands; {}", self.len(), nodes.join("; "))
    }
}

/// A ledger that the nodes of one process write into. Cloning shares it.
#[derive(Clone, Debug)]
pub struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    /// A ledger for nodes `0..size`.
    #[must_use]
    pub fn new(size: usize) -> SharedLedger {
        SharedLedger(Arc::new(Mutex::new(Ledger::new(size))))
    }

    /// The ledger, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show(applied: &Applied) -> String {
    let Applied { at, command } = applied;
    let shown = &command[..command.len().min(16)];
    format!("{shown:02x?} ({} bytes) from index {at}", command.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(3);
        for node in 0..3 {
            assert_eq!(ledger.born(node), 1);
        }
        for (at, command) in [(2, "a"), (4, "b")] {
            ledger.applied(0, 1, LogIndex(at), &Bytes::from_static(command.as_bytes()));
        }
        ledger
    }

    #[test]
    fn commands_are_numbered_without_the_protocols_own_entries() {
        let ledger = ledger();
        assert_eq!(ledger.number_at(LogIndex(4)), Some(2));
        assert_eq!(ledger.number_at(LogIndex(3)), None);
        assert!(ledger.is_past(LogIndex(3)) && !ledger.is_past(LogIndex(4)));
        assert_eq!((ledger.count(2), ledger.count(3)), (1, 0));
        assert_eq!(ledger.violation(), None);
    }

    #[test]
    fn another_command_at_the_same_number_is_seen() {
        let mut ledger = ledger();
        ledger.applied(1, 1, LogIndex(2), &Bytes::from_static(b"x"));
        assert!(ledger.violation().unwrap().contains("as command 1"));
    }

    #[test]
    fn a_skipped_command_is_seen() {
        let mut ledger = ledger();
        ledger.applied(1, 1, LogIndex(4), &Bytes::from_static(b"b"));
        assert!(ledger.violation().unwrap().contains("as command 1"));
    }

    #[test]
    fn going_back_in_the_log_is_seen() {
        let mut ledger = ledger();
        ledger.applied(0, 1, LogIndex(3), &Bytes::from_static(b"c"));
        assert!(ledger.violation().unwrap().contains("out of order"));
    }

    #[test]
    fn a_former_life_is_not_heard() {
        let mut ledger = ledger();
        assert_eq!(ledger.born(0), 2);
        ledger.applied(0, 1, LogIndex(9), &Bytes::from_static(b"late"));
        assert_eq!((ledger.len(), ledger.count(1)), (2, 0));
        assert_eq!(ledger.violation(), None);
    }

    #[test]
    fn two_leaders_of_a_term_are_seen() {
        let mut ledger = ledger();
        ledger.standing(0, Standing { term: Term(3), leads: true }, Term(0));
        ledger.standing(1, Standing { term: Term(4), leads: true }, Term(0));
        assert_eq!(ledger.violation(), None);
        ledger.leads(1, Term(3));
        assert_eq!(ledger.violation(), Some("nodes 0 and 1 both lead term 3"));
    }

    #[test]
    fn a_term_that_went_back_is_seen() {
        let mut ledger = ledger();
        ledger.standing(0, Standing { term: Term(3), leads: false }, Term(0));
        // Asked before the answer above was heard: no fault.
        ledger.standing(0, Standing { term: Term(2), leads: false }, Term(0));
        assert_eq!(ledger.violation(), None);
        let known = ledger.newest_term(0);
        ledger.standing(0, Standing { term: Term(2), leads: false }, known);
        assert!(ledger.violation().unwrap().contains("went back"));
    }

    #[test]
    fn a_second_vote_of_a_term_is_seen_across_lives() {
        let mut ledger = ledger();
        ledger.voted(2, Term(5), 0);
        ledger.born(2);
        ledger.voted(2, Term(5), 0);
        assert_eq!(ledger.violation(), None);
        ledger.voted(2, Term(5), 1);
        assert!(ledger.violation().unwrap().contains("voted for 0 and 1"));
    }

    #[test]
    fn a_claim_that_the_disk_lacks_is_seen() {
        let mut claims = ledger();
        claims.voted(1, Term(5), 0);
        claims.acknowledged(1, Term(5), LogIndex(7));
        let recovered = |term, vote, last| {
            let mut ledger = claims.clone();
            ledger.recovered(1, Term(term), vote, LogIndex(last));
            ledger.violation().map(str::to_owned)
        };
        assert_eq!(recovered(5, Some(0), 7), None);
        // A later leader may have replaced what was acknowledged.
        assert_eq!(recovered(6, None, 3), None);
        assert!(recovered(4, None, 7).unwrap().contains("its disk has term 4"));
        assert!(recovered(5, Some(0), 6).unwrap().contains("its disk ends at 6"));
        assert!(recovered(5, Some(2), 7).unwrap().contains("voted for 0"));
    }
}
