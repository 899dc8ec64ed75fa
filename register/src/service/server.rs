//! The client port: accepts clients, and carries their requests to the node.
//!
//! A client opens one stream; requests on it are tagged and answered in whatever order they
//! complete. What one connection may have in flight is bounded in bytes: beyond that its stream is
//! not read, and QUIC's flow control holds the client back.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quinn::{Connection, Endpoint, Incoming, RecvStream};
use raft::driver::Handle;
use raft::{ClusterId, NodeId};
use tokio::time::{Instant, timeout, timeout_at};
use transport_quic::identity::{self, Identity};
use transport_quic::tls::{self, TlsError};
use transport_quic::{ALPN_REGISTER, ConnectionSettings, Credentials, TrustAnchors};

use super::outbox::Outbox;
use super::reason::{Reason, ReasonCounts};
use super::socket;
use crate::port::NotDone;
use crate::protocol::{self, FrameError, Hello, Refused, Request, Response, Welcome};
use crate::status::{ClientPort as PortStatus, NodeStatus};

/// How long a new connection may take until its Hello is there.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// How long a frame may take to arrive once its first byte has.
const FRAME_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of requests in flight and answers unwritten per connection, before its stream is not read
/// any more. Requests weigh at least [`MIN_WEIGHT`], so that their number is bounded too.
const CONNECTION_LIMIT: usize = 8 << 20;
const MIN_WEIGHT: usize = 4 << 10;
/// Connections at a time.
const MAX_CONNECTIONS: usize = 1024;
/// Pieces, of about a packet, that are read from a stream at once.
const PIECES: usize = 64;

/// What the client port is started with.
#[derive(Debug)]
pub struct ServerConfig {
    /// The cluster; clients' certificates must be for it.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The client CA.
    pub trust: TrustAnchors,
    /// The node's certificate.
    pub credentials: Credentials,
    /// Client addresses of every node, for hints.
    pub addresses: BTreeMap<NodeId, String>,
}

/// Why the client port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken, or not this host's.
    #[error("cannot listen for clients on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Certificates or key are unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Tells everything about the node that is not the client port's own.
pub type StatusSource = Arc<dyn Fn(raft::driver::Status) -> NodeStatus + Send + Sync>;

/// An open client port. Its tasks run on the runtime that it was started on; dropped, it ends.
pub struct Server {
    endpoint: Endpoint,
    shared: Arc<Shared>,
}

struct Shared {
    cluster: ClusterId,
    me: NodeId,
    addresses: BTreeMap<NodeId, String>,
    node: Handle,
    status: StatusSource,
    stopping: AtomicBool,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    refused: ReasonCounts,
}

