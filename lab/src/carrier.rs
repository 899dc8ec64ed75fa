//! What carries frames between the nodes of a cluster in one process.

use std::future::Future;

use raft::transport::{InProcess, InProcessTransport, Inbox, Transport};
use raft::{BootId, ClusterId, Incarnation, NodeId};

/// A node about to start a life.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which node.
    pub node: NodeId,
    /// Which life of its disk: the same for all its starts.
    pub incarnation: Incarnation,
    /// Which start.
    pub boot: BootId,
}

/// Makes the transports of one cluster. Node ids are `1..=size`.
pub trait Carrier: Sized + 'static {
    /// A node's sending side.
    type Transport: Transport;

    /// Prepares for a cluster of so many nodes.
    fn new(cluster: &ClusterId, size: usize) -> Result<Self, String>;

    /// Starts a node's transport, which delivers into `inbox`. The one of its life before is gone.
    fn join(&self, seat: &Seat, inbox: Inbox) -> impl Future<Output = Result<Self::Transport, String>>;
}

impl Carrier for InProcess {
    type Transport = InProcessTransport;

    fn new(_: &ClusterId, _: usize) -> Result<InProcess, String> {
        Ok(InProcess::new())
    }

    async fn join(&self, seat: &Seat, inbox: Inbox) -> Result<InProcessTransport, String> {
        Ok(InProcess::join(self, seat.node, seat.incarnation, inbox))
    }
}

/// The id of the node at a place of the table.
#[must_use]
pub fn id_of(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

/// The place of the node with this id.
#[must_use]
pub fn seat_of(id: NodeId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX).wrapping_sub(1)
}
