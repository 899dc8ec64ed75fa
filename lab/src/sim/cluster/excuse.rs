//! Why a node may be right not to start, or to end by itself.

use raft::StateMachine;
use raft::pump::StopCause;
use raft::storage::OpenError;

use super::Cluster;
use super::links::Links;
use super::node::StartError;

/// Why a node does not start. What has none must start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Excuse {
    /// Of what a disk does not take, or does not give back, nothing follows for the next time; a file of another's may
    /// be taken away.
    ForNow,
    /// What it would begin with was damaged.
    ForGood,
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Of a node that just failed to start.
    pub(in crate::sim) fn excuse(&self, node: usize, error: &StartError) -> Option<Excuse> {
        let refused = self.nodes[node].was_refused();
        match error {
            StartError::Open(OpenError::NoRoom { .. } | OpenError::Storage { .. })
            | StartError::Stopped(StopCause::Storage(_))
                if refused =>
            {
                Some(Excuse::ForNow)
            }
            StartError::Open(OpenError::ForeignSnapshot { .. }) if self.foreign[node].is_some() => {
                Some(Excuse::ForNow)
            }
            // No damage of its files makes a disk another's, or a whole log one that nobody wrote.
            StartError::Open(OpenError::InUse { .. }) | StartError::Stopped(StopCause::Invariant(_)) => None,
            _ => self.damaged[node].excuse().then_some(Excuse::ForGood),
        }
    }

    /// Whether a node that runs may end by itself.
    pub(super) fn may_end(&self, node: usize, cause: &StopCause) -> bool {
        let member = &self.nodes[node];
        match cause {
            StopCause::Storage(_) => member.was_failed(),
            StopCause::Invariant(_) => member.spoilt,
            _ => false,
        }
    }
}
