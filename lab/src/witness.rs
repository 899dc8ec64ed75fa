//! What leaves a node and what its disk holds, held against each other: a transport that reads what
//! passes and tells the ledger.

use raft::NodeId;
use raft::consensus::message::{AppendEntriesReply, AppendOutcome, Heartbeat, Message, RequestVoteReply};
use raft::transport::Transport;
use raft::wire::{self, Frame, Kind, PREFIX};

use crate::carrier::seat_of;
use crate::ledger::{Ledger, SharedLedger};

/// See the module.
#[derive(Debug)]
pub struct Witness<T> {
    me: usize,
    ledger: SharedLedger,
    inner: T,
}

impl<T: Transport> Witness<T> {
    /// Tells `ledger` what node `me` claims in what it sends through `inner`.
    pub fn new(me: usize, ledger: SharedLedger, inner: T) -> Witness<T> {
        Witness { me, ledger, inner }
    }

    fn read(&self, to: NodeId, frame: &Frame) {
        if let Some(message) = claim(frame) {
            hear(&mut self.ledger.lock(), self.me, seat_of(to), &message);
        }
    }
}

/// Tells the ledger what a node claims in a message to another.
pub(crate) fn hear(ledger: &mut Ledger, me: usize, to: usize, message: &Message) {
    match message {
        Message::RequestVoteReply(RequestVoteReply { term, granted: true }) => ledger.voted(me, *term, to),
        Message::AppendEntriesReply(AppendEntriesReply {
            term,
            outcome: AppendOutcome::Matched(index),
            ..
        }) => ledger.acknowledged(me, *term, *index),
        Message::Heartbeat(Heartbeat { term, .. }) => ledger.leads(me, *term),
        _ => {}
    }
}

/// The message, if it is of a kind that claims something and is short.
fn claim(frame: &Frame) -> Option<Message> {
    match frame.kind {
        Kind::RequestVoteReply | Kind::AppendEntriesReply | Kind::Heartbeat => {
            let payload = frame.head.slice(PREFIX.min(frame.head.len())..);
            wire::decode(frame.kind, payload.len(), &payload).ok()
        }
        _ => None,
    }
}

impl<T: Transport> Transport for Witness<T> {
    fn send(&mut self, to: NodeId, frames: Vec<Frame>) {
        for frame in &frames {
            self.read(to, frame);
        }
        self.inner.send(to, frames);
    }

    fn disconnect(&mut self, peer: NodeId, reason: &str) {
        self.inner.disconnect(peer, reason);
    }
}
