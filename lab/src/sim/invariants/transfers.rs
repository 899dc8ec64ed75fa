//! A snapshot on its way goes on: who has its beginning does not ask for it again.

use raft::Term;
use raft::consensus::message::{InstallSnapshot, InstallSnapshotReply, Message, SnapshotOutcome};
use raft::consensus::snapshot::SnapshotId;

use super::{Broken, View};

/// What a node has of the snapshot that it was sent last.
#[derive(Clone, Copy, Debug, Hash)]
struct Begun {
    snapshot: SnapshotId,
    /// Of the leader that sent a piece last.
    term: Term,
    /// Every byte before this one, as it said.
    there: u64,
    /// Up to where anybody has sent it.
    arrived: u64,
    /// The disk failed, or a leader of an earlier term is answered, with what it asked: no answer means anything
    /// before one that goes beyond this.
    unknown: Option<u64>,
    /// It is damaged, or may be.
    damaged: bool,
}

impl Begun {
    fn new(snapshot: SnapshotId, term: Term) -> Begun {
        Begun { snapshot, term, there: 0, arrived: 0, unknown: None, damaged: false }
    }
}

#[derive(Clone, Debug, Hash)]
pub(super) struct Transfers {
    begun: Vec<Option<Begun>>,
    /// Whose disks do not hold what they were given.
    blemished: Vec<bool>,
}

impl Transfers {
    pub(super) fn new(size: usize) -> Transfers {
        Transfers { begun: vec![None; size], blemished: vec![false; size] }
    }

    /// What was not whole is gone with its life.
    pub(super) fn born(&mut self, node: usize) {
        self.begun[node] = None;
    }

    /// Its file may be gone, and it may not have heard so yet.
    pub(super) fn disk_failed(&mut self, node: usize) {
        self.begun[node].iter_mut().for_each(|begun| begun.unknown = Some(u64::MAX));
    }

    /// It has heard so.
    pub(super) fn has_looked(&mut self, node: usize) {
        let failed = |begun: &&mut Begun| begun.unknown == Some(u64::MAX);
        self.begun[node].iter_mut().filter(failed).for_each(|begun| begun.unknown = Some(begun.arrived));
    }

    /// What it has, and what it sends, may not be what was written.
    pub(super) fn blemished(&mut self, node: usize) {
        self.blemished[node] = true;
        self.begun[node].iter_mut().for_each(|begun| begun.damaged = true);
    }

    pub(super) fn arrives(&mut self, view: &View<'_>, from: usize, message: &Message) {
        let Message::InstallSnapshot(InstallSnapshot { term, snapshot, offset, data }) = message else {
            return;
        };
        // What a damaged disk gave its leader is refused when it is looked at.
        let is_damaged = self.blemished[from] || view.damaged(from).next().is_some();
        let is_late = *term < view.raft.term();
        let begun = &mut self.begun[view.node];
        match begun {
            Some(begun) if begun.snapshot == *snapshot => {}
            // An earlier leader's is answered, and changes nothing.
            Some(_) if is_late => return,
            // Nor does one that the same leader sent before it had a newer one.
            Some(begun) if begun.term == *term && begun.snapshot.last > snapshot.last => return,
            // It takes the place of the other.
            _ => *begun = Some(Begun::new(*snapshot, *term)),
        }
        let Some(begun) = begun else { return };
        begun.term = begun.term.max(*term);
        begun.damaged |= is_damaged;
        begun.arrived = begun.arrived.max(offset + data.len() as u64);
        if is_late {
            begun.unknown = begun.unknown.max(Some(begun.arrived));
        }
    }

    pub(super) fn leaves(&mut self, view: &View<'_>, message: &Message) -> Result<(), Broken> {
        let Message::InstallSnapshotReply(InstallSnapshotReply { snapshot, outcome, .. }) = message else {
            return Ok(());
        };
        let same = |begun: &&mut Begun| begun.snapshot == *snapshot;
        let Some(begun) = self.begun[view.node].as_mut().filter(same) else { return Ok(()) };
        if let SnapshotOutcome::Next(there) = outcome {
            begun.unknown.take_if(|unknown| there > unknown);
        }
        if begun.unknown.is_some() || begun.damaged {
            return Ok(());
        }
        match outcome {
            SnapshotOutcome::Next(0) if begun.there > 0 => {
                let (node, there) = (view.node, begun.there);
                let text = format!("node {node} had {there} bytes of {snapshot:?} and begins again");
                Err(("a transfer goes on", text))
            }
            SnapshotOutcome::Next(there) => {
                begun.there = begun.there.max(*there);
                Ok(())
            }
            SnapshotOutcome::Installed => {
                begun.there = 0;
                Ok(())
            }
        }
    }
}
