//! The first frame of a connection and its answer: their bytes, and everything else that could come
//! in their place from a peer whose certificate is good.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{
    Certs, HandMade, Node, Scene, assert_pair_works, closed_with, eventually, heartbeat, read_ack, socket,
};
use raft::{BootId, ClusterId, Incarnation, NodeId, wire};
use transport_quic::Refusal;
use transport_quic::hello::{self, HELLO, HELLO_ACK, Hello, HelloAck, HelloError};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn hello_has_these_bytes() {
    let hello = Hello {
        min_version: 1,
        max_version: 2,
        features: 0,
        cluster: ClusterId::new("prod").unwrap(),
        from: NodeId(3),
        to: NodeId(1),
        incarnation: Incarnation(0x1234),
        boot: BootId(0xff),
    };
    let frame = hello::encode(HELLO, &hello);
    assert_eq!(hex(&frame), "0e00000040000e0000000102000470726f640301b424ff01");
    assert_eq!(hello::decode::<Hello>(&frame[10..]), Ok(hello));
}

#[test]
fn hello_ack_has_these_bytes() {
    let ack = HelloAck { version: 1, features: 0, incarnation: Incarnation(0x1234), boot: BootId(0xff) };
    let frame = hello::encode(HELLO_ACK, &ack);
    assert_eq!(hex(&frame), "060000004100060000000100b424ff01");
    assert_eq!(hello::decode::<HelloAck>(&frame[10..]), Ok(ack));
}

#[test]
fn the_longest_hello_is_within_the_limit() {
    let hello = Hello {
        min_version: u16::MAX,
        max_version: u16::MAX,
        features: u64::MAX,
        cluster: ClusterId::new("c".repeat(63)).unwrap(),
        from: NodeId(u64::MAX),
        to: NodeId(u64::MAX),
        incarnation: Incarnation(u128::MAX),
        boot: BootId(u64::MAX),
    };
    assert!(hello::encode(HELLO, &hello).len() <= wire::PREFIX + hello::MAX_HELLO);
}

#[test]
fn lengths_are_checked_before_anything_is_read() {
    let prefix = |len: u32, kind: u8, flags: u8, header: u32| {
        let [a, b, c, d] = len.to_le_bytes();
        let [e, f, g, h] = header.to_le_bytes();
        hello::parse_prefix(HELLO, [a, b, c, d, kind, flags, e, f, g, h])
    };
    assert_eq!(prefix(20, HELLO, 0, 20), Ok(20));
    assert_eq!(prefix(513, HELLO, 0, 513), Err(HelloError::TooLong(513)));
    assert_eq!(prefix(u32::MAX, HELLO, 0, 1), Err(HelloError::TooLong(u32::MAX as usize)));
    assert_eq!(prefix(20, HELLO, 0, 19), Err(HelloError::Header { header_len: 19, len: 20 }));
    assert_eq!(prefix(20, HELLO, 1, 20), Err(HelloError::Flags(1)));
    assert_eq!(prefix(20, 5, 0, 20), Err(HelloError::Kind { expected: HELLO, found: 5 }));
}

async fn scene() -> Scene {
    common::scene(|config| config.limits.hello = Duration::from_secs(1)).await
}

/// Node 1 gets these bytes on the first stream of a connection, and turns the peer away.
async fn refused(bytes: &[u8], why: Refusal, reason: &str) {
    let Scene { mut node, mut good, peer } = scene().await;
    let connection = peer.dial(&node).await;
    let mut control = None;
    if !bytes.is_empty() {
        let mut streams = connection.open_bi().await.unwrap();
        streams.0.write_all(bytes).await.unwrap();
        control = Some(streams);
    }
    let (code, text) = closed_with(&connection).await;
    assert_eq!(code, why as u64, "{text}");
    assert!(text.contains(reason), "{text}");
    drop(control);
    eventually(why.name(), || node.stats().refused(why) == 1).await;
    assert_pair_works(&mut node, &mut good).await;
    assert_eq!(node.stats().refusals.len(), 1, "{:?}", node.stats());
}

fn with(change: impl FnOnce(&mut Hello)) -> Vec<u8> {
    let mut hello = Hello {
        min_version: 1,
        max_version: 1,
        features: 0,
        cluster: ClusterId::new("test").unwrap(),
        from: NodeId(2),
        to: NodeId(1),
        incarnation: Incarnation(1),
        boot: BootId(1),
    };
    change(&mut hello);
    hello::encode(HELLO, &hello)
}

#[tokio::test]
async fn silence() {
    refused(&[], Refusal::HelloTimeout, "no Hello within 1s").await;
}

#[tokio::test]
async fn half_a_hello() {
    let whole = with(|_| {});
    refused(&whole[..whole.len() - 1], Refusal::HelloTimeout, "no Hello").await;
}

#[tokio::test]
async fn a_message_before_hello() {
    let frame = wire::encode(&heartbeat(666)).to_vec();
    refused(&frame, Refusal::MalformedHello, "expected a frame of kind 64, found kind 7").await;
}

