//! Snapshots have a connection of their own: they wait for nothing, and nothing waits for them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bytes::Bytes;
use common::{Certs, Node, eventually, heartbeat};
use raft::consensus::message::{InstallSnapshot, Message};
use raft::consensus::snapshot::SnapshotId;
use raft::{LogId, LogIndex, Term};

fn piece(number: u64) -> Message {
    let last = LogId { term: Term(2), index: LogIndex(900) };
    let snapshot = SnapshotId { last, length: 1 << 30, hash: [4; 32] };
    let data = Bytes::from(vec![u8::try_from(number % 251).unwrap(); 1 << 20]);
    Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot, offset: number << 20, data })
}

async fn piece_arrives(node: &mut Node, number: u64) {
    loop {
        let message = node.receive().await.message;
        if message == piece(number) {
            return;
        }
        assert!(!matches!(message, Message::InstallSnapshot(_)), "pieces out of order");
    }
}

#[tokio::test]
async fn pieces_arrive_in_order_beside_the_messages() {
    let mut nodes = Certs::new().nodes(2).await;
    let mut b = nodes.pop().unwrap();
    let mut a = nodes.pop().unwrap();
    a.send(2, &[heartbeat(1)]);
    b.receive().await;
    let before = a.stats().connects;
    for number in 0..30 {
        a.send(2, &[piece(number)]);
        piece_arrives(&mut b, number).await;
    }
    assert_eq!(a.stats().connects, before + 1, "one connection more, for all of them");
}

/// The receiver's node takes nothing: the snapshot's connection fills up, and heartbeats pass.
#[tokio::test]
async fn heartbeats_do_not_wait_behind_a_snapshot_that_nobody_reads() {
    let mut nodes = Certs::new().nodes(2).await;
    let mut b = nodes.pop().unwrap();
    let mut a = nodes.pop().unwrap();
    a.send(2, &[heartbeat(1)]);
    b.receive().await;
    // More than every window between them; what does not fit is dropped.
    a.send(2, &(0..40).map(piece).collect::<Vec<_>>());
    piece_arrives(&mut b, 0).await;
    a.send(2, &[heartbeat(2)]);
    let mut pieces = 0;
    loop {
        match b.receive().await.message {
            Message::InstallSnapshot(_) => pieces += 1,
            other => break assert_eq!(other, heartbeat(2)),
        }
    }
    assert!(pieces < 30, "{pieces} pieces came first");
}

#[tokio::test]
async fn a_piece_finds_the_peer_again_after_it_restarted() {
    let certs = Certs::new();
    let mut nodes = certs.nodes(2).await;
    let mut b = nodes.pop().unwrap();
    let mut a = nodes.pop().unwrap();
    a.send(2, &[piece(0)]);
    piece_arrives(&mut b, 0).await;
    let (address, peer) = (b.address, a.address);
    b.transport.shutdown().await;
    let socket = std::net::UdpSocket::bind(address).unwrap();
    let mut b = Node::start(certs.config(2, socket, &[(1, peer)])).await;
    eventually("the next piece", || {
        a.send(2, &[piece(1)]);
        b.received.try_recv().is_ok_and(|received| received.message == piece(1))
    })
    .await;
}
