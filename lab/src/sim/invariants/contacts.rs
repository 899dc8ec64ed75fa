//! What a node makes of what it hears: a later term is its own at once (Figure 2, "Rules for Servers"); but while it
//! hears a leader it helps nobody to replace it, by no pre-vote and by no vote (dissertation §9.6).

use std::collections::BTreeSet;

use raft::consensus::io::RoleName;
use raft::consensus::message::Message;
use raft::{Term, Timestamp};

use super::{Broken, View};

/// What is looked for once the message that arrives has been taken in.
#[derive(Clone, Copy, Debug, Hash)]
enum Arrived {
    /// A term.
    Term {
        term: Term,
        /// Only leaders say it.
        of_leader: bool,
        now: Timestamp,
    },
    /// A candidate's request while a leader was heard, in this term of the node.
    Disturbance { candidate: usize, own: Term },
}

const NOT_DISTURBED: &str = "a leader that is heard is not disturbed";

#[derive(Clone, Debug, Hash)]
pub(super) struct Contacts {
    arrived: Vec<Option<Arrived>>,
    /// When a node last obeyed a leader, by its own clock.
    heard: Vec<Option<Timestamp>>,
    /// Who asked whom for which term's pre-vote while that one heard no leader.
    asked: BTreeSet<(usize, usize, Term)>,
}

impl Contacts {
    pub(super) fn new(size: usize) -> Contacts {
        Contacts { arrived: vec![None; size], heard: vec![None; size], asked: BTreeSet::new() }
    }

    /// It owes nobody an answer.
    pub(super) fn answered(&mut self, node: usize) {
        self.asked.retain(|(asked, ..)| *asked != node);
    }

    /// Its clock begins again, too.
    pub(super) fn born(&mut self, node: usize) {
        (self.heard[node], self.arrived[node]) = (None, None);
        self.asked.retain(|(asked, ..)| *asked != node);
    }

    pub(super) fn arrives(&mut self, view: &View<'_>, now: Timestamp, from: usize, message: &Message) {
        self.arrived[view.node] = None;
        let (term, of_leader) = match message {
            Message::PreVote(ask) => {
                if !self.hears_a_leader(view, now) {
                    self.asked.insert((view.node, from, ask.term));
                }
                return;
            }
            // Whoever hears a leader ignores it, whatever its term.
            Message::RequestVote(ask) => {
                if !ask.leadership_transfer && self.hears_a_leader(view, now) {
                    let own = view.raft.term();
                    self.arrived[view.node] = Some(Arrived::Disturbance { candidate: from, own });
                }
                return;
            }
            Message::Introduction(_) | Message::IntroductionReply(_) => return,
            Message::AppendEntries(m) => (m.term, true),
            Message::Heartbeat(m) => (m.term, true),
            Message::InstallSnapshot(m) => (m.term, true),
            Message::PreVoteReply(m) => (m.term, false),
            Message::RequestVoteReply(m) => (m.term, false),
            Message::AppendEntriesReply(m) => (m.term, false),
            Message::HeartbeatReply(m) => (m.term, false),
            Message::InstallSnapshotReply(m) => (m.term, false),
        };
        self.arrived[view.node] = Some(Arrived::Term { term, of_leader, now });
    }

    fn hears_a_leader(&self, view: &View<'_>, now: Timestamp) -> bool {
        let patience = view.raft.config().election_min;
        view.raft.role() == RoleName::Leader
            || self.heard[view.node].is_some_and(|heard| now < heard + patience)
    }

    /// What arrived has been taken in.
    pub(super) fn taken(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let (node, term) = (view.node, view.raft.term());
        match self.arrived[node].take() {
            Some(Arrived::Term { term: heard, .. }) if term < heard => {
                let text = format!("node {node} has heard of term {heard} and stays in {term}");
                Err(("a later term is taken over", text))
            }
            Some(Arrived::Term { term: heard, of_leader: true, now }) if term == heard => {
                self.heard[node] = Some(now);
                Ok(())
            }
            Some(Arrived::Disturbance { candidate, own }) if term != own => {
                let text =
                    format!("node {node} hears a leader and goes from {own} to {term} for {candidate}");
                Err((NOT_DISTURBED, text))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn leaves(&self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        let Message::PreVoteReply(reply) = message else { return Ok(()) };
        let node = view.node;
        if !reply.granted || self.asked.contains(&(node, to, reply.asked)) {
            return Ok(());
        }
        let text = format!("node {node} hears a leader and would vote for {to} in term {}", reply.asked);
        Err((NOT_DISTURBED, text))
    }
}
