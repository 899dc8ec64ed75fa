//! A transport that suffers what the [`Network`] decides. It sits on each node's sending side.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raft::NodeId;
use raft::transport::Transport;
use raft::wire::Frame;
use tokio::runtime::Handle;

use super::network::{Fate, Network, Ticket};
use crate::carrier::seat_of;

/// See the module.
#[derive(Debug)]
pub struct Faulty<T> {
    me: usize,
    network: Network,
    /// Frames that wait hold it weakly: when the node goes, its transport goes at once, and what
    /// it had not sent yet is lost.
    inner: Arc<Mutex<T>>,
    runtime: Handle,
}

impl<T: Transport> Faulty<T> {
    /// Makes node `me` send through `inner` as far as `network` lets it. Delays are timed on
    /// `runtime`.
    pub fn new(me: usize, network: Network, inner: T, runtime: Handle) -> Faulty<T> {
        Faulty { me, network, inner: Arc::new(Mutex::new(inner)), runtime }
    }

    fn send_later(&self, wait: Duration, ticket: Ticket, to: NodeId, frame: Frame) {
        let inner = Arc::downgrade(&self.inner);
        let (me, network) = (self.me, self.network.clone());
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(inner) = inner.upgrade()
                && network.still_up(me, seat_of(to), ticket)
            {
                inner.lock().unwrap_or_else(PoisonError::into_inner).send(to, vec![frame]);
            }
        });
    }
}

impl<T: Transport> Transport for Faulty<T> {
    fn send(&mut self, to: NodeId, frames: Vec<Frame>) {
        let mut passing = Vec::with_capacity(frames.len());
        for frame in frames {
            match self.network.fate(self.me, seat_of(to), frame.kind) {
                Fate::Lost => {}
                Fate::Passes(_) => passing.push(frame),
                Fate::Waits(wait, ticket) => self.send_later(wait, ticket, to, frame),
            }
        }
        if !passing.is_empty() {
            self.inner.lock().unwrap_or_else(PoisonError::into_inner).send(to, passing);
        }
    }

    fn disconnect(&mut self, peer: NodeId, reason: &str) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).disconnect(peer, reason);
    }
}
