//! What meets a node when its disk comes to a certain step: between a write and its sync, a name and its directory's,
//! a completion and the news of it.

use raft::storage::disk::Op;
use raft::storage::memory::Queue as DiskQueue;
use raft::{StateMachine, Timestamp};

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
        matches!((self, op), (Moment::SegmentBegins, Op::Write { offset: 0, .. }))
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
    /// Whether the next operation of a queue must wait: the queue stands still until [`Cluster::hurry_disk`].
    pub(super) fn falls_into_trap(&mut self, node: usize, queue: DiskQueue) -> bool {
        let next = self.nodes[node].disk().and_then(|disk| disk.next(queue));
        let caught = |trap: &mut Trap| {
            trap.moment.queue() == queue && next.is_some_and(|op| trap.moment.is_before(op))
        };
        let trap = self.traps[node].take_if(caught);
        self.sprung.extend(trap.map(|trap| (trap.number, node)));
        self.hold_if(trap.is_some(), node, queue)
    }

    /// A queue stands still: whatever is planned for it comes never.
    fn hold_if(&mut self, sprung: bool, node: usize, queue: DiskQueue) -> bool {
        if sprung {
            self.nodes[node].busy[place(queue)] = Some(Timestamp::from_nanos(u64::MAX));
        }
        sprung
    }

    /// The same after an operation, of which the node is not told yet.
    pub(super) fn is_trapped(&mut self, node: usize, queue: DiskQueue, ran: &Op) -> bool {
        let caught = |trap: &mut Trap| trap.moment.queue() == queue && trap.moment.is_after(ran);
        let trap = self.traps[node].take_if(caught);
        self.sprung.extend(trap.map(|trap| (trap.number, node)));
        self.hold_if(trap.is_some(), node, queue)
    }
}
