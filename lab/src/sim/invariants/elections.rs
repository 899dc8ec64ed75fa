//! At most one leader in a term, and only with a majority's votes; at most one vote of a node in a term, whatever lives it has led.

use std::collections::BTreeMap;

use raft::Term;
use raft::consensus::message::Message;

use super::{Broken, View};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Elections {
    leaders: BTreeMap<Term, usize>,
    /// By node and term.
    votes: BTreeMap<(usize, Term), usize>,
}

impl Elections {
    pub(super) fn check(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let (node, Some(term)) = (view.node, view.leads()) else { return Ok(()) };
        match self.leaders.insert(term, node) {
            None => self.elected(view, term),
            Some(leader) if leader == node => Ok(()),
            Some(leader) => {
                Err(("one leader a term", format!("nodes {leader} and {node} both lead term {term}")))
            }
        }
    }

    /// A majority has said that it votes for it; its own vote it tells nobody where there is nobody else.
    fn elected(&self, view: &View<'_>, term: Term) -> Result<(), Broken> {
        let node = view.node;
        let voted = |voter: &usize| *voter == node || self.votes.get(&(*voter, term)) == Some(&node);
        let votes = (0..view.durable.len()).filter(voted).count();
        if votes >= view.majority() {
            return Ok(());
        }
        Err(("a leader has a majority's votes", format!("node {node} leads term {term} with {votes} votes")))
    }

    pub(super) fn leaves(&mut self, node: usize, to: usize, message: &Message) -> Result<(), Broken> {
        let (term, candidate) = match message {
            Message::RequestVoteReply(reply) if reply.granted => (reply.term, to),
            Message::RequestVote(request) => (request.term, node),
            _ => return Ok(()),
        };
        let first = *self.votes.entry((node, term)).or_insert(candidate);
        if first == candidate {
            return Ok(());
        }
        Err(("one vote a term", format!("node {node} voted for {first} and {candidate} in term {term}")))
    }

    pub(super) fn has_led(&self) -> bool {
        !self.leaders.is_empty()
    }

    pub(super) fn renamed(self, name: impl Fn(usize) -> usize) -> Elections {
        let leaders = self.leaders.into_iter().map(|(term, node)| (term, name(node)));
        let votes = self.votes.into_iter().map(|((node, term), to)| ((name(node), term), name(to)));
        Elections { leaders: leaders.collect(), votes: votes.collect() }
    }
}
