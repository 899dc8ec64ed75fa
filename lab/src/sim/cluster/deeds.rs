//! What a node did, kept to be judged by whoever knows what the others did.

use std::sync::Arc;

use raft::LogIndex;
use raft::consensus::Raft;
use raft::consensus::io::Ticket;
use raft::consensus::message::Message;
use raft::server::Reply;
use raft::storage::durable_log::DurableLog;

use crate::sim::invariants::{Belief, Seen, View};

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Deed {
    /// It began a life.
    Begun(Stood),
    /// It took a step, came to believe something of others, and is about to send this, by seat.
    Acted { stood: Stood, messages: Vec<(usize, Message)>, beliefs: Vec<Belief> },
    /// It answered a client.
    Told { stood: Stood, ticket: Ticket, reply: Reply },
}

/// How a node stood then.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Stood {
    raft: Box<Raft>,
    applied: LogIndex,
    /// What was durable.
    pub(in crate::sim) durable: Arc<DurableLog>,
}

impl Stood {
    pub(in crate::sim) fn new(view: &View<'_>) -> Stood {
        let View { raft, applied, .. } = *view;
        Stood { raft: Box::new(raft.clone()), applied, durable: Arc::clone(&view.durable[view.node]) }
    }

    /// The node as it was, among others whose disks are as they are.
    pub(in crate::sim) fn view<'a>(&'a self, node: usize, durable: &'a [Arc<DurableLog>]) -> View<'a> {
        View { node, raft: &self.raft, sessions: None, applied: self.applied, durable, damaged: &[] }
    }

    pub(in crate::sim) fn seen(&self) -> Seen {
        Seen::of(&self.view(0, &[]))
    }

    pub(in crate::sim) fn born(&self) -> Seen {
        Seen::born(&self.view(0, &[]))
    }
}
