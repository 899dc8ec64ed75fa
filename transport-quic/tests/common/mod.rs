//! What the tests share: a cluster's certificates, nodes, and hand-made peers that hold a good
//! certificate and misbehave.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers")]
#![allow(clippy::disallowed_methods, reason = "any boot id and any port will do")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use raft::consensus::message::{Heartbeat, Message};
use raft::transport::{Inbox, Received, Transport};
use raft::{BootId, ClusterId, Incarnation, LogIndex, NodeId, Term, wire};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use transport_quic::hello::{self, HELLO, HELLO_ACK, Hello, HelloAck};
use transport_quic::{
    ALPN_PEER, ConnectionSettings, Credentials, PeerConfig, Pki, QuicTransport, StatsSnapshot, TrustAnchors,
    Validity, identity, tls,
};

/// Long enough for any host: no test waits it out unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster's authorities.
pub(crate) struct Certs {
    pub(crate) pki: Pki,
}

impl Certs {
    pub(crate) fn new() -> Certs {
        Certs::of("test")
    }

    pub(crate) fn of(cluster: &str) -> Certs {
        Certs { pki: Pki::generate(&ClusterId::new(cluster).unwrap()).unwrap() }
    }

    pub(crate) fn node(&self, id: u64) -> Credentials {
        self.pki.issue_node(NodeId(id), &[], Validity::default()).unwrap().credentials().unwrap()
    }

    pub(crate) fn trust(&self) -> TrustAnchors {
        self.pki.peer_ca.trust().unwrap()
    }

    pub(crate) fn config(&self, id: u64, socket: UdpSocket, peers: &[(u64, SocketAddr)]) -> PeerConfig {
        let (cluster, me) = (self.pki.cluster.clone(), NodeId(id));
        let (incarnation, boot) = (incarnation(id), BootId(fastrand::u64(..)));
        let mut config = PeerConfig::new(cluster, me, incarnation, boot, socket, self.node(id), self.trust());
        config.peers = peers.iter().map(|(id, address)| (NodeId(*id), (*address).into())).collect();
        config
    }

    /// Nodes `1..=n`, all connected to each other in the end.
    pub(crate) async fn nodes(&self, n: u64) -> Vec<Node> {
        let sockets: Vec<UdpSocket> = (0..n).map(|_| socket()).collect();
        let all: Vec<(u64, SocketAddr)> =
            (1..).zip(&sockets).map(|(id, socket)| (id, socket.local_addr().unwrap())).collect();
        let mut nodes = Vec::new();
        for (id, socket) in (1..).zip(sockets) {
            nodes.push(Node::start(self.config(id, socket, &all)).await);
        }
        nodes
    }
}

pub(crate) fn incarnation(id: u64) -> Incarnation {
    Incarnation(u128::from(id) << 64 | 0xabcd)
}

/// A bound socket on a free port.
pub(crate) fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddr,
    pub(crate) transport: QuicTransport,
    pub(crate) received: Receiver<Received>,
}

impl Node {
    pub(crate) async fn start(config: PeerConfig) -> Node {
        let (inbox, received) = Inbox::new();
        let id = config.me;
        let transport = QuicTransport::start(config, inbox).await.unwrap();
        Node { id, address: transport.local_addr(), transport, received }
    }

    pub(crate) fn send(&mut self, to: u64, messages: &[Message]) {
        self.transport.send(NodeId(to), messages.iter().map(wire::encode).collect());
    }

    pub(crate) async fn receive(&mut self) -> Received {
        timeout(PATIENCE, self.received.recv()).await.expect("a message in time").expect("an open inbox")
    }

    pub(crate) fn stats(&self) -> StatsSnapshot {
        self.transport.stats().snapshot()
    }
}

