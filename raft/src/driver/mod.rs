//! The driver: one tokio task per node that owns its [`crate::pump::Pump`]. It takes every input that waits,
//! steps them all, submits one write, and sends each peer one run of frames.

mod handle;
mod outside;
mod run;
mod starting;
mod threads;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use handle::{
    Accepted, Applied, ApplyError, Handle, OpenSessionError, OutcomeError, ProposeError, ReadError, Stopped,
};

pub use crate::pump::{Ask, Counters, DiskState, DiskStatus, Status, StopCause};

use crate::consensus::config::{Config, InvalidConfig};
use crate::consensus::types::{BootId, Membership, NodeId};
use crate::state_machine::StateMachine;
use crate::storage::{Disk, Identity, Recovered, Storage};
use crate::transport::{Received, Transport};
use crate::wire::WireStats;

/// Bytes of requests that may wait for the loop; beyond that a handle answers `Overloaded`.
const QUEUE_LIMIT: usize = 64 << 20;

/// How a node whose log is empty gets its first membership. Ignored by one whose log is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// The caller knows every member's incarnation (one process, a test) and vouches that all
    /// nodes are given the same.
    Membership(Membership),
    /// Ask the members and agree with all of them; see [`crate::bootstrap`].
    Exchange {
        /// Every initial member, this node included.
        members: Vec<NodeId>,
    },
}

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Timing and limits.
    pub config: Config,
    /// For a node whose log is empty.
    pub bootstrap: Bootstrap,
    /// This start of the process.
    pub boot: BootId,
    /// Seeds the election timeouts; must differ between nodes.
    pub seed: u64,
}

/// A running node. Dropping it crashes the node: what is not durable is lost.
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    wire: Arc<WireStats>,
    task: JoinHandle<()>,
}

impl Node {
    /// Starts a node on the current tokio runtime. `storage`, `identity` and `recovered` are what
    /// [`Storage::open`] returned; `inbox` is the other end of what the transport delivers into.
    pub fn spawn<M, D, T>(
        options: Options,
        (storage, identity, recovered): (Storage<D>, Identity, Recovered),
        machine: M,
        transport: T,
        inbox: mpsc::Receiver<Received>,
    ) -> Result<Node, InvalidConfig>
    where
        M: StateMachine,
        D: Disk,
        T: Transport,
    {
        options.config.validate()?;
        let (requests, waiting) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let (end, ended) = watch::channel(None);
        let wire = Arc::new(WireStats::default());
        let handle = Handle::new(requests, queued.clone(), QUEUE_LIMIT, ended);
        let task = run::spawn(run::Parts {
            options,
            storage,
            identity,
            recovered,
            machine,
            transport,
            inbox,
            requests: waiting,
            queued,
            wire: wire.clone(),
            end,
        });
        Ok(Node { handle, wire, task })
    }

    /// A handle to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What it sent, by kind.
    #[must_use]
    pub fn wire(&self) -> Arc<WireStats> {
        self.wire.clone()
    }

    /// Ends the node once what it has written is durable, and says why it ended. Cancelled, the
    /// node crashes.
    pub async fn stop(mut self) -> StopCause {
        self.handle.stop();
        // A task that panicked has ended too; the handle knows the cause.
        let _ = (&mut self.task).await;
        self.handle.stopped().await
    }

    /// Ends the node at once, as a crash does, and waits until its task is gone.
    pub async fn crash(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}
