//! What waits to be written to a stream: one task writes it, all that is ready in one go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use quinn::{SendStream, WriteError};
use tokio::sync::Notify;

use super::wire::{Kind, put_frame};

/// Runs of frames up to here are copied behind what waits; longer ones are written from where they lie.
const COPIED: usize = 4 << 10;

/// Frames for one stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: Vec<Bytes>,
    /// Behind `chunks`.
    tail: BytesMut,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    fn take(&mut self) -> Vec<Bytes> {
        let mut chunks = std::mem::take(&mut self.chunks);
        if !self.tail.is_empty() {
            chunks.push(self.tail.split().freeze());
        }
        chunks
    }
}

impl Outbox {
    /// Queues a frame.
    pub(super) fn frame(&self, kind: Kind, number: u64, body: &[&[u8]]) {
        self.push(|queue| put_frame(&mut queue.tail, kind, number, body));
    }

    /// Queues frames that others have encoded.
    pub(super) fn run(&self, frames: Bytes) {
        self.push(|queue| {
            if frames.len() <= COPIED {
                queue.tail.extend_from_slice(&frames);
            } else {
                queue.chunks.extend((!queue.tail.is_empty()).then(|| queue.tail.split().freeze()));
                queue.chunks.push(frames);
            }
        });
    }

    /// Writes for as long as the connection lasts. quinn's writes are not cancel-safe: for a task of its own.
    pub(super) async fn write_to(&self, stream: &mut SendStream) -> Result<(), WriteError> {
        loop {
            let mut chunks = self.lock().take();
            if chunks.is_empty() {
                self.filled.notified().await;
            } else {
                stream.write_all_chunks(&mut chunks).await?;
            }
        }
    }

    fn push(&self, put: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        let was_empty = queue.is_empty();
        put(&mut queue);
        drop(queue);
        // Whoever writes looks again before it waits.
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> Vec<u8> {
        self.lock().take().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_what_is_long_is_not_copied() {
        let outbox = Outbox::default();
        let long = Bytes::from(vec![7; COPIED + 1]);
        outbox.run(Bytes::from_static(b"ab"));
        outbox.run(long.clone());
        outbox.run(Bytes::from_static(b"cd"));
        outbox.run(Bytes::from_static(b"e"));
        let chunks = outbox.lock().take();
        assert_eq!(chunks, [Bytes::from_static(b"ab"), long.clone(), Bytes::from_static(b"cde")]);
        assert_eq!(chunks[1].as_ptr(), long.as_ptr());
        assert!(outbox.lock().is_empty());
    }
}
