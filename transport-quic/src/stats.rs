//! Counters of one node's transport. Frames and their encoded bytes are counted by the driver, per
//! kind; here is what they cost on the wire, and what went wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::Connection;
use serde::Serialize;

use crate::refusal::Refusal;

/// A handle on a transport's counters; they stay readable after the transport has ended.
#[derive(Clone, Debug, Default)]
pub struct QuicStats {
    inner: Arc<Inner>,
}

/// The counters at one moment. Bytes and datagrams are those of connections whose TLS handshake
/// succeeded, handshake included; bytes are UDP payloads (IP and UDP headers, 28 bytes with IPv4,
/// come on top of each datagram).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatsSnapshot {
    /// UDP payload bytes sent.
    pub bytes_sent: u64,
    /// UDP payload bytes received.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Packets that QUIC declared lost.
    pub packets_lost: u64,
    /// Connections dialled whose Hello was answered.
    pub connects: u64,
    /// Those among them that were not the first to their peer.
    pub reconnects: u64,
    /// Attempts to dial that failed.
    pub failed_dials: u64,
    /// Connections accepted whose Hello was accepted.
    pub accepts: u64,
    /// Frames delivered to the node.
    pub frames_delivered: u64,
    /// Frames written to a stream.
    pub frames_written: u64,
    /// Frames that never left: a queue was full, or the peer away.
    pub frames_dropped: u64,
    /// Connections that this node refused or closed, by [`Refusal::name`].
    pub refusals: BTreeMap<&'static str, u64>,
    /// Connections that a peer refused or closed because of us.
    pub refused_by_peer: u64,
}

impl StatsSnapshot {
    /// How often this node refused or closed a connection for one reason.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refusals.get(why.name()).copied().unwrap_or(0)
    }
}

#[derive(Debug, Default)]
struct Inner {
    wire: Mutex<Wire>,
    counters: Counters,
    refusals: [AtomicU64; Refusal::ALL.len()],
}

/// Connections count for themselves: those alive are asked, those dead have left their sums.
#[derive(Debug, Default)]
struct Wire {
    live: BTreeMap<u64, Connection>,
    next: u64,
    dead: WireSums,
}

#[derive(Clone, Copy, Debug, Default)]
struct WireSums {
    bytes_sent: u64,
    bytes_received: u64,
    datagrams_sent: u64,
    datagrams_received: u64,
    packets_lost: u64,
}

impl WireSums {
    fn add(&mut self, connection: &Connection) {
        let stats = connection.stats();
        self.bytes_sent += stats.udp_tx.bytes;
        self.bytes_received += stats.udp_rx.bytes;
        self.datagrams_sent += stats.udp_tx.datagrams;
        self.datagrams_received += stats.udp_rx.datagrams;
        self.packets_lost += stats.path.lost_packets;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connects: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    pub(crate) failed_dials: AtomicU64,
    pub(crate) accepts: AtomicU64,
    pub(crate) frames_delivered: AtomicU64,
    pub(crate) frames_written: AtomicU64,
    pub(crate) frames_dropped: AtomicU64,
    pub(crate) refused_by_peer: AtomicU64,
}

impl QuicStats {
    /// Reads every counter. Each is exact; together they are not of one instant.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let sums = {
            let wire = self.inner.wire.lock().unwrap_or_else(PoisonError::into_inner);
            let mut sums = wire.dead;
            wire.live.values().for_each(|connection| sums.add(connection));
            sums
        };
        let counters = &self.inner.counters;
        let refusals =
            Refusal::ALL.iter().map(|why| (why.name(), self.inner.refusals[why.slot()].load(Relaxed)));
        StatsSnapshot {
            bytes_sent: sums.bytes_sent,
            bytes_received: sums.bytes_received,
            datagrams_sent: sums.datagrams_sent,
            datagrams_received: sums.datagrams_received,
            packets_lost: sums.packets_lost,
            connects: counters.connects.load(Relaxed),
            reconnects: counters.reconnects.load(Relaxed),
            failed_dials: counters.failed_dials.load(Relaxed),
            accepts: counters.accepts.load(Relaxed),
            frames_delivered: counters.frames_delivered.load(Relaxed),
            frames_written: counters.frames_written.load(Relaxed),
            frames_dropped: counters.frames_dropped.load(Relaxed),
            refusals: refusals.filter(|(_, count)| *count > 0).collect(),
            refused_by_peer: counters.refused_by_peer.load(Relaxed),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn refuse(&self, why: Refusal) {
        add(&self.inner.refusals[why.slot()], 1);
    }

    /// Counts a connection's traffic until the returned guard is dropped, and keeps the sums.
    pub(crate) fn track(&self, connection: &Connection) -> Tracked {
        let mut wire = self.inner.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let id = wire.next;
        wire.next += 1;
        wire.live.insert(id, connection.clone());
        Tracked { inner: self.inner.clone(), id }
    }
}

pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Relaxed);
}

/// See [`QuicStats::track`].
#[derive(Debug)]
pub(crate) struct Tracked {
    inner: Arc<Inner>,
    id: u64,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let mut wire = self.inner.wire.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = wire.live.remove(&self.id) {
            wire.dead.add(&connection);
        }
    }
}