#[tokio::test]
async fn an_enormous_hello() {
    refused(&[0xff, 0xff, 0xff, 0xff, HELLO, 0, 0, 0, 0, 0], Refusal::MalformedHello, "the limit is 512")
        .await;
}

#[tokio::test]
async fn a_hello_that_cannot_be_decoded() {
    let mut frame = vec![4, 0, 0, 0, HELLO, 0, 4, 0, 0, 0];
    frame.extend([0xff; 4]);
    refused(&frame, Refusal::MalformedHello, "malformed").await;
}

#[tokio::test]
async fn bytes_behind_a_hello() {
    let mut frame = with(|_| {});
    frame.push(0);
    frame[0] += 1;
    frame[6] += 1;
    refused(&frame, Refusal::MalformedHello, "1 bytes behind its end").await;
}

#[tokio::test]
async fn a_hello_of_a_newer_protocol() {
    let frame = with(|hello| (hello.min_version, hello.max_version) = (2, 7));
    refused(&frame, Refusal::Version, "offers protocol versions 2..=7, this node speaks 1..=1").await;
}

#[tokio::test]
async fn a_hello_for_another_node() {
    refused(&with(|hello| hello.to = NodeId(3)), Refusal::Misdirected, "for node 3, this is node 1").await;
}

#[tokio::test]
async fn a_hello_from_another_node() {
    refused(&with(|hello| hello.from = NodeId(3)), Refusal::Impostor, "claims to be node 3").await;
}

#[tokio::test]
async fn a_hello_for_another_cluster() {
    let frame = with(|hello| hello.cluster = ClusterId::new("elsewhere").unwrap());
    refused(&frame, Refusal::WrongCluster, "for cluster elsewhere").await;
}

#[tokio::test]
async fn the_newest_common_version_is_chosen() {
    let Scene { node, good: _good, peer } = scene().await;
    let connection = peer.dial(&node).await;
    let (mut control, mut answers) = connection.open_bi().await.unwrap();
    control.write_all(&with(|hello| (hello.min_version, hello.max_version) = (0, 9))).await.unwrap();
    let ack = read_ack(&mut answers).await;
    assert_eq!((ack.version, ack.features), (1, 0));
    assert_eq!(ack.incarnation, common::incarnation(1));
}

/// Node 1 dials a hand-made node 2, which answers Hello with these bytes.
async fn answered(answer: Vec<u8>, why: Refusal) {
    let certs = Certs::new();
    let server = HandMade::new(2, &certs.node(2), &certs.trust());
    let (one, three) = (socket(), socket());
    let (a1, a3) = (one.local_addr().unwrap(), three.local_addr().unwrap());
    let mut node = Node::start(certs.config(1, one, &[(2, server.address()), (3, a3)])).await;
    let mut good = Node::start(certs.config(3, three, &[(1, a1)])).await;
    let connection = server.endpoint.accept().await.unwrap().await.unwrap();
    let (mut answers, mut control) = connection.accept_bi().await.unwrap();
    common::read_hello_frame(HELLO, &mut control).await;
    answers.write_all(&answer).await.unwrap();
    let (code, text) = closed_with(&connection).await;
    assert_eq!(code, why as u64, "{text}");
    assert_eq!(node.stats().refused(why), 1);
    assert_pair_works(&mut node, &mut good).await;
}

#[tokio::test]
async fn an_answer_with_a_version_that_was_not_offered() {
    let ack = HelloAck { version: 9, features: 0, incarnation: Incarnation(1), boot: BootId(1) };
    answered(hello::encode(HELLO_ACK, &ack), Refusal::Version).await;
}

#[tokio::test]
async fn an_answer_that_is_a_hello() {
    answered(with(|_| {}), Refusal::MalformedHello).await;
}

#[tokio::test]
async fn silent_peers_cannot_take_every_place() {
    let certs = Certs::new();
    let peer = HandMade::new(2, &certs.node(2), &certs.trust());
    let (one, three) = (socket(), socket());
    let (a1, a3) = (one.local_addr().unwrap(), three.local_addr().unwrap());
    let mut config = certs.config(1, one, &[(2, socket().local_addr().unwrap()), (3, a3)]);
    config.limits.hello = Duration::from_secs(1);
    config.limits.handshakes = 2;
    let mut node = Node::start(config).await;
    // Two say nothing; the second had to prove its address first. There is no room for a third.
    let first = peer.dial(&node).await;
    let second = peer.dial(&node).await;
    assert!(peer.try_dial(&node).await.is_err());
    assert_eq!(node.stats().refused(Refusal::TooManyHandshakes), 1);
    // Their time runs out, and others get in.
    for connection in [first, second] {
        assert_eq!(closed_with(&connection).await.0, Refusal::HelloTimeout as u64);
    }
    let mut good = Node::start(certs.config(3, three, &[(1, a1)])).await;
    assert_pair_works(&mut node, &mut good).await;
}
