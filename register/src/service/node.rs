//! A whole node: directory, identity, peer port, raft, client port; and how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raft::driver::{Bootstrap, Node, Options, StopCause};
use raft::storage::{DirectoryDisk, OpenError, Storage};
use raft::transport::Inbox;
use raft::{BootId, Incarnation};
use tokio::time::Instant;
use transport_quic::transport::StartError;
use transport_quic::{Credentials, PeerAddr, PeerConfig, QuicTransport, TrustAnchors};

use super::config::NodeConfig;
use super::exit::Exit;
use super::report;
use super::server::{Server, ServerConfig, ServerError};
use crate::machine::Register;

/// How long a stopping node lets the requests in flight end.
const DRAIN: Duration = Duration::from_secs(2);

/// Why a node did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory cannot be made or read.
    #[error("data directory: {0}")]
    Disk(#[from] raft::storage::DiskError),
    /// The log cannot be opened.
    #[error("data directory: {0}")]
    Open(#[from] OpenError),
    /// Certificate, key or authority cannot be used.
    #[error("certificates: {0}")]
    Certs(#[from] transport_quic::credentials::LoadError),
    /// The peer port.
    #[error("peer port: {0}")]
    Peers(#[from] StartError),
    /// The client port.
    #[error("client port: {0}")]
    Clients(#[from] ServerError),
    /// Settings that contradict each other.
    #[error(transparent)]
    Config(#[from] raft::consensus::config::InvalidConfig),
    /// The system gives no random numbers, or no signals.
    #[error("{0}")]
    System(String),
    /// The node ended by itself.
    #[error("{0}")]
    Ended(StopCause),
}

impl NodeError {
    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            NodeError::Disk(_) => Exit::StorageFailed,
            NodeError::Open(error) => match error {
                OpenError::InUse { .. }
                | OpenError::WrongCluster { .. }
                | OpenError::WrongNode { .. }
                | OpenError::NewerFormat { .. }
                | OpenError::ForeignSnapshot { .. }
                | OpenError::OlderFormat { .. }
                | OpenError::MissingIdentity { .. } => Exit::WrongDirectory,
                OpenError::DamagedIdentity { .. }
                | OpenError::Damaged { .. }
                | OpenError::NoHardState { .. }
                | OpenError::Storage { .. } => Exit::StorageFailed,
                OpenError::NoRoom { .. } => Exit::NoRoom,
            },
            NodeError::Certs(_) | NodeError::Config(_) => Exit::Usage,
            NodeError::Peers(StartError::Bind { .. }) | NodeError::Clients(ServerError::Bind { .. }) => {
                Exit::PortBusy
            }
            NodeError::Peers(_) | NodeError::Clients(_) => Exit::Usage,
            NodeError::System(_) => Exit::Error,
            NodeError::Ended(cause) => match cause {
                StopCause::Storage(_) => Exit::StorageFailed,
                StopCause::Bootstrap(_) => Exit::BootstrapRefused,
                StopCause::Invariant(_) | StopCause::ApplyPanicked { .. } | StopCause::Dropped => {
                    Exit::Broken
                }
                StopCause::Requested => Exit::Done,
            },
        }
    }
}

/// A running node.
pub struct RunningNode {
    node: Node,
    server: Server,
    ready: String,
}

impl RunningNode {
    /// Starts everything; when it returns, both ports are open. Cancelled, what was started ends.
    pub async fn start(config: &NodeConfig) -> Result<RunningNode, NodeError> {
        let credentials = Credentials::load(&config.certs.cert, &config.certs.key)?;
        let peer_ca = TrustAnchors::load(&config.certs.peer_ca)?;
        let client_ca = TrustAnchors::load(&config.certs.client_ca)?;

        let disk = DirectoryDisk::open(&config.data_dir)?;
        let (wal, identity, recovered) =
            Storage::open(disk, &config.cluster, config.node, Incarnation(random_u128()?))?;
        let boot = BootId(random()?);

        let (inbox, received) = Inbox::new();
        let transport = QuicTransport::start(
            PeerConfig {
                peers: peers(config),
                reconnect_cap: config.raft.election_min / 2,
                ..PeerConfig::new(
                    config.cluster.clone(),
                    config.node,
                    identity.incarnation,
                    boot,
                    config.listen_peers,
                    credentials.clone(),
                    peer_ca,
                )
            },
            inbox,
        )
        .await?;
        let (peers_at, quic) = (transport.local_addr(), transport.stats());

        let options = Options {
            config: config.raft.clone(),
            bootstrap: Bootstrap::Exchange { members: config.members.keys().copied().collect() },
            boot,
            seed: random()?,
        };
        let node = Node::spawn(options, (wal, identity, recovered), Register::new(), transport, received)?;

        let (cluster, wire, started) = (config.cluster.clone(), node.wire(), Instant::now());
        let status =
            move |status| report::status(&cluster, &status, &wire, &quic.snapshot(), started.elapsed());
        let server = Server::start(
            ServerConfig {
                cluster: config.cluster.clone(),
                node: config.node,
                listen: config.listen_clients,
                trust: client_ca,
                credentials,
                addresses: config.members.iter().map(|(id, m)| (*id, m.client.clone())).collect(),
            },
            node.handle(),
            Arc::new(status),
        )?;
        let clients_at = server.local_addr().map_err(|e| NodeError::System(e.to_string()))?;
        let ready = format!(
            "ready: node {} of {}, peers on {peers_at}, clients on {clients_at}",
            config.node, config.cluster
        );
        Ok(RunningNode { node, server, ready })
    }

    /// One line that says where it listens.
    #[must_use]
    pub fn ready_line(&self) -> &str {
        &self.ready
    }

    /// Waits for the node's end, or for a signal to end it (SIGTERM, SIGINT): then requests in flight are
    /// answered, what is written becomes durable, clients are told. Cancelled, the node crashes.
    pub async fn run(self) -> Result<(), NodeError> {
        let mut terminate = signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut interrupt = signal(tokio::signal::unix::SignalKind::interrupt())?;
        let handle = self.node.handle();
        tokio::select! {
            cause = handle.stopped() => {
                self.server.close().await;
                return Err(NodeError::Ended(cause));
            }
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        self.server.drain(DRAIN).await;
        let cause = self.node.stop().await;
        self.server.close().await;
        match cause {
            StopCause::Requested => Ok(()),
            cause => Err(NodeError::Ended(cause)),
        }
    }
}

fn signal(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, NodeError> {
    tokio::signal::unix::signal(kind)
        .map_err(|e| NodeError::System(format!("cannot listen for signals: {e}")))
}

fn peers(config: &NodeConfig) -> BTreeMap<raft::NodeId, PeerAddr> {
    let others = config.members.iter().filter(|(id, _)| **id != config.node);
    others.map(|(id, member)| (*id, PeerAddr::from(member.peer.as_str()))).collect()
}

fn random() -> Result<u64, NodeError> {
    getrandom::u64().map_err(|e| NodeError::System(format!("no random numbers: {e}")))
}

fn random_u128() -> Result<u128, NodeError> {
    Ok(u128::from(random()?) << 64 | u128::from(random()?))
}
