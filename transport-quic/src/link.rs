//! The connection that this node dials to one peer, and everything it sends to it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use quinn::{Connection, ConnectionError, SendStream};
use raft::wire::{Class, Frame, MAX_CONTROL_FRAME, MAX_LOG_FRAME, MAX_SNAPSHOT_FRAME, PREFIX};
use raft::{BootId, NodeId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::config::{Limits, PeerAddr};
use crate::dial::{DialError, Dialled, dial};
use crate::identity;
use crate::purpose::Purpose;
use crate::queue::FrameQueue;
use crate::refusal::{NO_ERROR, Refused, refused_by_peer};
use crate::shared::Shared;
use crate::stats::{QuicStats, add};

/// The shortest wait before dialling again.
const RECONNECT_MIN: Duration = Duration::from_millis(20);
/// A connection that lived so long was a success: the next wait is short again.
const LIVED: Duration = Duration::from_secs(1);
/// An attempt younger than this has lost nothing yet (the first probe comes after three initial
/// round trips); news from the peer is no reason to start it over.
const YOUNG: Duration = Duration::from_millis(50);
/// quinn sends streams of higher priority first.
const CONTROL_PRIORITY: i32 = 1;

/// What is kept for a peer, connected or not.
pub(crate) struct Link {
    peer: NodeId,
    control: Arc<FrameQueue>,
    log: Arc<FrameQueue>,
    /// For a connection of its own; see [`crate::bulk`].
    snapshots: FrameQueue,
    /// A Hello came from the peer, or its address changed.
    news: Notify,
    state: Mutex<State>,
}

struct State {
    address: PeerAddr,
    /// The boot id in the last Hello that the peer sent us.
    heard_boot: Option<BootId>,
    connection: Option<Connection>,
    snapshot_connection: Option<Connection>,
    connected_before: bool,
}

/// How an attempt or a connection ended.
enum Ended {
    /// It failed, or broke: try again after a while.
    Failed(String),
    /// The peer is alive, but not at the other end of this: dial at once.
    Stale,
}

impl Link {
    pub(crate) fn new(peer: NodeId, address: PeerAddr, limits: &Limits) -> Link {
        Link {
            peer,
            control: Arc::new(FrameQueue::new(limits.control_queue)),
            log: Arc::new(FrameQueue::new(limits.log_queue)),
            snapshots: FrameQueue::new(limits.snapshot_queue),
            news: Notify::new(),
            state: Mutex::new(State {
                address,
                heard_boot: None,
                connection: None,
                snapshot_connection: None,
                connected_before: false,
            }),
        }
    }

    /// Queues frames; what does not fit is dropped and counted.
    pub(crate) fn send(&self, frames: Vec<Frame>, stats: &QuicStats) {
        let (fit, too_long): (Vec<_>, Vec<_>) = frames.into_iter().partition(fits);
        let (control, bulk): (Vec<_>, Vec<_>) =
            fit.into_iter().partition(|frame| frame.kind.class() == Class::Control);
        let (snapshots, log): (Vec<_>, Vec<_>) =
            bulk.into_iter().partition(|frame| frame.kind.class() == Class::Snapshot);
        let mut dropped = too_long.len() as u64;
        let queues = [(&*self.control, control), (&*self.log, log), (&self.snapshots, snapshots)];
        for (queue, frames) in queues {
            if !frames.is_empty() {
                dropped += queue.push(frames.into_iter());
            }
        }
        add(&stats.counters().frames_dropped, dropped);
    }

    /// The peer has said Hello: it is alive, under this boot id.
    pub(crate) fn heard(&self, boot: BootId) {
        self.state().heard_boot = Some(boot);
        self.news.notify_one();
    }

    /// Dials elsewhere from now on; a connection that works is kept.
    pub(crate) fn set_address(&self, address: PeerAddr) {
        self.state().address = address;
        self.news.notify_one();
    }

    /// Closes the connections, if there are any.
    pub(crate) fn close(&self, refused: &Refused) {
        let mut state = self.state();
        let connections = [state.connection.take(), state.snapshot_connection.take()];
        drop(state);
        connections.iter().flatten().for_each(|connection| refused.close(connection));
    }

    pub(crate) fn peer(&self) -> NodeId {
        self.peer
    }

    pub(crate) fn address(&self) -> PeerAddr {
        self.state().address.clone()
    }

    pub(crate) fn snapshots(&self) -> &FrameQueue {
        &self.snapshots
    }

    pub(crate) fn set_snapshot_connection(&self, connection: Option<Connection>) {
        self.state().snapshot_connection = connection;
    }

    /// Keeps the peer connected, forever.
    pub(crate) async fn run(self: Arc<Link>, shared: Arc<Shared>) {
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let ended = self.connect_and_write(&shared).await;
            self.state().connection = None;
            let dropped = self.control.clear() + self.log.clear();
            add(&shared.stats.counters().frames_dropped, dropped);
            match ended {
                Ended::Stale => failures = 0,
                Ended::Failed(why) => {
                    tracing::debug!(peer = %self.peer, why, "not connected");
                    failures = if started.elapsed() > LIVED { 1 } else { failures + 1 };
                    let wait = backoff(failures, shared.reconnect_cap, jitter());
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = self.news.notified() => {}
                    }
                }
            }
        }
    }

    async fn connect_and_write(&self, shared: &Shared) -> Ended {
        let address = self.state().address.clone();
        let alive = OnceLock::new();
        let dialled = tokio::select! {
            dialled = dial(shared, self.peer, address, Purpose::Messages, &alive) => dialled,
            () = self.stale_attempt(&alive) => return Ended::Stale,
        };
        match dialled {
            Ok(dialled) => self.write(shared, dialled).await,
            Err(error) => {
                add(&shared.stats.counters().failed_dials, 1);
                match error {
                    DialError::Unreachable(why) => Ended::Failed(why),
                    DialError::Lost(error) => self.lost(shared, &error),
                    DialError::Refused(refused) => {
                        shared.refuse(&format!("node {}", self.peer), &refused);
                        Ended::Failed(refused.to_string())
                    }
                }
            }
        }
    }

    /// Ends when there is news from the peer that an attempt begun now may have missed. Two nodes
    /// that dial each other hear of each other in the middle of it, so an attempt that was just
    /// answered goes on.
    async fn stale_attempt(&self, alive: &OnceLock<Instant>) {
        let begun = Instant::now();
        loop {
            self.news.notified().await;
            if alive.get().is_some_and(|answered| answered.elapsed() < LIVED) {
                continue;
            }
            if begun.elapsed() > YOUNG {
                return;
            }
        }
    }

    async fn write(&self, shared: &Shared, dialled: Dialled) -> Ended {
        let Dialled { connection, control, ack, tracked } = dialled;
        let again = {
            let mut state = self.state();
            state.connection = Some(connection.clone());
            std::mem::replace(&mut state.connected_before, true)
        };
        let counters = shared.stats.counters();
        add(&counters.connects, 1);
        add(&counters.reconnects, u64::from(again));
        tracing::info!(peer = %self.peer, boot = %ack.boot, "connected");

        let Ok((log, _)) = connection.open_bi().await else {
            return self.lost(shared, &connection.closed().await);
        };
        // Fails only on a stream that is closed, which its writer will notice.
        let _ = control.set_priority(CONTROL_PRIORITY);
        // quinn's writes must not be cancelled half way, so each stream has a task of its own.
        let mut writers = JoinSet::new();
        writers.spawn(write_frames(self.control.clone(), control, shared.stats.clone()));
        writers.spawn(write_frames(self.log.clone(), log, shared.stats.clone()));
        let ended = tokio::select! {
            () = self.restarted(ack.boot) => Ended::Stale,
            _ = writers.join_next() => match connection.close_reason() {
                Some(error) => self.lost(shared, &error),
                None => Ended::Failed("the peer stopped a stream".into()),
            },
            error = connection.closed() => self.lost(shared, &error),
        };
        connection.close(NO_ERROR, b"");
        writers.shutdown().await;
        drop(tracked);
        ended
    }

    /// Ends when the peer has said Hello under another boot id than the one we are connected to:
    /// that process is gone, whatever quinn still believes.
    async fn restarted(&self, connected_to: BootId) {
        loop {
            self.news.notified().await;
            if self.state().heard_boot.is_some_and(|boot| boot != connected_to) {
                return;
            }
        }
    }

    fn lost(&self, shared: &Shared, error: &ConnectionError) -> Ended {
        if let Some(reason) = refused_by_peer(error) {
            add(&shared.stats.counters().refused_by_peer, 1);
            tracing::warn!(peer = %self.peer, "the peer refuses us: {}", identity::escape(&reason));
        }
        Ended::Failed(identity::escape(&error.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is queued until the stream is of no more use.
async fn write_frames(queue: Arc<FrameQueue>, mut stream: SendStream, stats: QuicStats) {
    let mut chunks = Vec::new();
    loop {
        let frames = queue.take(&mut chunks).await;
        if stream.write_all_chunks(&mut chunks).await.is_err() {
            add(&stats.counters().frames_dropped, frames);
            return;
        }
        add(&stats.counters().frames_written, frames);
        chunks.clear();
    }
}

/// The peer would close the connection over a frame beyond the limits, and again over the next.
fn fits(frame: &Frame) -> bool {
    let limit = match frame.kind.class() {
        Class::Control => MAX_CONTROL_FRAME,
        Class::Log => MAX_LOG_FRAME,
        Class::Snapshot => MAX_SNAPSHOT_FRAME,
    };
    let fits = frame.encoded_len() <= PREFIX + limit;
    if !fits {
        tracing::error!(
            kind = frame.kind.name(),
            len = frame.encoded_len(),
            "frame beyond the limit dropped"
        );
    }
    fits
}

/// From 0 to 1. Two nodes that lost each other must not dial in step.
#[allow(clippy::disallowed_methods, reason = "jitter is the one thing that must not be repeatable")]
fn jitter() -> f64 {
    fastrand::f64()
}

/// The wait before the next attempt: drawn (`draw` is from 0 to 1) between the shortest and twice
/// as much per failure, up to `cap`, so that two nodes that lost each other do not keep step.
fn backoff(failures: u32, cap: Duration, draw: f64) -> Duration {
    let longest = RECONNECT_MIN.saturating_mul(1 << failures.min(16)).min(cap);
    let shortest = RECONNECT_MIN.min(longest);
    shortest + (longest - shortest).mul_f64(draw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raft::wire::Kind;

    #[test]
    fn frames_beyond_the_limit_of_their_class_are_not_sent() {
        let frame = |kind: Kind, len: usize| Frame {
            kind,
            head: Bytes::from(vec![0; PREFIX]),
            body: vec![Bytes::from(vec![0; len])],
        };
        for (kind, limit) in [(Kind::Heartbeat, MAX_CONTROL_FRAME), (Kind::AppendEntries, MAX_LOG_FRAME)] {
            assert!(fits(&frame(kind, limit)));
            assert!(!fits(&frame(kind, limit + 1)));
        }
    }

    #[test]
    fn backoff_stays_between_20_ms_and_the_cap() {
        let cap = Duration::from_millis(75);
        assert_eq!(backoff(0, cap, 1.0), RECONNECT_MIN);
        assert_eq!(backoff(1, cap, 1.0), Duration::from_millis(40));
        assert_eq!(backoff(1, cap, 0.0), RECONNECT_MIN);
        assert_eq!(backoff(40, cap, 1.0), cap);
        assert_eq!(backoff(u32::MAX, cap, 0.0), RECONNECT_MIN);
        assert_eq!(backoff(3, Duration::from_millis(5), 0.5), Duration::from_millis(5));
    }
}
