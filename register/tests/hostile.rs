//! A certified client that does not keep to the protocol: its connection ends with a reason, nothing
//! enters the log, and the others are served.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use common::{Cluster, LIMIT, in_dir, runtime};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use raft::SessionId;
use raft::session::SessionTag;
use register::command::Query;
use register::protocol::{Hello, Message, Refused, Request, Response, next_frame};
use transport_quic::{ALPN_REGISTER, ConnectionSettings, Credentials, TrustAnchors, tls};

/// A connection to node 1 with a good certificate and no manners.
struct Raw {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    received: BytesMut,
}

impl Raw {
    async fn connect(cluster: &Cluster) -> Raw {
        let certs = in_dir(&cluster.certs(), "client-test");
        let trust = TrustAnchors::load(&certs.peer_ca).unwrap();
        let credentials = Credentials::load(&certs.cert, &certs.key).unwrap();
        let settings = ConnectionSettings::client_port();
        let config = tls::client_config(ALPN_REGISTER, &trust, &credentials, &settings).unwrap();
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], cluster.ports[0].client));
        let connection = endpoint.connect_with(config, address, "127.0.0.1").unwrap().await.unwrap();
        let (send, recv) = connection.open_bi().await.unwrap();
        Raw { connection, send, recv, received: BytesMut::new() }
    }

    async fn greeted(cluster: &Cluster) -> Raw {
        let mut raw = Raw::connect(cluster).await;
        raw.say(&hello(1, 1)).await;
        assert!(matches!(raw.answer().await, Response::Welcome(_)));
        raw
    }

    async fn say(&mut self, request: &Request) {
        self.write(&request.to_frame(9)).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    async fn answer(&mut self) -> Response {
        loop {
            if let Some((tag, response)) = next_frame(&mut self.received).unwrap() {
                assert_eq!(tag, 9);
                return response;
            }
            let chunk = self.recv.read_chunk(4096, true).await.unwrap().unwrap();
            self.received.extend_from_slice(&chunk.bytes);
        }
    }

    /// Waits until the node has ended the connection. Beside so much data the datagram that says why may be lost in
    /// this side's socket; a node that has forgotten the connection answers what comes next by a reset (RFC 9000
    /// §10.2.1, §10.3).
    async fn let_go(self) {
        let ended = tokio::time::timeout(LIMIT, self.connection.closed()).await.unwrap();
        assert!(matches!(ended, ConnectionError::ApplicationClosed(_) | ConnectionError::Reset), "{ended}");
    }

    /// The code and reason that the node closes with.
    async fn closed(self) -> (u64, String) {
        match tokio::time::timeout(LIMIT, self.connection.closed()).await.unwrap() {
            ConnectionError::ApplicationClosed(close) => {
                (close.error_code.into_inner(), String::from_utf8_lossy(&close.reason).into_owned())
            }
            other => panic!("closed otherwise: {other}"),
        }
    }
}

fn hello(min_version: u16, max_version: u16) -> Request {
    Request::Hello(Hello { min_version, max_version })
}

#[test]
fn who_does_not_say_hello_first_is_sent_away() {
    let cluster = Cluster::started(1);
    runtime().block_on(async {
        let mut raw = Raw::connect(&cluster).await;
        raw.say(&Request::OpenSession).await;
        assert_eq!(raw.closed().await.0, 20);

        let mut raw = Raw::connect(&cluster).await;
        raw.say(&hello(2, 9)).await;
        assert_eq!(raw.closed().await, (19, "client speaks versions 2..=9, this node 1".into()));
    });
    cluster.put_works();
}

#[test]
fn frames_that_are_none() {
    let cluster = Cluster::started(1);
    runtime().block_on(async {
        // A proposal of four gigabytes: told off by its prefix, before any of it has come.
        let mut raw = Raw::greeted(&cluster).await;
        raw.write(b"\xff\xff\xff\xff\x03\0\0\0\0\0\0\0\0\0").await;
        let (code, reason) = raw.closed().await;
        assert_eq!(code, 21);
        assert!(reason.contains("4294967295 bytes"), "{reason}");

        for bad in [&b"\0\0\0\0\x63\0\0\0\0\0\0\0\0\0"[..], b"\0\0\0\0\x05\x01\0\0\0\0\0\0\0\0"] {
            let mut raw = Raw::greeted(&cluster).await;
            raw.write(bad).await;
            assert_eq!(raw.closed().await.0, 21, "{bad:?}");
        }
    });
    let refused = cluster.statuses()[0].client_port.refused.clone();
    assert_eq!(refused, vec![("malformed_frame".to_owned(), 3)]);
    cluster.put_works();
}

#[test]
fn a_frame_that_never_ends() {
    let cluster = Cluster::started(1);
    runtime().block_on(async {
        let mut raw = Raw::greeted(&cluster).await;
        raw.write(b"\x10\0\0\0\x04").await;
        assert_eq!(raw.closed().await.0, 22);
    });
    cluster.put_works();
}

#[test]
fn malformed_requests_are_refused_and_do_not_enter_the_log() {
    let cluster = Cluster::started(1);
    let end = || cluster.statuses()[0].last_log_index;
    let before = end();
    runtime().block_on(async {
        let mut raw = Raw::greeted(&cluster).await;
        let session = SessionTag { session: SessionId(1), serial: 1, floor: 0 };
        let malformed = Response::Refused(Refused::Malformed);
        for bad in [
            Request::Propose { session, command: Bytes::new() },
            Request::Propose { session, command: Bytes::from_static(b"\x01\x00\x01\xff\xff\xff\xff\x0fk") },
            Request::Read { query: Bytes::from_static(b"\x01\x00\x00") },
            hello(1, 1),
        ] {
            raw.say(&bad).await;
            assert_eq!(raw.answer().await, malformed, "{bad:?}");
        }
    });
    assert_eq!(end(), before, "something entered the log");
    cluster.put_works();
}

#[test]
fn a_session_that_never_was_has_expired() {
    let cluster = Cluster::started(1);
    runtime().block_on(async {
        let mut raw = Raw::greeted(&cluster).await;
        let session = SessionTag { session: SessionId(1 << 40), serial: 1, floor: 0 };
        raw.say(&Request::Propose { session, command: Bytes::from_static(b"\x01\x00\x01\x01kv") }).await;
        assert_eq!(raw.answer().await, Response::Refused(Refused::SessionExpired));
    });
    assert_eq!(cluster.cli(&["get", "k"]).code, Some(6), "it was applied all the same");
}

#[test]
fn a_client_that_asks_for_much_and_listens_no_more_is_let_go() {
    let cluster = Cluster::started(1);
    let value = vec![b'v'; 1 << 20];
    assert_eq!(cluster.cli_with_stdin(&["put", "big"], &value).code, Some(0));
    runtime().block_on(async {
        let mut raw = Raw::greeted(&cluster).await;
        let query = Query::Get { key: Bytes::from_static(b"big") }.encode();
        // More than a connection may have unwritten: the node waits for room before it reads on.
        for _ in 0..32 {
            raw.say(&Request::Read { query: query.clone() }).await;
        }
        raw.recv.read_chunk(1, true).await.unwrap();
        raw.recv.stop(0_u32.into()).unwrap();
        raw.let_go().await;
    });
    cluster.put_works();
}
