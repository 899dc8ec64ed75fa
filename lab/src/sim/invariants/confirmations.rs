//! A leader answers a read only when a majority has confirmed it since it was asked (§6.4).

use std::collections::BTreeMap;

use raft::Term;
use raft::consensus::message::Message;

use super::{Broken, View};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Confirmations {
    /// Questions and confirmations so far: what stands for the time.
    now: u64,
    /// When a node last answered another's heartbeat in a term.
    confirmed: BTreeMap<(usize, usize, Term), u64>,
}

impl Confirmations {
    /// When a question came, in which term of the node.
    pub(super) fn asked(&mut self, term: Term) -> (u64, Term) {
        self.now += 1;
        (self.now, term)
    }

    pub(super) fn leaves(&mut self, node: usize, to: usize, message: &Message) {
        if let Message::HeartbeatReply(reply) = message {
            self.now += 1;
            self.confirmed.insert((node, to, reply.term), self.now);
        }
    }

    /// Only these questions are still open: times count from the first of them, and what came before it is forgotten.
    pub(super) fn counts_from<'a>(&mut self, open: impl Iterator<Item = &'a mut (u64, Term)>) {
        let mut open: Vec<_> = open.collect();
        open.sort_unstable_by_key(|(asked, _)| *asked);
        let since = |at: u64| open.partition_point(|(asked, _)| *asked < at) as u64;
        self.confirmed.values_mut().for_each(|at| *at = since(*at));
        self.confirmed.retain(|_, at| *at > 0);
        self.now = open.len() as u64;
        open.iter_mut().zip(0..).for_each(|((asked, _), place)| *asked = place);
    }

    pub(super) fn renamed(self, name: impl Fn(usize) -> usize) -> Confirmations {
        let confirmed = self.confirmed.into_iter();
        let confirmed = confirmed.map(|((node, to, term), at)| ((name(node), name(to), term), at));
        Confirmations { confirmed: confirmed.collect(), ..self }
    }

    /// What was asked then is answered.
    pub(super) fn read(&self, view: &View<'_>, (asked, term): (u64, Term)) -> Result<(), Broken> {
        let since = |peer: &usize| {
            *peer == view.node || self.confirmed.get(&(*peer, view.node, term)).is_some_and(|at| *at > asked)
        };
        if (0..view.durable.len()).filter(since).count() >= view.majority() {
            return Ok(());
        }
        let text = format!("node {}, asked in term {term}, read without one", view.node);
        Err(("a read is confirmed by a majority", text))
    }
}
