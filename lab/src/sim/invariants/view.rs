//! A node as the rules see it.

use std::sync::Arc;

use raft::consensus::Raft;
use raft::consensus::entry::Chain;
use raft::consensus::io::RoleName;
use raft::session::Sessions;
use raft::storage::durable_log::DurableLog;
use raft::{LogIndex, Term};

use super::Damages;

/// A node after a step.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) node: usize,
    pub(crate) raft: &'a Raft,
    /// None where a step is looked at that is only remembered.
    pub(crate) sessions: Option<&'a Sessions>,
    pub(crate) applied: LogIndex,
    /// What is durable, of every node.
    pub(crate) durable: &'a [Arc<DurableLog>],
    /// Of every disk.
    pub(crate) damaged: &'a [Damages],
}

impl View<'_> {
    pub(super) fn own(&self) -> &DurableLog {
        &self.durable[self.node]
    }

    /// The term that it leads.
    pub(super) fn leads(&self) -> Option<Term> {
        (self.raft.role() == RoleName::Leader).then(|| self.raft.term())
    }

    /// What was durable on a disk whenever it was damaged or replaced.
    pub(super) fn damaged(&self, node: usize) -> impl Iterator<Item = &DurableLog> {
        self.damaged.get(node).into_iter().flat_map(Damages::iter)
    }

    /// Whether this entry is, or was before damage, durable on a node.
    pub(super) fn has_held(&self, node: usize, index: LogIndex, entry: (Term, Chain)) -> bool {
        let mut logs = std::iter::once(&*self.durable[node]).chain(self.damaged(node));
        logs.any(|log| log.holds(index) == Some(entry))
    }

    /// Whether the node's disk has a snapshot up to there, or had one before damage.
    pub(super) fn held_base(&self, base: LogIndex) -> bool {
        let mut ever = self.damaged(self.node).chain([self.own()]);
        ever.any(|log| log.base().id.index >= base)
    }

    /// On how many nodes.
    pub(super) fn holders(&self, index: LogIndex, entry: (Term, Chain)) -> usize {
        (0..self.durable.len()).filter(|node| self.has_held(*node, index, entry)).count()
    }

    pub(super) fn majority(&self) -> usize {
        self.durable.len() / 2 + 1
    }
}
