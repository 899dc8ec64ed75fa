//! A log begins behind a snapshot that is on the disk, and a node repairs only what its disk lost.

use raft::LogIndex;

use super::{Broken, Damages, View};

#[derive(Clone, Debug, Hash)]
pub(super) struct Snapshots {
    /// Behind which each node's log began.
    bases: Vec<LogIndex>,
}

impl Snapshots {
    pub(super) fn new(size: usize) -> Snapshots {
        Snapshots { bases: vec![LogIndex(0); size] }
    }

    pub(super) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.bases[view.node] = LogIndex(0);
        if let Some(repair) = view.raft.repair()
            && !view.damaged.get(view.node).is_some_and(Damages::excuse)
        {
            let text = format!("node {} begins with {repair:?}, and its disk lost nothing", view.node);
            return Err(("only what was lost is repaired", text));
        }
        self.check(view)
    }

    pub(super) fn check(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let (node, base) = (view.node, view.raft.log().base().id.index);
        let before = std::mem::replace(&mut self.bases[node], base);
        if base <= before || view.held_base(base) {
            return Ok(());
        }
        let text = format!(
            "node {node}'s log begins behind {base}, its disk has a snapshot at {}",
            view.own().base().id
        );
        Err(("what is compacted away is in a snapshot", text))
    }
}
