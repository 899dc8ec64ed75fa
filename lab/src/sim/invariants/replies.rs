//! What a client is told: only what is committed; of one command of a session always the same place; and
//! a read sees all that was committed when it was asked for, since a majority has confirmed the leader since (§6.4).

use std::collections::BTreeMap;

use raft::consensus::message::Message;
use raft::pump::Ask;
use raft::server::Reply;
use raft::{LogIndex, SessionId, Term};

use super::{Broken, View};

/// What somebody who has asked may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// What was committed then.
    committed: LogIndex,
    /// The command of a session.
    command: Option<(SessionId, u64)>,
    /// When it was asked, in which term of the node.
    asked: (u64, Term),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Replies {
    /// Where each command of a session took effect.
    places: BTreeMap<(SessionId, u64), LogIndex>,
    /// Questions and confirmations so far: what stands for the time.
    now: u64,
    /// When a node last answered another's heartbeat, in which term; by both.
    confirmed: BTreeMap<(usize, usize), (u64, Term)>,
}

impl Replies {
    pub(super) fn asked(&mut self, view: &View<'_>, ask: &Ask, committed: LogIndex) -> Promise {
        let command = match ask {
            Ask::Propose { tag: Some(tag), .. } => Some((tag.session, tag.serial)),
            Ask::Propose { tag: None, .. } | Ask::OpenSession | Ask::Read { .. } => None,
        };
        self.now += 1;
        Promise { committed, command, asked: (self.now, view.raft.term()) }
    }

    pub(super) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) {
        if let Message::HeartbeatReply(reply) = message {
            self.now += 1;
            self.confirmed.insert((view.node, to), (self.now, reply.term));
        }
    }

    /// Whether a majority has answered this leader's heartbeats in its term since it was asked.
    fn is_confirmed(&self, view: &View<'_>, (asked, term): (u64, Term)) -> bool {
        let since = |peer: &usize| match self.confirmed.get(&(*peer, view.node)) {
            Some((at, of)) => *at > asked && *of == term,
            None => *peer == view.node,
        };
        (0..view.durable.len()).filter(since).count() >= view.majority()
    }

    pub(super) fn told(
        &mut self,
        view: &View<'_>,
        promise: Promise,
        reply: &Reply,
        committed: LogIndex,
    ) -> Result<(), Broken> {
        let node = view.node;
        match reply {
            Reply::Applied { index, .. } if *index > committed => Err((
                "told is committed",
                format!("node {node} says that {index} is applied; {committed} is committed"),
            )),
            Reply::Applied { index, .. } => match promise.command {
                Some(command) => self.once(node, command, *index),
                None => Ok(()),
            },
            Reply::Read(_) if view.applied < promise.committed => Err((
                "a read sees what was committed before it",
                format!(
                    "node {node} read at {}; {} was committed when it was asked",
                    view.applied, promise.committed
                ),
            )),
            Reply::Read(_) if !self.is_confirmed(view, promise.asked) => Err((
                "a read is confirmed by a majority",
                format!("node {node}, asked in term {}, read without one", promise.asked.1),
            )),
            _ => Ok(()),
        }
    }

    fn once(&mut self, node: usize, command: (SessionId, u64), index: LogIndex) -> Result<(), Broken> {
        let first = *self.places.entry(command).or_insert(index);
        if first == index {
            return Ok(());
        }
        let (session, serial) = command;
        let text = format!(
            "node {node} says that command {serial} of {session:?} took effect at {index}, and before at {first}"
        );
        Err(("a command takes effect once", text))
    }
}
