//! A node's endpoint.

use std::io;
use std::net::SocketAddr;

use raft::NodeId;
use raft::transport::{Inbox, Transport};
use raft::wire::Frame;

use crate::config::{PeerAddr, PeerConfig};
use crate::identity::{Identity, IdentityError};
use crate::stats::QuicStats;
use crate::tls::TlsError;

/// Why a node's transport cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this host's.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket that was handed in cannot be used.
    #[error("cannot use the socket: {0}")]
    Socket(io::Error),
    /// Certificates or key are unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The node's own certificate is not one that its peers would accept.
    #[error("this node's own certificate: {0}")]
    Identity(#[from] IdentityError),
    /// The node's own certificate is someone else's.
    #[error("this node's own certificate is for {found:?}, this is node {me}")]
    NotMine {
        /// Whom it names.
        found: Identity,
        /// Who was to start.
        me: NodeId,
    },
}

/// Raft's [`Transport`] over QUIC.
pub struct QuicTransport {
    stats: QuicStats,
}

impl QuicTransport {
    /// Binds, and starts to dial and to accept. Messages from peers go to `inbox`.
    pub async fn start(config: PeerConfig, inbox: Inbox) -> Result<QuicTransport, StartError> {
        let _ = (config, inbox);
        Ok(QuicTransport { stats: QuicStats::default() })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    /// Adds a peer, or changes its address for the next attempt to dial it.
    pub fn set_peer(&self, peer: NodeId, address: impl Into<PeerAddr>) {
        let _ = (peer, address.into());
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> QuicStats {
        self.stats.clone()
    }

    /// Tells every peer and ends. Dropping the transport instead ends without a word, as a crash
    /// would. Either way the port is free when it returns.
    pub async fn shutdown(self) {}
}

impl Transport for QuicTransport {
    fn send(&mut self, to: NodeId, frames: Vec<Frame>) {
        let _ = (to, frames);
    }

    fn disconnect(&mut self, peer: NodeId, reason: &str) {
        let _ = (peer, reason);
    }
}
