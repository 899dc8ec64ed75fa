//! How frames get from node to node. A transport may lose, delay, repeat and reorder them; it must
//! not invent them, and it vouches for who sent what.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::consensus::message::Message;
use crate::consensus::types::{Incarnation, NodeId};
use crate::wire::{self, DecodeError, Frame, Kind};

/// The sending side, owned by a node's driver.
pub trait Transport: Send + 'static {
    /// Queues one loop turn's frames for a peer, to be written together. Never blocks: where a
    /// queue is full or the peer is away, frames are lost, and nobody is told.
    fn send(&mut self, to: NodeId, frames: Vec<Frame>);

    /// The peer sent what no correct peer sends: close its connection. It may dial again.
    fn disconnect(&mut self, peer: NodeId, reason: &str);
}

/// A message, and who the transport says sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The id in the sender's certificate.
    pub from: NodeId,
    /// The incarnation that it gave when it connected.
    pub incarnation: Incarnation,
    /// What it said.
    pub message: Message,
}

/// The receiving side of a node, given to its transport. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Inbox {
    queue: mpsc::Sender<Received>,
}

/// Why a frame was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// It is no message: close the connection.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The node has ended.
    #[error("the node has ended")]
    Closed,
    /// The node has more waiting than it takes; the frame is lost.
    #[error("the node's queue is full")]
    Full,
}

/// Frames that may wait for a node's loop; beyond that the transport's own flow control holds.
const INBOX_FRAMES: usize = 1024;

impl Inbox {
    /// An inbox and the queue that a driver drains.
    #[must_use]
    pub fn new() -> (Inbox, mpsc::Receiver<Received>) {
        let (queue, receiver) = mpsc::channel(INBOX_FRAMES);
        (Inbox { queue }, receiver)
    }

    /// Decodes and queues what followed a frame's prefix; waits while the queue is full.
    /// Cancelled, the frame is lost.
    pub async fn deliver(
        &self,
        from: NodeId,
        incarnation: Incarnation,
        kind: Kind,
        header_len: usize,
        payload: &Bytes,
    ) -> Result<(), DeliverError> {
        let message = wire::decode(kind, header_len, payload)?;
        self.queue.send(Received { from, incarnation, message }).await.map_err(|_| DeliverError::Closed)
    }

    /// As [`Inbox::deliver`] for a whole frame, but loses it instead of waiting.
    pub fn try_deliver(
        &self,
        from: NodeId,
        incarnation: Incarnation,
        frame: &Frame,
    ) -> Result<(), DeliverError> {
        let message = wire::decode_frame(frame)?;
        self.queue.try_send(Received { from, incarnation, message }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => DeliverError::Full,
            mpsc::error::TrySendError::Closed(_) => DeliverError::Closed,
        })
    }
}

/// Nodes of one process, wired by queues. Every message still goes through the real codec.
#[derive(Clone, Debug, Default)]
pub struct InProcess {
    inboxes: Arc<std::sync::Mutex<std::collections::BTreeMap<NodeId, Inbox>>>,
}

impl InProcess {
    /// A network without nodes.
    #[must_use]
    pub fn new() -> InProcess {
        InProcess::default()
    }

    /// Adds a node (or its next life) and returns its sending side.
    #[must_use]
    pub fn join(&self, me: NodeId, incarnation: Incarnation, inbox: Inbox) -> InProcessTransport {
        if let Ok(mut inboxes) = self.inboxes.lock() {
            inboxes.insert(me, inbox);
        }
        InProcessTransport { me, incarnation, network: self.clone() }
    }
}

/// One node's sending side of [`InProcess`].
#[derive(Clone, Debug)]
pub struct InProcessTransport {
    me: NodeId,
    incarnation: Incarnation,
    network: InProcess,
}

impl Transport for InProcessTransport {
    fn send(&mut self, to: NodeId, frames: Vec<Frame>) {
        let inbox = self.network.inboxes.lock().ok().and_then(|inboxes| inboxes.get(&to).cloned());
        let Some(inbox) = inbox else { return };
        for frame in frames {
            if let Err(error) = inbox.try_deliver(self.me, self.incarnation, &frame) {
                tracing::debug!(%to, %error, "frame lost");
            }
        }
    }

    fn disconnect(&mut self, peer: NodeId, reason: &str) {
        tracing::warn!(%peer, reason, "peer misbehaves");
    }
}
