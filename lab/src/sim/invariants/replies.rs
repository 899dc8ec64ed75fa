//! What a client is told: only what is committed; of one command of a session always the same place; and
//! a read sees all that was committed when it was asked for.

use std::collections::BTreeMap;

use raft::LogIndex;
use raft::SessionId;
use raft::pump::Ask;
use raft::server::Reply;

use super::{Broken, View};

/// What somebody who has asked may rely on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Promise {
    /// What was committed then.
    committed: LogIndex,
    /// The command of a session.
    command: Option<(SessionId, u64)>,
}

impl Promise {
    pub(super) fn new(ask: &Ask, committed: LogIndex) -> Promise {
        let command = match ask {
            Ask::Propose { tag: Some(tag), .. } => Some((tag.session, tag.serial)),
            Ask::Propose { tag: None, .. } | Ask::OpenSession | Ask::Read { .. } => None,
        };
        Promise { committed, command }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Replies {
    /// Where each command of a session took effect.
    places: BTreeMap<(SessionId, u64), LogIndex>,
}

impl Replies {
    pub(super) fn told(
        &mut self,
        view: &View<'_>,
        promise: Promise,
        reply: &Reply,
        committed: LogIndex,
    ) -> Result<(), Broken> {
        let (node, applied) = (view.node, view.applied);
        match reply {
            Reply::Applied { index, .. } if *index > committed => Err((
                "told is committed",
                format!("node {node} says that {index} is applied; {committed} is committed"),
            )),
            Reply::Applied { index, .. } => match promise.command {
                Some(command) => self.once(node, command, *index),
                None => Ok(()),
            },
            Reply::Read(_) if applied < promise.committed => Err((
                "a read sees what was committed before it",
                format!(
                    "node {node} read at {}; {} was committed when it was asked",
                    applied, promise.committed
                ),
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
