//! A node of the bare pipeline as a process: its connections and tasks, until a signal or an error.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use quinn::{Connection, ConnectionError, Endpoint, SendStream, VarInt};
use raft::NodeId;
use register::service::config::NodeConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use transport_quic::identity::{self, Identity};
use transport_quic::{ALPN_PEER, ALPN_REGISTER, ConnectionSettings, Credentials, TrustAnchors, tls};

use super::follower::Follower;
use super::leader::Leader;
use super::log::{Ends, Log, Storage};
use super::net::{self, Reader};
use super::outbox::Outbox;
use super::wire::Kind;

/// The options of a node.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// That of a node of raft-register: certificates, addresses, directory. The member with the least id leads.
    #[arg(long)]
    pub config: PathBuf,
    /// How entries become durable
    #[arg(long, value_enum, default_value_t)]
    pub storage: Storage,
    /// The largest UDP payload
    #[arg(long, default_value_t = super::MTU)]
    pub mtu: u16,
    /// MiB of a pre-written log, which is begun anew at its end
    #[arg(long, default_value_t = 64)]
    pub log_mib: u64,
}

/// Runs a node until SIGTERM or SIGINT.
pub(super) async fn serve(args: &ServeArgs) -> Result<()> {
    let config = NodeConfig::load(&args.config)?;
    let node = Node {
        credentials: Credentials::load(&config.certs.cert, &config.certs.key)?,
        peers: TrustAnchors::load(&config.certs.peer_ca)?,
        clients: TrustAnchors::load(&config.certs.client_ca)?,
        mtu: args.mtu,
        config,
    };
    let (log, ends) = Log::start(&node.config.data_dir, args.storage, args.log_mib << 20)?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let leader = node.config.members.keys().next().copied();
    let run = async {
        if leader == Some(node.config.node) {
            node.lead(log, ends).await
        } else {
            node.follow(log, ends).await
        }
    };
    tokio::select! {
        ended = run => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

struct Node {
    config: NodeConfig,
    credentials: Credentials,
    peers: TrustAnchors,
    clients: TrustAnchors,
    mtu: u16,
}

type Tasks = JoinSet<Result<()>>;

impl Node {
    async fn lead(&self, log: Log, ends: Ends) -> Result<()> {
        let mut tasks = Tasks::new();
        let settings = net::with_mtu(&ConnectionSettings::lan_peers(), self.mtu);
        let tls = tls::client_config(ALPN_PEER, &self.peers, &self.credentials, &settings)?;
        let endpoint = net::endpoint(self.config.listen_peers, None, self.mtu)?;
        let (mut outboxes, mut followers) = (Vec::new(), Vec::new());
        for (id, member) in self.config.members.iter().filter(|(id, _)| **id != self.config.node) {
            let address = member.peer.parse().with_context(|| format!("the address of n{id}"))?;
            let name = identity::server_name(&self.config.cluster, *id);
            let connection = net::dial(&endpoint, &tls, address, &name).await?;
            self.ensure_is(&connection, *id)?;
            let (send, recv) = connection.open_bi().await?;
            let outbox = Arc::new(Outbox::default());
            // The follower hears of the stream with its first bytes.
            outbox.frame(Kind::Committed, 0, &[]);
            tasks.spawn(write(connection.clone(), outbox.clone(), send));
            outboxes.push(outbox);
            followers.push((connection, Reader::new(recv)));
        }
        let leader = Arc::new(Mutex::new(Leader::new(log, outboxes)));
        for (number, (connection, reader)) in followers.into_iter().enumerate() {
            let leader = leader.clone();
            tasks.spawn(read(connection, reader, move |bytes| lock(&leader).answers(number, bytes)));
        }
        let syncing = leader.clone();
        tasks.spawn(hear_ends(ends, move || lock(&syncing).synced()));

        let settings = net::with_mtu(&ConnectionSettings::client_port(), self.mtu);
        let settings = ConnectionSettings { bidi_streams: 1, ..settings };
        let tls = tls::server_config(ALPN_REGISTER, &self.clients, &self.credentials, &settings)?;
        let clients = net::endpoint(self.config.listen_clients, Some(tls), self.mtu)?;
        self.say_ready("leads")?;
        tokio::select! {
            ended = first_error(&mut tasks) => ended,
            () = self.accept_clients(&clients, &leader) => bail!("the client port was closed"),
        }
    }

    async fn follow(&self, log: Log, ends: Ends) -> Result<()> {
        let settings = net::with_mtu(&ConnectionSettings::lan_peers(), self.mtu);
        let tls = tls::server_config(ALPN_PEER, &self.peers, &self.credentials, &settings)?;
        let endpoint = net::endpoint(self.config.listen_peers, Some(tls), self.mtu)?;
        self.say_ready("follows")?;
        let incoming = endpoint.accept().await.context("the peer port was closed")?;
        let connection = incoming.await.context("accepting the leader")?;
        let leader = self.config.members.keys().next().copied().unwrap_or(self.config.node);
        self.ensure_is(&connection, leader)?;
        let (send, recv) = connection.accept_bi().await?;

        let outbox = Arc::new(Outbox::default());
        let follower = Arc::new(Mutex::new(Follower::new(log, outbox.clone())));
        let mut tasks = Tasks::new();
        tasks.spawn(write(connection.clone(), outbox, send));
        let syncing = follower.clone();
        tasks.spawn(hear_ends(ends, move || {
            lock(&syncing).synced();
            Ok(())
        }));
        tasks.spawn(read(connection, Reader::new(recv), move |bytes| lock(&follower).hears(bytes)));
        first_error(&mut tasks).await
    }

    /// Serves clients for ever; one that misbehaves is closed.
    async fn accept_clients(&self, endpoint: &Endpoint, leader: &Arc<Mutex<Leader>>) {
        while let Some(incoming) = endpoint.accept().await {
            let (leader, cluster) = (leader.clone(), self.config.cluster.clone());
            tokio::spawn(async move {
                let client = async {
                    let connection = incoming.await?;
                    match identity::of_connection(&connection, &cluster)? {
                        Identity::Client { .. } => serve_client(connection, leader).await,
                        Identity::Peer { node } => bail!("n{node} came to the client port"),
                    }
                };
                if let Err(error) = client.await {
                    eprintln!("a client: {error:#}");
                }
            });
        }
    }

    fn ensure_is(&self, connection: &Connection, wanted: NodeId) -> Result<()> {
        let found = identity::of_connection(connection, &self.config.cluster)?;
        ensure!(found == Identity::Peer { node: wanted }, "{found:?} came where n{wanted} was due");
        Ok(())
    }

    fn say_ready(&self, does: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "ready: n{} {does}", self.config.node)?;
        out.flush().context("saying that it is ready")
    }
}

async fn serve_client(connection: Connection, leader: Arc<Mutex<Leader>>) -> Result<()> {
    let (mut send, recv) = connection.accept_bi().await?;
    let (outbox, mut reader) = (Arc::new(Outbox::default()), Reader::new(recv));
    let answers = outbox.clone();
    let writer = tokio::spawn(async move { answers.write_to(&mut send).await });
    let served = async {
        while let Some(bytes) = reader.frames().await? {
            lock(&leader).requests(&outbox, &bytes)?;
        }
        Ok(())
    };
    let served = served.await;
    writer.abort();
    connection.close(VarInt::from_u32(0), b"");
    match connection.close_reason() {
        // It has ended, as every client does.
        Some(ConnectionError::ApplicationClosed(_)) => Ok(()),
        _ => served,
    }
}

/// Hands on what a peer says until it ends.
async fn read(
    connection: Connection,
    mut reader: Reader,
    mut hear: impl FnMut(&bytes::Bytes) -> Result<()>,
) -> Result<()> {
    loop {
        match reader.frames().await {
            Ok(Some(bytes)) => hear(&bytes)?,
            Ok(None) => return ended(&connection).await,
            Err(error) => {
                ended(&connection).await?;
                return Err(error);
            }
        }
    }
}

async fn write(connection: Connection, outbox: Arc<Outbox>, mut stream: SendStream) -> Result<()> {
    match outbox.write_to(&mut stream).await {
        Ok(()) => Ok(()),
        Err(_) => ended(&connection).await,
    }
}

/// All nodes are told to end at the same time: a peer that has said goodbye is no failure. A signal will come.
async fn ended(connection: &Connection) -> Result<()> {
    match connection.close_reason() {
        Some(ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_)) => {
            std::future::pending().await
        }
        Some(error) => Err(error).with_context(|| format!("the peer {}", connection.remote_address())),
        None => bail!("the peer {} ended its stream", connection.remote_address()),
    }
}

async fn hear_ends(mut ends: Ends, mut synced: impl FnMut() -> Result<()>) -> Result<()> {
    while let Some(end) = ends.recv().await {
        end.context("writing the log")?;
        synced()?;
    }
    bail!("the thread that syncs has ended")
}

/// How the first task that failed ended.
async fn first_error(tasks: &mut Tasks) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task of the node")??;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
