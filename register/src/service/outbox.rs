//! What waits to be written to a stream: filled by many, written by one task, all that is ready in
//! one go. Batching is worth more than anything else on such a stream, and quinn's writes are not
//! cancel-safe, so nobody else may write.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use quinn::{SendStream, WriteError};
use tokio::sync::Notify;

use crate::protocol::Message;

/// Payloads up to here are copied into the run of small frames; longer ones are sent from where
/// they lie.
const COPY_LIMIT: usize = 4 << 10;

/// Frames for one stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: Vec<Bytes>,
    /// The frames after `chunks`.
    tail: BytesMut,
    /// Bytes pushed and not yet taken by QUIC.
    unwritten: usize,
    /// Bytes admitted by [`Outbox::admit`] and not yet returned.
    admitted: usize,
    /// Somebody waits in [`Outbox::admit`].
    waits_for_room: bool,
    closed: bool,
}

impl Queue {
    fn push<M: Message>(&mut self, tag: u64, message: &M) {
        let before = self.tail.len();
        message.encode_head(tag, &mut self.tail);
        self.unwritten += self.tail.len() - before;
        let Some(payload) = message.shared() else { return };
        self.unwritten += payload.len();
        if payload.len() <= COPY_LIMIT {
            self.tail.extend_from_slice(payload);
        } else {
            self.chunks.push(self.tail.split().freeze());
            self.chunks.push(payload.clone());
        }
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
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame. After [`Outbox::close`] it is dropped.
    pub(super) fn push<M: Message>(&self, tag: u64, message: &M) {
        self.return_and_push(0, tag, message);
    }

    /// As [`Outbox::push`], for a request that was admitted with this weight.
    pub(super) fn return_and_push<M: Message>(&self, weight: usize, tag: u64, message: &M) {
        let mut queue = self.lock();
        queue.admitted = queue.admitted.saturating_sub(weight);
        // The writer takes all that is there before it waits.
        let fills = queue.chunks.is_empty() && queue.tail.is_empty();
        if !queue.closed {
            queue.push(tag, message);
        }
        let drains = weight > 0 && std::mem::take(&mut queue.waits_for_room);
        drop(queue);
        if fills {
            self.filled.notify_one();
        }
        if drains {
            self.drained.notify_one();
        }
    }

    /// Waits until what is admitted and what is unwritten leave room below `limit` bytes, then
    /// counts `weight`. For one caller at a time; cancelled, nothing is counted.
    pub(super) async fn admit(&self, weight: usize, limit: usize) {
        loop {
            {
                let mut queue = self.lock();
                if queue.closed || queue.admitted + queue.unwritten < limit {
                    queue.admitted += weight;
                    return;
                }
                queue.waits_for_room = true;
            }
            self.drained.notified().await;
        }
    }

    /// Nothing more will be pushed: the writer writes what is there, and ends.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.drained.notify_one();
    }

    /// Writes what is pushed until the outbox is closed or the connection lost. Must not be
    /// cancelled and called again.
    pub(super) async fn write_to(&self, stream: &mut SendStream) -> Result<(), WriteError> {
        loop {
            let (mut chunks, closed) = {
                let mut queue = self.lock();
                (queue.take(), queue.closed)
            };
            if chunks.is_empty() {
                if closed {
                    return Ok(());
                }
                self.filled.notified().await;
                continue;
            }
            let bytes: usize = chunks.iter().map(Bytes::len).sum();
            stream.write_all_chunks(&mut chunks).await?;
            let mut queue = self.lock();
            queue.unwritten -= bytes;
            let drains = std::mem::take(&mut queue.waits_for_room);
            drop(queue);
            if drains {
                self.drained.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Response;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Context, Wake, Waker};

    fn answer(len: usize) -> Response {
        Response::ReadAnswer(Bytes::from(vec![7; len]))
    }

    #[test]
    fn small_frames_are_joined_and_large_payloads_not_copied() {
        let outbox = Outbox::default();
        let large = answer(COPY_LIMIT + 1);
        outbox.push(1, &answer(1));
        outbox.push(2, &answer(2));
        outbox.push(3, &large);
        outbox.push(4, &answer(3));
        let chunks = outbox.lock().take();
        let frames = [answer(1).to_frame(1), answer(2).to_frame(2), large.to_frame(3), answer(3).to_frame(4)];
        assert_eq!(chunks.concat(), frames.concat());
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[1].as_ptr(), large.shared().unwrap().as_ptr());
    }

    #[test]
    fn who_would_exceed_the_limit_waits_until_something_returns() {
        let outbox = Outbox::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(outbox.admit(60, 100)).poll(&mut context).is_ready());
        assert!(pin!(outbox.admit(60, 100)).poll(&mut context).is_ready());
        let mut third = pin!(outbox.admit(60, 100));
        assert!(third.as_mut().poll(&mut context).is_pending());
        outbox.return_and_push(60, 1, &answer(200));
        assert!(third.as_mut().poll(&mut context).is_pending(), "an unread answer is no room");
        outbox.lock().unwritten = 0;
        outbox.drained.notify_one();
        assert!(third.as_mut().poll(&mut context).is_ready());
    }

    /// Whoever is not woken waits for ever, and with it its client.
    #[test]
    fn what_returns_wakes_who_waits_for_room_and_what_is_pushed_wakes_the_writer_once() {
        let outbox = Outbox::default();
        let woken = Arc::new(Woken::default());
        let (waker, count) = (Waker::from(woken.clone()), || woken.0.load(Relaxed));
        let mut context = Context::from_waker(&waker);
        assert!(pin!(outbox.admit(100, 100)).poll(&mut context).is_ready());
        let mut next = pin!(outbox.admit(1, 100));
        assert!(next.as_mut().poll(&mut context).is_pending());
        outbox.return_and_push(100, 1, &answer(1));
        assert_eq!(count(), 1);
        assert!(next.as_mut().poll(&mut context).is_ready());

        outbox.lock().take();
        let mut writer = pin!(outbox.filled.notified());
        // What the first answer left.
        assert!(writer.as_mut().poll(&mut context).is_ready());
        writer.set(outbox.filled.notified());
        assert!(writer.as_mut().poll(&mut context).is_pending());
        outbox.push(2, &answer(1));
        outbox.push(3, &answer(1));
        assert_eq!(count(), 2);
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
}
