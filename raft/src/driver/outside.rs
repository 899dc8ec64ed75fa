//! What a node has outside its pure core: the network, the requests, the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::handle::Request;
use crate::consensus::io::PersistId;
use crate::consensus::message::Message;
use crate::consensus::types::{NodeId, Timestamp};
use crate::storage::{Disk, Storage, StorageError};
use crate::transport::{Received, Transport};
use crate::wire::{self, Frame, WireStats};

/// What a node has outside its pure core.
pub(super) struct Outside<T> {
    pub(super) transport: T,
    pub(super) inbox: mpsc::Receiver<Received>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) queued: Arc<AtomicUsize>,
    pub(super) wire: Arc<WireStats>,
    /// Notified when the disk has something.
    pub(super) disk: Arc<Notify>,
    pub(super) clock: Instant,
}

/// Something that a node must look at.
pub(super) enum Event {
    Message(Received),
    Request(Request),
    Disk,
    Deadline,
}

impl<T: Transport> Outside<T> {
    pub(super) fn now(&self) -> Timestamp {
        since(self.clock)
    }

    /// Takes no more requests, and drops those that wait, also one that is just being queued: who waits for an answer
    /// learns that there is none.
    pub(super) async fn close(&mut self) {
        self.requests.close();
        while self.requests.recv().await.is_some() {}
    }

    /// The next event.
    pub(super) async fn wait(&mut self, deadline: Timestamp) -> Event {
        let deadline = self.clock + (deadline - Timestamp::default());
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => self.request(request),
            Some(received) = self.inbox.recv() => Event::Message(received),
            () = self.disk.notified() => Event::Disk,
            () = sleep_until(deadline) => Event::Deadline,
        }
    }

    /// Another event that already waits.
    pub(super) fn ready(&mut self) -> Option<Event> {
        if let Ok(received) = self.inbox.try_recv() {
            return Some(Event::Message(received));
        }
        let request = self.requests.try_recv().ok()?;
        Some(self.request(request))
    }

    fn request(&self, request: Request) -> Event {
        self.queued.fetch_sub(request.weight(), Relaxed);
        Event::Request(request)
    }

    pub(super) fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        for (to, messages) in messages {
            let frames: Vec<Frame> = messages.iter().map(wire::encode).collect();
            for frame in &frames {
                self.wire.count(frame.kind, frame.encoded_len());
            }
            self.transport.send(to, frames);
        }
    }

    pub(super) fn send_one(&mut self, to: NodeId, message: Message) {
        self.send(BTreeMap::from([(to, vec![message])]));
    }

    /// Waits until everything handed to the log is durable.
    pub(super) async fn persisted<D: Disk>(
        &mut self,
        storage: &mut Storage<D>,
        id: PersistId,
    ) -> Result<(), StorageError> {
        loop {
            if storage.pump()?.is_some_and(|durable| durable >= id) {
                return Ok(());
            }
            self.disk.notified().await;
        }
    }
}

/// The time on a node's clock, which began then.
pub(super) fn since(clock: Instant) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
