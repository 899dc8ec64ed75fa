//! A leader answers a read only when a majority has confirmed it since it was asked (§6.4).

use std::collections::BTreeMap;

use raft::Term;
use raft::consensus::message::Message;

use super::{Broken, View};

#[derive(Clone, Debug, Default)]
pub(super) struct Confirmations {
    /// Questions and confirmations so far: what stands for the time.
    now: u64,
    /// When a node last answered another's heartbeat in a term.
    confirmed: BTreeMap<(usize, usize, Term), u64>,
}

impl Confirmations {
    /// When a question came, in which term of the node.
    pub(super) fn asked(&mut self, view: &View<'_>) -> (u64, Term) {
        self.now += 1;
        (self.now, view.raft.term())
    }

    pub(super) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) {
        if let Message::HeartbeatReply(reply) = message {
            self.now += 1;
            self.confirmed.insert((view.node, to, reply.term), self.now);
        }
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
