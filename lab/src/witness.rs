//! What leaves a node and what its disk holds, held against each other: a transport that reads what
//! passes and tells the ledger.

use raft::NodeId;
use raft::consensus::message::{AppendEntriesReply, AppendOutcome, Heartbeat, Message, RequestVoteReply};
use raft::transport::Transport;
use raft::wire::{self, Frame, Kind, PREFIX};

use crate::carrier::seat_of;
use crate::ledger::SharedLedger;

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
        match claim(frame) {
            Some(Message::RequestVoteReply(RequestVoteReply { term, granted: true })) => {
                self.ledger.lock().voted(self.me, term, seat_of(to));
            }
            Some(Message::AppendEntriesReply(AppendEntriesReply {
                term,
                outcome: AppendOutcome::Matched(index),
                ..
            })) => self.ledger.lock().acknowledged(self.me, term, index),
            Some(Message::Heartbeat(Heartbeat { term, .. })) => self.ledger.lock().leads(self.me, term),
            _ => {}
        }
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
