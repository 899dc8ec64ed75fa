//! What a peer with a good certificate and an accepted Hello can send that is no message. Each
//! costs it the connection, with the reason; nothing is delivered, and the node goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Certs, HandMade, Scene, assert_pair_works, closed_with, eventually, heartbeat};
use raft::consensus::message::{AppendEntries, Message};
use raft::wire::{self, Kind};
use raft::{LogId, LogIndex, NodeId, Term};
use transport_quic::Refusal;
use transport_quic::hello::{self, HELLO};

async fn scene() -> Scene {
    common::scene(|config| config.limits.frame = Duration::from_millis(500)).await
}

/// On the control stream (the first) or the log stream (the second).
async fn refused(log: bool, bytes: &[u8], why: Refusal, reason: &str) {
    let Scene { mut node, mut good, peer } = scene().await;
    let (connection, mut control) = peer.accepted(&node).await;
    let mut streams = Vec::new();
    if log {
        let (mut stream, answers) = connection.open_bi().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        streams.push((stream, answers));
    } else {
        control.write_all(bytes).await.unwrap();
    }
    let (code, text) = closed_with(&connection).await;
    assert_eq!(code, why as u64, "{text}");
    assert!(text.contains(reason), "{text}");
    eventually(why.name(), || node.stats().refused(why) == 1).await;
    assert_eq!(node.stats().frames_delivered, 0);
    assert_pair_works(&mut node, &mut good).await;
    assert_eq!(node.stats().refusals.len(), 1, "{:?}", node.stats());
    // And it may come back.
    peer.accepted(&node).await;
}

fn prefix(len: usize, kind: u8, flags: u8, header_len: usize) -> Vec<u8> {
    let mut bytes = u32::try_from(len).unwrap().to_le_bytes().to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(u32::try_from(header_len).unwrap().to_le_bytes());
    bytes
}

fn beat() -> Vec<u8> {
    wire::encode(&heartbeat(666)).to_vec()
}

fn append() -> Vec<u8> {
    let prev_log = LogId { term: Term(0), index: LogIndex(0) };
    let message =
        AppendEntries { term: Term(1), id: 1, prev_log, leader_commit: LogIndex(0), entries: vec![] };
    wire::encode(&Message::AppendEntries(message)).to_vec()
}

#[tokio::test]
async fn unknown_kind() {
    refused(false, &prefix(0, 63, 0, 0), Refusal::MalformedFrame, "unknown kind 63").await;
}

#[tokio::test]
async fn unknown_flags() {
    refused(false, &prefix(0, Kind::Heartbeat as u8, 1, 0), Refusal::MalformedFrame, "unknown flags").await;
}

#[tokio::test]
async fn a_second_hello() {
    let certs = Certs::new();
    let hello = HandMade::new(2, &certs.node(2), &certs.trust()).hello(NodeId(1));
    refused(false, &hello::encode(HELLO, &hello), Refusal::MalformedFrame, "unknown kind 64").await;
}

#[tokio::test]
async fn oversized_control_frame() {
    // Nothing follows the prefix: the length alone is enough.
    let bytes = prefix(wire::MAX_CONTROL_FRAME + 1, Kind::Heartbeat as u8, 0, 3);
    refused(false, &bytes, Refusal::OversizedFrame, "the limit is 65536").await;
}

#[tokio::test]
async fn oversized_log_frame() {
    let bytes = prefix(wire::MAX_LOG_FRAME + 1, Kind::AppendEntries as u8, 0, 3);
    refused(true, &bytes, Refusal::OversizedFrame, "the limit is 8388608").await;
}

#[tokio::test]
async fn header_longer_than_the_frame() {
    let bytes = prefix(3, Kind::Heartbeat as u8, 0, 4);
    refused(false, &bytes, Refusal::MalformedFrame, "claims a header of 4").await;
}

#[tokio::test]
async fn header_that_cannot_be_decoded() {
    let mut bytes = prefix(3, Kind::Heartbeat as u8, 0, 3);
    bytes.extend([0xff; 3]);
    refused(false, &bytes, Refusal::MalformedFrame, "malformed").await;
}

#[tokio::test]
async fn bytes_behind_a_message() {
    let mut bytes = beat();
    bytes.extend([0, 0]);
    bytes[0] += 2;
    refused(false, &bytes, Refusal::MalformedFrame, "2 bytes behind its end").await;
}

#[tokio::test]
async fn too_many_entries() {
    // term, id, prev_log (term, index), commit, then a count of 2^32 - 1.
    let header = [1, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let mut bytes = prefix(header.len(), Kind::AppendEntries as u8, 0, header.len());
    bytes.extend(header);
    refused(true, &bytes, Refusal::OversizedFrame, "the limit is 4096").await;
}

#[tokio::test]
async fn control_frame_on_the_log_stream() {
    refused(true, &beat(), Refusal::WrongStream, "Heartbeat frame on the Log stream").await;
}

#[tokio::test]
async fn log_frame_on_the_control_stream() {
    refused(false, &append(), Refusal::WrongStream, "AppendEntries frame on the Control stream").await;
}

#[tokio::test]
async fn a_frame_that_is_begun_and_never_ends() {
    let bytes = beat();
    refused(false, &bytes[..bytes.len() - 1], Refusal::FrameTimeout, "did not arrive within 500ms").await;
}

#[tokio::test]
async fn a_prefix_that_is_begun_and_never_ends() {
    refused(true, &append()[..1], Refusal::FrameTimeout, "did not arrive within 500ms").await;
}

#[tokio::test]
async fn a_third_stream() {
    let Scene { mut node, mut good, peer } = scene().await;
    let (connection, _control) = peer.accepted(&node).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let (mut stream, answers) = connection.open_bi().await.unwrap();
        stream.write_all(&append()).await.unwrap();
        streams.push((stream, answers));
    }
    assert_eq!(closed_with(&connection).await.0, Refusal::StreamMisuse as u64);
    // What came on the log stream was in order, and may have been delivered.
    while tokio::time::timeout(Duration::from_millis(20), node.received.recv()).await.is_ok() {}
    assert_pair_works(&mut node, &mut good).await;
}

#[tokio::test]
async fn a_control_stream_that_is_finished() {
    let Scene { mut node, mut good, peer } = scene().await;
    let (connection, mut control) = peer.accepted(&node).await;
    control.finish().unwrap();
    let (code, text) = closed_with(&connection).await;
    assert_eq!((code, text.as_str()), (Refusal::StreamMisuse as u64, "a stream was finished"));
    assert_pair_works(&mut node, &mut good).await;
}

#[tokio::test]
async fn a_control_stream_that_is_reset() {
    let Scene { mut node, mut good, peer } = scene().await;
    let (connection, mut control) = peer.accepted(&node).await;
    control.reset(quinn::VarInt::from_u32(1)).unwrap();
    let (code, text) = closed_with(&connection).await;
    assert_eq!((code, text.as_str()), (Refusal::StreamMisuse as u64, "a stream was reset"));
    assert_pair_works(&mut node, &mut good).await;
}

#[tokio::test]
async fn frames_in_small_pieces_are_fine() {
    let Scene { mut node, good: _good, peer } = scene().await;
    let (_connection, mut control) = peer.accepted(&node).await;
    for byte in [beat(), beat()].concat() {
        control.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        let received = node.receive().await;
        assert_eq!((received.from, received.message), (NodeId(2), heartbeat(666)));
    }
}
