//! What could grow without end is bounded: the replies that sessions keep.

use raft::LogIndex;
use raft::session::ReplyBounds;

use super::{Broken, View};

#[derive(Clone, Debug, Hash)]
pub(super) struct Memory {
    /// Up to where each node had applied when it was looked at.
    looked: Vec<LogIndex>,
}

impl Memory {
    pub(super) fn new(size: usize) -> Memory {
        Memory { looked: vec![LogIndex(0); size] }
    }

    pub(super) fn check(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let Some(sessions) = view.sessions else { return Ok(()) };
        let looked = &mut self.looked[view.node];
        if std::mem::replace(looked, view.applied) == view.applied {
            return Ok(());
        }
        let (kept, bounds) = (sessions.kept(), sessions.bounds());
        let ReplyBounds { session, all } = bounds;
        if kept.session <= session && kept.all <= all {
            return Ok(());
        }
        Err(("sessions keep what they may", format!("node {} keeps {kept:?}, at most {bounds:?}", view.node)))
    }
}
