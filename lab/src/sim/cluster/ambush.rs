//! What meets a node when its disk comes to a certain step: between a write and its sync, a name and its directory's,
//! a completion and the news of it.

use raft::StateMachine;
use raft::storage::disk::Op;
use raft::storage::memory::Queue as DiskQueue;

use super::Cluster;
use super::links::Links;
use super::waking::place;
use crate::sim::plan::fault::Moment;

/// Waits for a moment, for the sake of an episode.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Trap {
    pub(in crate::sim) number: usize,
    pub(in crate::sim) moment: Moment,
}

impl Moment {
    /// The queue in which it comes.
    pub(in crate::sim) fn queue(self) -> DiskQueue {
        match self {
            Moment::SnapshotNamed | Moment::ReceivedNamed | Moment::SegmentNamed => DiskQueue::Aside,
            Moment::SegmentBegins | Moment::Synced => DiskQueue::Log,
        }
    }

    /// Whether it has come before an operation runs.
    fn is_before(self, op: &Op) -> bool {
        matches!((self, op), (Moment::SegmentBegins, Op::WriteSync { file, offset: 0, .. }) if file.starts_with("wal/"))
    }

    /// Whether it has come with an operation that ran.
    fn is_after(self, op: &Op) -> bool {
        match (self, op) {
            (Moment::SnapshotNamed, Op::Rename { to, .. }) => to.starts_with("snapshots/"),
            (Moment::ReceivedNamed, Op::Rename { from, .. }) => from.starts_with("snapshots/received"),
            (Moment::SegmentNamed, Op::Rename { to, .. }) => to.starts_with("wal/"),
            (Moment::Synced, Op::WriteSync { .. }) => true,
            _ => false,
        }
    }
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Whether the next operation of a queue must wait: the queue stands still until [`Cluster::let_go`].
    pub(super) fn is_met_before(&mut self, node: usize, queue: DiskQueue) -> bool {
        if self.traps[node].is_none() {
            return false;
        }
        let next = self.nodes[node].disk().and_then(|disk| disk.next(queue)).cloned();
        next.is_some_and(|op| self.is_met(node, queue, |moment| moment.is_before(&op)))
    }

    /// The same after an operation, of which the node is not told yet.
    pub(super) fn is_met_after(&mut self, node: usize, queue: DiskQueue, ran: &Op) -> bool {
        self.is_met(node, queue, |moment| moment.is_after(ran))
    }

    fn is_met(&mut self, node: usize, queue: DiskQueue, has_come: impl Fn(Moment) -> bool) -> bool {
        let meets = |trap: &mut Trap| trap.moment.queue() == queue && has_come(trap.moment);
        let Some(trap) = self.traps[node].take_if(meets) else { return false };
        self.triggered.push((trap.number, node));
        self.nodes[node].held[place(queue)] = true;
        true
    }

    /// A queue that stood still goes on.
    pub(in crate::sim) fn let_go(&mut self, node: usize, queue: DiskQueue) {
        self.nodes[node].held[place(queue)] = false;
        self.plan_disk(node);
    }
}