pub(crate) fn heartbeat(round: u64) -> Message {
    Message::Heartbeat(Heartbeat { term: Term(1), round, leader_commit: LogIndex(0) })
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// `from` reaches `to`, and that is the first thing that `to` hears.
pub(crate) async fn assert_reaches(from: &mut Node, to: &mut Node) {
    let round = fastrand::u64(..);
    let mut attempts = 0;
    let received = loop {
        from.send(to.id.0, &[heartbeat(round)]);
        attempts += 1;
        assert!(attempts < 300, "node {} does not reach node {}", from.id, to.id);
        if let Ok(received) = timeout(Duration::from_millis(100), to.received.recv()).await {
            break received.expect("an open inbox");
        }
    };
    assert_eq!((received.from, received.message), (from.id, heartbeat(round)));
    // Repetitions that were slow, not lost.
    while let Ok(Some(again)) = timeout(Duration::from_millis(20), to.received.recv()).await {
        assert_eq!(again.message, heartbeat(round));
    }
}

/// Both directions.
pub(crate) async fn assert_pair_works(a: &mut Node, b: &mut Node) {
    assert_reaches(a, b).await;
    assert_reaches(b, a).await;
}

/// A quinn endpoint with a certificate, driven by the test.
pub(crate) struct HandMade {
    pub(crate) endpoint: quinn::Endpoint,
    pub(crate) id: u64,
}

impl HandMade {
    /// Dials as a peer would, with any credentials, and accepts whoever dials it.
    pub(crate) fn new(id: u64, credentials: &Credentials, trust: &TrustAnchors) -> HandMade {
        let settings = ConnectionSettings::default();
        let server = tls::server_config(ALPN_PEER, trust, credentials, &settings).unwrap();
        let client = tls::client_config(ALPN_PEER, trust, credentials, &settings).unwrap();
        let mut endpoint = quinn::Endpoint::server(server, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        endpoint.set_default_client_config(client);
        HandMade { endpoint, id }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    /// A connection; in TLS 1.3 that the handshake succeeds here says nothing about the other side.
    pub(crate) async fn dial(&self, node: &Node) -> Connection {
        self.try_dial(node).await.unwrap()
    }

    pub(crate) async fn try_dial(&self, node: &Node) -> Result<Connection, quinn::ConnectionError> {
        let name = identity::server_name(&ClusterId::new("test").unwrap(), node.id);
        timeout(PATIENCE, self.endpoint.connect(node.address, &name).unwrap()).await.unwrap()
    }

    pub(crate) fn hello(&self, to: NodeId) -> Hello {
        Hello {
            min_version: 1,
            max_version: 1,
            features: 0,
            cluster: ClusterId::new("test").unwrap(),
            from: NodeId(self.id),
            to,
            incarnation: incarnation(self.id),
            boot: BootId(7),
        }
    }

    /// A connection whose Hello was accepted, its control stream, and the log stream not yet opened.
    pub(crate) async fn accepted(&self, node: &Node) -> (Connection, SendStream) {
        self.accepted_as(node, 7).await
    }

    /// As [`HandMade::accepted`], as the process with this boot id.
    pub(crate) async fn accepted_as(&self, node: &Node, boot: u64) -> (Connection, SendStream) {
        let connection = self.dial(node).await;
        let hello = Hello { boot: BootId(boot), ..self.hello(node.id) };
        let (mut control, mut answers) = connection.open_bi().await.unwrap();
        control.write_all(&hello::encode(HELLO, &hello)).await.unwrap();
        read_ack(&mut answers).await;
        (connection, control)
    }
}

/// Accepts a node's connection and its Hello, as the process with this boot id.
pub(crate) async fn accept_hello(server: &HandMade, boot: u64) -> Connection {
    let incoming = timeout(PATIENCE, server.endpoint.accept()).await.unwrap().unwrap();
    let connection = incoming.await.unwrap();
    let (mut answers, mut control) = connection.accept_bi().await.unwrap();
    read_hello_frame(HELLO, &mut control).await;
    let ack = HelloAck { version: 1, features: 0, incarnation: incarnation(server.id), boot: BootId(boot) };
    answers.write_all(&hello::encode(HELLO_ACK, &ack)).await.unwrap();
    connection
}

pub(crate) async fn read_ack(answers: &mut RecvStream) -> HelloAck {
    hello::decode(&read_hello_frame(HELLO_ACK, answers).await).unwrap()
}

pub(crate) async fn read_hello_frame(kind: u8, stream: &mut RecvStream) -> Vec<u8> {
    let mut prefix = [0; wire::PREFIX];
    timeout(PATIENCE, stream.read_exact(&mut prefix)).await.unwrap().unwrap();
    let mut payload = vec![0; hello::parse_prefix(kind, prefix).unwrap()];
    timeout(PATIENCE, stream.read_exact(&mut payload)).await.unwrap().unwrap();
    payload
}

/// How the connection ended.
pub(crate) async fn closed(connection: &Connection) -> quinn::ConnectionError {
    timeout(PATIENCE, connection.closed()).await.expect("closed in time")
}

/// The application code and reason with which the node closed the connection.
pub(crate) async fn closed_with(connection: &Connection) -> (u64, String) {
    match closed(connection).await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            (close.error_code.into_inner(), String::from_utf8_lossy(&close.reason).into_owned())
        }
        other => panic!("closed otherwise: {other:?}"),
    }
}

/// TLS without a certificate to show: what no helper of the crate can make.
pub(crate) fn anonymous_client(trust: &TrustAnchors) -> quinn::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    trust.certificates().iter().for_each(|ca| roots.add(ca.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN_PEER.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    quinn::ClientConfig::new(Arc::new(crypto))
}

/// Every refusal that a node counted.
pub(crate) fn refusals(node: &Node) -> BTreeMap<&'static str, u64> {
    node.stats().refusals
}

/// Node 1 with the peers 2, which is hand-made, and 3.
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) good: Node,
    pub(crate) peer: HandMade,
}

pub(crate) async fn scene(configure: impl FnOnce(&mut PeerConfig)) -> Scene {
    let certs = Certs::new();
    let peer = HandMade::new(2, &certs.node(2), &certs.trust());
    let (one, three) = (socket(), socket());
    let (a1, a3) = (one.local_addr().unwrap(), three.local_addr().unwrap());
    let mut config = certs.config(1, one, &[(3, a3)]);
    // Known, but never dialled with success.
    config.peers.insert(NodeId(2), socket().local_addr().unwrap().into());
    configure(&mut config);
    let node = Node::start(config).await;
    let good = Node::start(certs.config(3, three, &[(1, a1)])).await;
    Scene { node, good, peer }
}