impl Server {
    /// Opens the port and starts to accept. Must be called inside a runtime.
    pub fn start(config: ServerConfig, node: Handle, status: StatusSource) -> Result<Server, ServerError> {
        let settings = ConnectionSettings { bidi_streams: 1, ..ConnectionSettings::client_port() };
        let tls = tls::server_config(ALPN_REGISTER, &config.trust, &config.credentials, &settings)?;
        let bind = |source| ServerError::Bind { address: config.listen, source };
        let endpoint = socket::bind(config.listen)
            .and_then(|socket| socket::endpoint(socket, Some(tls)))
            .map_err(bind)?;
        let shared = Arc::new(Shared {
            cluster: config.cluster,
            me: config.node,
            addresses: config.addresses,
            node,
            status,
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            refused: ReasonCounts::default(),
        });
        tokio::spawn(accept(endpoint.clone(), shared.clone()));
        Ok(Server { endpoint, shared })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Refuses new requests, and waits until those in flight are answered, but not for longer than
    /// `patience`. Cancelled, it goes on refusing.
    pub async fn drain(&self, patience: Duration) {
        self.shared.stopping.store(true, Relaxed);
        let deadline = Instant::now() + patience;
        while self.shared.in_flight.load(Relaxed) > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Says goodbye to every client, within half a second.
    pub async fn close(self) {
        self.endpoint.close(quinn::VarInt::from_u32(Reason::Stopping as u32), b"the node is stopping");
        let _ = timeout(Duration::from_millis(500), self.endpoint.wait_idle()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.endpoint.close(quinn::VarInt::from_u32(Reason::Stopping as u32), b"");
    }
}

async fn accept(endpoint: Endpoint, shared: Arc<Shared>) {
    while let Some(incoming) = endpoint.accept().await {
        if shared.connections.load(Relaxed) >= MAX_CONNECTIONS {
            shared.refused.count(Reason::TooMany);
            incoming.refuse();
            continue;
        }
        // Half full: whoever wants in must first show that its address is its own (RFC 9000 §8.1.2).
        if shared.connections.load(Relaxed) >= MAX_CONNECTIONS / 2
            && !incoming.remote_address_validated()
            && incoming.may_retry()
        {
            // It fails only where a retry is not possible, which was just asked.
            let _ = incoming.retry();
            continue;
        }
        shared.connections.fetch_add(1, Relaxed);
        let shared = shared.clone();
        tokio::spawn(async move {
            let from = incoming.remote_address();
            if let Err((reason, why)) = serve(&shared, incoming).await {
                shared.refused.count(reason);
                tracing::info!(%from, reason = reason.name(), why, "client refused");
            }
            shared.connections.fetch_sub(1, Relaxed);
        });
    }
}

/// One connection, from its first packet to its end.
async fn serve(shared: &Arc<Shared>, incoming: Incoming) -> Result<(), (Reason, String)> {
    let deadline = Instant::now() + HELLO_DEADLINE;
    let connection = match timeout_at(deadline, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err((Reason::of_handshake(&error), error.to_string())),
        Err(_) => return Err((Reason::Handshake, "the handshake took too long".into())),
    };
    let served = serve_connected(shared, &connection, deadline).await;
    if let Err((reason, why)) = &served {
        reason.close(&connection, why);
    }
    served
}

async fn serve_connected(
    shared: &Arc<Shared>,
    connection: &Connection,
    deadline: Instant,
) -> Result<(), (Reason, String)> {
    let name = match identity::of_connection(connection, &shared.cluster) {
        Ok(Identity::Client { name }) => name,
        Ok(Identity::Peer { .. }) => {
            return Err((Reason::NotAClient, "this is a node's certificate, not a client's".into()));
        }
        Err(error) => return Err((Reason::NotAClient, error.to_string())),
    };
    let no_hello = || (Reason::NoHello, "no Hello in time".to_owned());
    let (mut send, recv) = match timeout_at(deadline, connection.accept_bi()).await {
        Ok(Ok(streams)) => streams,
        // Gone before it asked for anything: nothing to refuse.
        Ok(Err(_)) => return Ok(()),
        Err(_) => return Err(no_hello()),
    };
    let mut frames = Frames { recv, received: BytesMut::new(), pieces: [const { Bytes::new() }; PIECES] };
    let first = timeout_at(deadline, frames.next()).await.map_err(|_| no_hello())?;
    let (tag, version) = match first? {
        Some((tag, Request::Hello(hello))) => (tag, check_hello(&hello)?),
        Some(_) => return Err((Reason::NoHello, "the first frame is not a Hello".into())),
        None => return Ok(()),
    };

    tracing::debug!(client = name, from = %connection.remote_address(), "client connected");
    let outbox = Arc::new(Outbox::default());
    outbox.push(tag, &Response::Welcome(Welcome { version, node: shared.me }));
    let mut writer = tokio::spawn({
        let outbox = outbox.clone();
        async move { drop(outbox.write_to(&mut send).await) }
    });
    // Where nothing can be written any more, nothing more is read: the reader may be waiting for room
    // that only the writer makes.
    let read = tokio::select! {
        read = read_requests(shared, &mut frames, &outbox) => read,
        _ = &mut writer => Ok(()),
    };
    outbox.close();
    writer.abort();
    read
}

/// The version to speak with a client that offers these.
fn check_hello(hello: &Hello) -> Result<u16, (Reason, String)> {
    let (min, max, ours) = (hello.min_version, hello.max_version, protocol::VERSION);
    if (min..=max).contains(&ours) {
        Ok(ours)
    } else {
        Err((Reason::Version, format!("client speaks versions {min}..={max}, this node {ours}")))
    }
}

async fn read_requests(
    shared: &Arc<Shared>,
    frames: &mut Frames,
    outbox: &Arc<Outbox>,
) -> Result<(), (Reason, String)> {
    while let Some((tag, request)) = frames.next().await? {
        // What is refused is answered at once and waits for nothing: a stream of it must not keep the thread.
        tokio::task::consume_budget().await;
        shared.requests.fetch_add(1, Relaxed);
        let weight = MIN_WEIGHT.max(match &request {
            Request::Propose { command, .. } => command.len(),
            Request::Read { query } => query.len(),
            Request::Hello(_) | Request::OpenSession | Request::Status => 0,
        });
        outbox.admit(weight, CONNECTION_LIMIT).await;
        shared.in_flight.fetch_add(1, Relaxed);
        let (to, outbox) = (shared.clone(), outbox.clone());
        shared.answer(request, move |told| {
            let response = told.unwrap_or_else(|why| Response::Refused(why.with_address(&to.addresses)));
            outbox.return_and_push(weight, tag, &response);
            to.in_flight.fetch_sub(1, Relaxed);
        });
    }
    Ok(())
}

/// The requests of one stream.
struct Frames {
    recv: RecvStream,
    received: BytesMut,
    pieces: [Bytes; PIECES],
}

impl Frames {
    /// The next request; nothing once the client is gone.
    async fn next(&mut self) -> Result<Option<(u64, Request)>, (Reason, String)> {
        let malformed = |error: FrameError| (Reason::Malformed, error.to_string());
        let mut deadline = None;
        loop {
            if let Some(frame) = protocol::next_frame(&mut self.received).map_err(malformed)? {
                return Ok(Some(frame));
            }
            let read = self.recv.read_chunks(&mut self.pieces);
            let read = if self.received.is_empty() {
                read.await
            } else {
                let at = *deadline.get_or_insert_with(|| Instant::now() + FRAME_DEADLINE);
                let slow = |_| (Reason::Slow, "a frame was not finished in time".to_owned());
                timeout_at(at, read).await.map_err(slow)?
            };
            match read {
                Ok(Some(count)) => {
                    for piece in &mut self.pieces[..count] {
                        self.received.extend_from_slice(&std::mem::take(piece));
                    }
                }
                // Finished, reset or lost: nobody is there to be told.
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}

impl Shared {
    /// `then` is called in the node's loop for what the node answers: a task for each request would cost more than all
    /// else that the port does with it.
    fn answer(
        self: &Arc<Shared>,
        request: Request,
        then: impl FnOnce(Result<Response, NotDone>) + Send + 'static,
    ) {
        if matches!(request, Request::Status) {
            let shared = self.clone();
            tokio::spawn(async move { then(shared.status().await) });
        } else if self.stopping.load(Relaxed) {
            then(Err(Refused::Stopping.into()));
        } else {
            super::carry::ask(&self.node, request, then);
        }
    }

    async fn status(&self) -> Result<Response, NotDone> {
        let status = self.node.status().await.map_err(|_| Refused::Stopping)?;
        let mut status = (self.status)(status);
        status.client_port = PortStatus {
            connections: self.connections.load(Relaxed) as u64,
            requests: self.requests.load(Relaxed),
            refused: self.refused.snapshot(),
        };
        Ok(Response::Status(Box::new(status)))
    }
}
