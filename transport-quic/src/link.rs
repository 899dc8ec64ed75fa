//! The connection that this node dials to one peer, and everything it sends to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::{Connecting, Connection, ConnectionError, SendStream};
use raft::wire::{Class, Frame, MAX_CONTROL_FRAME, MAX_LOG_FRAME, PREFIX, PROTOCOL_VERSION};
use raft::{BootId, NodeId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::config::{Limits, PeerAddr};
use crate::frames::{FrameReader, ReadEnd};
use crate::hello::{self, HELLO, HELLO_ACK, Hello, HelloAck, OLDEST_VERSION};
use crate::identity;
use crate::queue::FrameQueue;
use crate::refusal::{NO_ERROR, Refusal, Refused, refused_by_peer};
use crate::shared::Shared;
use crate::stats::{QuicStats, Tracked, add};

/// The shortest wait before dialling again.
const RECONNECT_MIN: Duration = Duration::from_millis(20);
/// A connection that lived so long was a success: the next wait is short again.
const LIVED: Duration = Duration::from_secs(1);
/// How long an attempt may wait for the peer's first answer, between these two, four times the
/// longest wait. A fresh attempt sends at once, an old one only when its ever longer probe timer
/// fires: where a partition heals, that decides how long nodes stay apart.
const FIRST_ANSWER: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
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
    /// A Hello came from the peer, or its address changed.
    news: Notify,
    state: Mutex<State>,
}

struct State {
    address: PeerAddr,
    /// The boot id in the last Hello that the peer sent us.
    heard_boot: Option<BootId>,
    connection: Option<Connection>,
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
            news: Notify::new(),
            state: Mutex::new(State { address, heard_boot: None, connection: None, connected_before: false }),
        }
    }

    /// Queues frames; what does not fit is dropped and counted.
    pub(crate) fn send(&self, frames: Vec<Frame>, stats: &QuicStats) {
        let (fit, too_long): (Vec<_>, Vec<_>) = frames.into_iter().partition(fits);
        let (control, log): (Vec<_>, Vec<_>) =
            fit.into_iter().partition(|frame| frame.kind.class() == Class::Control);
        let mut dropped = too_long.len() as u64;
        for (queue, frames) in [(&self.control, control), (&self.log, log)] {
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

    /// Closes the connection, if there is one.
    pub(crate) fn close(&self, refused: &Refused) {
        if let Some(connection) = self.state().connection.take() {
            refused.close(&connection);
        }
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
                    let wait = backoff(failures, shared.reconnect_cap, fastrand::f64());
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = self.news.notified() => {}
                    }
                }
            }
        }
    }

    async fn connect_and_write(&self, shared: &Shared) -> Ended {
        let dialled = tokio::select! {
            dialled = self.dial(shared) => dialled,
            () = self.stale_attempt() => return Ended::Stale,
        };
        match dialled {
            Ok(dialled) => self.write(shared, dialled).await,
            Err(ended) => {
                add(&shared.stats.counters().failed_dials, 1);
                ended
            }
        }
    }

    /// Ends when there is news from the peer that an attempt begun now may have missed.
    async fn stale_attempt(&self) {
        let begun = Instant::now();
        loop {
            self.news.notified().await;
            if begun.elapsed() > YOUNG {
                return;
            }
        }
    }

    async fn dial(&self, shared: &Shared) -> Result<Dialled, Ended> {
        let address = self.resolve(shared).await?;
        let name = identity::server_name(&shared.cluster, self.peer);
        let connecting = shared
            .endpoint
            .connect_with(shared.dialling.clone(), address, &name)
            .map_err(|e| Ended::Failed(e.to_string()))?;
        let connection = timeout(shared.limits.hello, answered(connecting, shared.reconnect_cap))
            .await
            .map_err(|_| Ended::Failed(format!("{address}: the handshake does not end")))?
            .ok_or_else(|| Ended::Failed(format!("{address} does not answer")))?
            .map_err(|error| {
                if let Some(why) = Refusal::of_handshake(&error) {
                    shared.refuse(&self.who(), &Refused::new(why, error.to_string()));
                }
                self.lost(shared, &error)
            })?;
        let tracked = shared.stats.track(&connection);
        let greeted = timeout(shared.limits.hello, self.greet(shared, &connection)).await;
        let refused = match greeted {
            Ok(Ok((control, ack))) => return Ok(Dialled { connection, control, ack, tracked }),
            Ok(Err(ReadEnd::Lost | ReadEnd::NodeEnded)) => {
                return Err(self.lost(shared, &connection.closed().await));
            }
            Ok(Err(ReadEnd::Refused(refused))) => refused,
            Err(_) => Refused::new(Refusal::HelloTimeout, "no answer to Hello"),
        };
        refused.close(&connection);
        shared.refuse(&self.who(), &refused);
        Err(Ended::Failed(refused.to_string()))
    }

    async fn resolve(&self, shared: &Shared) -> Result<SocketAddr, Ended> {
        let address = self.state().address.clone();
        let name = match address {
            PeerAddr::Fixed(address) => return Ok(address),
            PeerAddr::Named(name) => name,
        };
        let found = tokio::net::lookup_host(&name).await;
        let mut found = found.map_err(|e| Ended::Failed(format!("{}: {e}", identity::escape(&name))))?;
        let v4 = shared.endpoint.local_addr().is_ok_and(|local| local.is_ipv4());
        found
            .find(|address| address.is_ipv4() || !v4)
            .ok_or_else(|| Ended::Failed(format!("{}: no usable address", identity::escape(&name))))
    }

    /// TLS has checked that the certificate has the name that was dialled; this checks the identity
    /// that counts, and waits to be accepted.
    async fn greet(
        &self,
        shared: &Shared,
        connection: &Connection,
    ) -> Result<(SendStream, HelloAck), ReadEnd> {
        let certified = shared.certified_peer(connection)?;
        if certified != self.peer {
            let text = format!("dialled node {}, the certificate is node {certified}'s", self.peer);
            return Err(Refused::new(Refusal::WrongNode, text).into());
        }
        let hello = Hello {
            min_version: OLDEST_VERSION,
            max_version: PROTOCOL_VERSION,
            features: 0,
            cluster: shared.cluster.clone(),
            from: shared.me,
            to: self.peer,
            incarnation: shared.incarnation,
            boot: shared.boot,
        };
        let (mut control, answers) = connection.open_bi().await.map_err(|_| ReadEnd::Lost)?;
        control.write_all(&hello::encode(HELLO, &hello)).await.map_err(|_| ReadEnd::Lost)?;
        let ack: HelloAck = FrameReader::new(answers, shared.limits.frame).hello(HELLO_ACK).await?;
        ack.check()?;
        Ok((control, ack))
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

    fn who(&self) -> String {
        format!("node {}", self.peer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection whose Hello was answered.
struct Dialled {
    connection: Connection,
    control: SendStream,
    ack: HelloAck,
    tracked: Tracked,
}

/// The connection, or none if the first answer does not come soon.
async fn answered(mut connecting: Connecting, cap: Duration) -> Option<Result<Connection, ConnectionError>> {
    let soon = cap.saturating_mul(4).clamp(FIRST_ANSWER[0], FIRST_ANSWER[1]);
    // What the answer says cannot be kept across an await, and is of no interest.
    let first = timeout(soon, async { connecting.handshake_data().await.map(drop) }).await;
    match first {
        Err(_) => None,
        Ok(Err(error)) => Some(Err(error)),
        Ok(Ok(())) => Some(connecting.await),
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
