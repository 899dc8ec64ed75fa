//! What a test may do to a cluster: a handful of async primitives and no clock, runtime or network
//! of its own. One body runs over sockets in real time and in a simulator on virtual time.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use raft::{LogId, Term};

use crate::ledger::Ledger;

/// A test's outcome; the failure says what was seen.
pub type Verdict<T = ()> = Result<T, Failure>;

/// Why a test failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// Ends the surrounding function with a [`Failure`] in the words given.
#[macro_export]
macro_rules! fail {
    ($($words:tt)*) => { return Err($crate::world::Failure(format!($($words)*))) };
}

/// What a node says of its office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its current term.
    pub term: Term,
    /// Whether it believes that it leads.
    pub leads: bool,
}

/// What the nodes have sent since the cluster began, over all their lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// RPC requests; replies are not counted.
    pub requests: u64,
    /// Encoded bytes of requests and replies.
    pub bytes: u64,
}

/// A cluster of nodes `0..size`, and the powers of a test over it. A node is up or crashed, and,
/// independently, connected or cut off; it starts up and connected.
///
/// Bodies hold the world by shared reference and combine several clients with a [`crate::crew::Crew`],
/// so a world needs to run only one future: that of the whole test.
pub trait World {
    /// Nodes in the cluster.
    fn size(&self) -> usize;

    /// Time since the cluster began, on the world's own clock.
    fn now(&self) -> Duration;

    /// Lets the world's time pass.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;

    /// A random number below `bound` (0 if that is 0).
    fn random(&self, bound: u64) -> u64;

    /// Offers a command to a node. Answers where a leader's log put it, or `None` if the node is
    /// down or does not lead.
    fn propose(&self, node: usize, command: Bytes) -> impl Future<Output = Option<LogId>>;

    /// What the node says of itself; `None` if it is down.
    fn standing(&self, node: usize) -> impl Future<Output = Option<Standing>>;

    /// Whether the node is running.
    fn is_up(&self, node: usize) -> bool;

    /// Whether the node's links are up.
    fn is_connected(&self, node: usize) -> bool;

    /// Cuts all the node's links, both ways; what is on its way is lost.
    fn cut(&self, node: usize);

    /// Brings back the node's links to every connected node.
    fn connect(&self, node: usize);

    /// Cuts the node off and ends it: only what it had made durable remains.
    fn crash(&self, node: usize) -> impl Future<Output = ()>;

    /// Starts the node's next life over what is durable, crashing it first if it runs. It stays
    /// cut off until [`World::connect`].
    fn restart(&self, node: usize) -> impl Future<Output = Verdict>;

    /// Turns loss and short delays on or off, for all links.
    fn set_unreliable(&self, on: bool);

    /// Turns long delays of most replies on or off, for all links.
    fn set_long_reordering(&self, on: bool);

    /// What was sent so far.
    fn traffic(&self) -> Traffic;

    /// Looks at what the nodes' state machines have applied.
    fn observe<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R;
}
