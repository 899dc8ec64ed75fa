//! What a node's transport is started with.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use raft::{BootId, ClusterId, Incarnation, NodeId};

use crate::credentials::{Credentials, TrustAnchors};
use crate::settings::ConnectionSettings;

/// A node's part in the peer network.
#[derive(Debug)]
pub struct PeerConfig {
    /// The cluster's name; certificates must be for it.
    pub cluster: ClusterId,
    /// This node; its certificate must say so.
    pub me: NodeId,
    /// Which life of the data directory this is.
    pub incarnation: Incarnation,
    /// Which start of the process this is. A peer that sees a new one drops what it had with the
    /// old.
    pub boot: BootId,
    /// Where to listen; connections are dialled from there too.
    pub bind: Bind,
    /// The other nodes. Whoever is not among them is refused. An entry for `me` is ignored.
    pub peers: BTreeMap<NodeId, PeerAddr>,
    /// What this node proves itself with.
    pub credentials: Credentials,
    /// The peer CA, or several while one replaces another.
    pub trust: TrustAnchors,
    /// QUIC's own settings.
    pub settings: ConnectionSettings,
    /// The longest wait before dialling again; half the minimum election timeout is a good value.
    pub reconnect_cap: Duration,
    /// Deadlines and queue bounds.
    pub limits: Limits,
}

impl PeerConfig {
    /// A configuration without peers and with default settings; reconnects within 75 ms, half of
    /// the minimum election timeout in one data centre.
    #[must_use]
    pub fn new(
        cluster: ClusterId,
        me: NodeId,
        incarnation: Incarnation,
        boot: BootId,
        bind: impl Into<Bind>,
        credentials: Credentials,
        trust: TrustAnchors,
    ) -> PeerConfig {
        PeerConfig {
            cluster,
            me,
            incarnation,
            boot,
            bind: bind.into(),
            peers: BTreeMap::new(),
            credentials,
            trust,
            settings: ConnectionSettings::lan_peers(),
            reconnect_cap: Duration::from_millis(75),
            limits: Limits::default(),
        }
    }
}

/// Where to listen.
#[derive(Debug)]
pub enum Bind {
    /// An address; port 0 lets the system choose.
    Address(SocketAddr),
    /// A socket that is bound already: tests learn every node's port before any node starts.
    Socket(UdpSocket),
}

impl From<SocketAddr> for Bind {
    fn from(address: SocketAddr) -> Bind {
        Bind::Address(address)
    }
}

impl From<UdpSocket> for Bind {
    fn from(socket: UdpSocket) -> Bind {
        Bind::Socket(socket)
    }
}

/// Where a peer is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddr {
    /// An address.
    Fixed(SocketAddr),
    /// `host:port`, resolved anew at each attempt.
    Named(String),
}

impl From<SocketAddr> for PeerAddr {
    fn from(address: SocketAddr) -> PeerAddr {
        PeerAddr::Fixed(address)
    }
}

impl From<String> for PeerAddr {
    fn from(name: String) -> PeerAddr {
        name.parse().map_or(PeerAddr::Named(name), PeerAddr::Fixed)
    }
}

impl From<&str> for PeerAddr {
    fn from(name: &str) -> PeerAddr {
        PeerAddr::from(name.to_owned())
    }
}

impl std::fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeerAddr::Fixed(address) => address.fmt(f),
            PeerAddr::Named(name) => f.write_str(&crate::identity::escape(name)),
        }
    }
}

/// Deadlines and queue bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a new connection may take to say, or answer, Hello.
    pub hello: Duration,
    /// How long a frame may take to arrive once its first byte has.
    pub frame: Duration,
    /// Bytes of control frames that wait for a peer's stream; more are dropped.
    pub control_queue: usize,
    /// Bytes of log frames that wait for a peer's stream; more are dropped.
    pub log_queue: usize,
    /// Bytes of snapshots that wait for a peer's connection; more are dropped.
    pub snapshot_queue: usize,
    /// Connections that may be between their first packet and their accepted Hello, at a time.
    pub handshakes: usize,
}

impl Default for Limits {
    /// 10 s and 10 s; 1 MiB and 16 MiB, which holds two of the largest log frames; 16 pieces of snapshots; 64 handshakes.
    fn default() -> Limits {
        Limits {
            hello: Duration::from_secs(10),
            frame: Duration::from_secs(10),
            control_queue: 1 << 20,
            log_queue: 2 * raft::wire::MAX_LOG_FRAME,
            snapshot_queue: 16 * raft::wire::MAX_SNAPSHOT_CHUNK,
            handshakes: 64,
        }
    }
}
