//! Frames that wait for one stream: bounded in bytes, taken many at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use raft::wire::Frame;
use tokio::sync::Notify;

/// Handed to the stream at once, in bytes, unless a single frame is longer.
const BATCH: usize = 1 << 20;
/// Pieces up to this many bytes are copied together: each chunk that quinn gets costs it a heap
/// allocation and a lookup, which is more than copying that much.
const COPY: usize = 2 << 10;

/// The queue. Any number may push, one takes.
#[derive(Debug)]
pub(crate) struct FrameQueue {
    waiting: Mutex<Waiting>,
    pushed: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl FrameQueue {
    /// Holds up to `limit` bytes, but always one frame.
    pub(crate) fn new(limit: usize) -> FrameQueue {
        FrameQueue { waiting: Mutex::default(), pushed: Notify::new(), limit }
    }

    /// Adds frames; returns how many did not fit and are lost.
    pub(crate) fn push(&self, frames: impl Iterator<Item = Frame>) -> u64 {
        let mut dropped = 0;
        let mut waiting = self.lock();
        for frame in frames {
            let len = frame.encoded_len();
            if waiting.frames.is_empty() || waiting.bytes + len <= self.limit {
                waiting.bytes += len;
                waiting.frames.push_back(frame);
            } else {
                dropped += 1;
            }
        }
        drop(waiting);
        self.pushed.notify_one();
        dropped
    }

    /// Waits for frames and takes up to a batch of them, in chunks for one write; returns how many.
    /// Cancelled, nothing is taken.
    pub(crate) async fn take(&self, chunks: &mut Vec<Bytes>) -> u64 {
        loop {
            let frames = self.try_take(chunks);
            if frames > 0 {
                return frames;
            }
            self.pushed.notified().await;
        }
    }

    /// Waits until there is something. For the one that takes.
    pub(crate) async fn filled(&self) {
        while self.lock().frames.is_empty() {
            self.pushed.notified().await;
        }
    }

    /// Throws away what waits; returns how many frames that were.
    pub(crate) fn clear(&self) -> u64 {
        let mut waiting = self.lock();
        let dropped = waiting.frames.len() as u64;
        *waiting = Waiting::default();
        dropped
    }

    fn try_take(&self, chunks: &mut Vec<Bytes>) -> u64 {
        let mut small = BytesMut::new();
        let (mut frames, mut bytes) = (0, 0);
        let mut waiting = self.lock();
        while let Some(frame) = waiting.frames.front() {
            let len = frame.encoded_len();
            if frames > 0 && bytes + len > BATCH {
                break;
            }
            let Some(frame) = waiting.frames.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(len);
            frames += 1;
            bytes += len;
            for piece in std::iter::once(frame.head).chain(frame.body) {
                if piece.len() <= COPY {
                    small.extend_from_slice(&piece);
                } else {
                    chunks.extend((!small.is_empty()).then(|| small.split().freeze()));
                    chunks.push(piece);
                }
            }
        }
        chunks.extend((!small.is_empty()).then(|| small.freeze()));
        frames
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::wire::Kind;

    fn frame(body: &[usize]) -> Frame {
        let body = body.iter().map(|len| Bytes::from(vec![7; *len])).collect();
        Frame { kind: Kind::AppendEntries, head: Bytes::from_static(b"0123456789"), body }
    }

    fn bytes(chunks: &[Bytes]) -> Vec<u8> {
        chunks.concat()
    }

    #[test]
    fn small_pieces_of_many_frames_become_one_chunk() {
        let queue = FrameQueue::new(1 << 20);
        assert_eq!(queue.push((0..100).map(|_| frame(&[10, 10]))), 0);
        let mut chunks = Vec::new();
        assert_eq!(queue.try_take(&mut chunks), 100);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].len(), 3000);
    }

    #[test]
    fn large_pieces_are_not_copied_and_stay_in_order() {
        let queue = FrameQueue::new(1 << 20);
        let frames = [frame(&[5, 5000, 6]), frame(&[1])];
        let whole: Vec<u8> = frames.iter().flat_map(Frame::to_vec).collect();
        let large = frames[0].body[1].as_ptr();
        queue.push(frames.into_iter());
        let mut chunks = Vec::new();
        assert_eq!(queue.try_take(&mut chunks), 2);
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[1].as_ptr(), large);
        assert_eq!(bytes(&chunks), whole);
    }

    #[test]
    fn full_queue_drops_the_newest_and_always_takes_one() {
        let queue = FrameQueue::new(100);
        assert_eq!(queue.push([frame(&[500]), frame(&[1])].into_iter()), 1);
        assert_eq!(queue.try_take(&mut Vec::new()), 1);
        assert_eq!(queue.push([frame(&[40]), frame(&[40]), frame(&[1])].into_iter()), 1);
        assert_eq!(queue.clear(), 2);
        assert_eq!(queue.push([frame(&[90])].into_iter()), 0);
    }

    #[test]
    fn a_batch_is_bounded() {
        let queue = FrameQueue::new(usize::MAX);
        queue.push((0..5).map(|_| frame(&[400 << 10])));
        assert_eq!(queue.try_take(&mut Vec::new()), 2);
        assert_eq!(queue.try_take(&mut Vec::new()), 2);
        assert_eq!(queue.try_take(&mut Vec::new()), 1);
    }
}
