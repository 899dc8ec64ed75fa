//! What a world pumps: a client without I/O. Given the time and what happened to it, it says what to
//! do; who carries that out, how late and whether at all, it does not know.

use raft::Timestamp;
pub use raft::pump::Ask;
use raft::server::Reply;

/// A simulated client. Deeply `Clone`: a copy goes on for itself, and would do the same.
///
/// After [`Client::step`] drain [`Client::poll`]; step with [`ClientEvent::Tick`] at
/// [`Client::deadline`]. Nodes are counted from 0.
pub trait Client: Clone {
    /// Where the clients of one run write down what they asked and were told, in the order of their
    /// steps: what is written there first, happened first.
    type Record: Clone;

    /// Takes in one event. `now` never goes back.
    fn step(&mut self, now: Timestamp, event: ClientEvent, record: &mut Self::Record);

    /// The next thing to do, in order.
    fn poll(&mut self) -> Option<ClientAction>;

    /// When to step with [`ClientEvent::Tick`] if nothing happens before.
    fn deadline(&self) -> Option<Timestamp>;

    /// After [`ClientEvent::Drain`]: whether all that was asked has ended, and what should be read
    /// back has been. Where a quorum is well, this becomes true in bounded time.
    fn is_done(&self) -> bool;
}

/// Something happened to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// A dial ended well.
    Connected(usize),
    /// A dial ended badly.
    DialFailed(usize),
    /// The connection to a node is gone; what was sent on it and not answered may or may not have
    /// arrived, and is never answered any more.
    Disconnected(usize),
    /// A node answered.
    Answered {
        /// Who.
        node: usize,
        /// Which request.
        tag: u64,
        /// What.
        answer: Answer,
    },
    /// The load ends: begin nothing new, end what is under way, then read back.
    Drain,
    /// Nothing; time has passed.
    Tick,
}

/// Something to do for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Dial a node, then say [`ClientEvent::Connected`] or [`ClientEvent::DialFailed`], in bounded time.
    Dial(usize),
    /// Close the connection to a node, then say [`ClientEvent::Disconnected`].
    HangUp(usize),
    /// Send a request. If that is not possible the connection is gone: say so.
    Send {
        /// To whom.
        node: usize,
        /// Repeated by the answer; not used twice by one client.
        tag: u64,
        /// What.
        ask: Ask,
    },
}

/// What a node said of a request. One that stopped says nothing: its clients are disconnected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The server layer's last word.
    pub reply: Reply,
    /// Which node the `leader` of a `NotLeader` is, if there is such a node.
    pub leader: Option<usize>,
}
