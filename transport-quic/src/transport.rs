//! A node's endpoint: one UDP port, from which it dials its peers and on which it accepts them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use quinn::{Endpoint, TokioRuntime};
use raft::NodeId;
use raft::transport::{Inbox, Transport};
use raft::wire::Frame;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::accept;
use crate::bulk;
use crate::config::{Bind, PeerAddr, PeerConfig};
use crate::identity::{self, Identity, IdentityError};
use crate::link::Link;
use crate::purpose::Purpose;
use crate::refusal::{NO_ERROR, Refusal, Refused};
use crate::settings::{self, ConnectionSettings};
use crate::shared::Shared;
use crate::socket::Socket;
use crate::stats::{QuicStats, add};
use crate::tls::{self, ALPN_PEER, TlsError};

/// How long [`QuicTransport::shutdown`] waits for its goodbyes to be heard.
const GOODBYE: Duration = Duration::from_millis(500);

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

/// Raft's [`Transport`] over QUIC. Its tasks run on the runtime that it was started on.
///
/// Dropped, it ends without a word, as a crash would; [`QuicTransport::shutdown`] tells the peers.
/// Either way the port is free at once.
pub struct QuicTransport {
    shared: Arc<Shared>,
    socket: Arc<Socket>,
    local: SocketAddr,
    runtime: Handle,
    tasks: Mutex<JoinSet<()>>,
}

impl QuicTransport {
    /// Binds, and starts to dial and to accept. Messages from peers go to `inbox`. Cancelled, it has
    /// done nothing.
    pub async fn start(config: PeerConfig, inbox: Inbox) -> Result<QuicTransport, StartError> {
        let runtime = Handle::current();
        let found = config.credentials.chain().first().ok_or(IdentityError::NoCertificate)?;
        let found = identity::identify(found, &config.cluster)?;
        if found != (Identity::Peer { node: config.me }) {
            return Err(StartError::NotMine { found, me: config.me });
        }
        // A peer opens streams only on the connection that it dialled.
        let dialled = ConnectionSettings { bidi_streams: 0, ..config.settings.clone() };
        let dialling = tls::client_config(ALPN_PEER, &config.trust, &config.credentials, &dialled)?;
        let accepting = tls::server_config(ALPN_PEER, &config.trust, &config.credentials, &config.settings)?;

        let socket = Socket::new(bind(config.bind)?).map_err(StartError::Socket)?;
        let endpoint = Endpoint::new_with_abstract_socket(
            settings::endpoint(),
            Some(accepting),
            socket.clone(),
            Arc::new(TokioRuntime),
        );
        let endpoint = endpoint.map_err(StartError::Socket)?;
        let local = endpoint.local_addr().map_err(StartError::Socket)?;
        let shared = Arc::new(Shared {
            cluster: config.cluster,
            me: config.me,
            incarnation: config.incarnation,
            boot: config.boot,
            limits: config.limits,
            reconnect_cap: config.reconnect_cap,
            endpoint,
            dialling,
            inbox,
            stats: QuicStats::default(),
            links: RwLock::new(BTreeMap::new()),
            accepted: Mutex::default(),
            logged: Mutex::default(),
        });
        let transport = QuicTransport { shared, socket, local, runtime, tasks: Mutex::default() };
        for (peer, address) in config.peers {
            transport.set_peer(peer, address);
        }
        // Last, so that no peer is a stranger only because it was quick.
        transport.spawn(accept::run(transport.shared.clone()));
        Ok(transport)
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Adds a peer, or changes where it is dialled next; a connection that works is kept.
    pub fn set_peer(&self, peer: NodeId, address: impl Into<PeerAddr>) {
        let address = address.into();
        if peer == self.shared.me {
            return;
        }
        let mut links = self.shared.links.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(&peer) {
            link.set_address(address);
        } else {
            let link = Arc::new(Link::new(peer, address, &self.shared.limits));
            links.insert(peer, link.clone());
            self.spawn(bulk::run(link.clone(), self.shared.clone()));
            self.spawn(link.run(self.shared.clone()));
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> QuicStats {
        self.shared.stats.clone()
    }

    /// Tells every peer and ends, within half a second. Cancelled, it ends as if dropped.
    pub async fn shutdown(self) {
        self.shared.endpoint.close(NO_ERROR, b"shutting down");
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        let _ = timeout(GOODBYE, self.shared.endpoint.wait_idle()).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn_on(task, &self.runtime);
    }
}

impl Transport for QuicTransport {
    fn send(&mut self, to: NodeId, frames: Vec<Frame>) {
        match self.shared.link(to) {
            Some(link) => link.send(frames, &self.shared.stats),
            None => add(&self.shared.stats.counters().frames_dropped, frames.len() as u64),
        }
    }

    fn disconnect(&mut self, peer: NodeId, reason: &str) {
        let refused = Refused::new(Refusal::Disconnected, reason);
        self.shared.refuse(&format!("node {peer}"), &refused);
        if let Some(link) = self.shared.link(peer) {
            link.close(&refused);
        }
        let mut accepted = self.shared.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in Purpose::ALL.iter().filter_map(|purpose| accepted.remove(&(peer, *purpose))) {
            refused.close(&connection);
        }
    }
}

impl Drop for QuicTransport {
    fn drop(&mut self) {
        self.socket.close();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.shared.endpoint.close(NO_ERROR, b"");
    }
}

fn bind(bind: Bind) -> Result<UdpSocket, StartError> {
    match bind {
        Bind::Socket(socket) => Ok(socket),
        Bind::Address(address) => {
            UdpSocket::bind(address).map_err(|source| StartError::Bind { address, source })
        }
    }
}
