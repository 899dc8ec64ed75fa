//! Messages over real QUIC between two nodes: every kind, both directions, large beside small.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bytes::Bytes;
use common::{Certs, assert_pair_works, eventually, heartbeat, incarnation};
use raft::consensus::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, InstallSnapshot,
    InstallSnapshotReply, Introduction, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply,
    SnapshotOutcome,
};
use raft::consensus::snapshot::SnapshotId;
use raft::wire::{self, Kind};
use raft::{Entry, EntryKind, LogId, LogIndex, Membership, NodeId, Term};

fn entry(index: u64, data: Bytes) -> Entry {
    let id = LogId { term: Term(3), index: LogIndex(index) };
    let crc = raft::consensus::entry::checksum(EntryKind::Command, &data);
    Entry { id, kind: EntryKind::Command, data, crc }
}

fn append(first: u64, payloads: Vec<Bytes>) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(3),
        id: first,
        prev_log: LogId { term: Term(3), index: LogIndex(first - 1) },
        leader_commit: LogIndex(4),
        entries: (first..).zip(payloads).map(|(index, data)| entry(index, data)).collect(),
    })
}

fn snapshot() -> SnapshotId {
    let last = LogId { term: Term(2), index: LogIndex(900) };
    SnapshotId { last, length: 9 << 20, hash: [4; 32] }
}

/// One message of every kind.
fn every_kind() -> Vec<Message> {
    let term = Term(3);
    let last_log = LogId { term: Term(2), index: LogIndex(9) };
    let voters = [(NodeId(1), incarnation(1)), (NodeId(2), incarnation(2))].into();
    let introduction = Introduction { incarnation: incarnation(1), view: Some(Membership { voters }) };
    let all = vec![
        Message::PreVote(PreVote { term, last_log }),
        Message::PreVoteReply(PreVoteReply { term, asked: Term(4), granted: true }),
        Message::RequestVote(RequestVote { term, last_log, leadership_transfer: false }),
        Message::RequestVoteReply(RequestVoteReply { term, granted: true }),
        append(5, vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![9; 5000])]),
        Message::AppendEntriesReply(AppendEntriesReply {
            term,
            id: 5,
            outcome: AppendOutcome::Conflict { term: Some(Term(1)), first: LogIndex(2) },
        }),
        Message::Heartbeat(Heartbeat { term, round: 77, leader_commit: LogIndex(8) }),
        Message::HeartbeatReply(HeartbeatReply { term, round: 77, lacks: None }),
        Message::Introduction(introduction.clone()),
        Message::IntroductionReply(introduction),
        Message::InstallSnapshot(InstallSnapshot {
            term,
            snapshot: snapshot(),
            offset: 5,
            data: Bytes::from(vec![3; 1 << 20]),
        }),
        Message::InstallSnapshotReply(InstallSnapshotReply {
            term,
            snapshot: snapshot(),
            outcome: SnapshotOutcome::Next(7),
        }),
    ];
    let mut kinds: Vec<Kind> = all.iter().map(|m| wire::encode(m).kind).collect();
    kinds.sort();
    assert_eq!(kinds, Kind::ALL, "a kind is missing here");
    all
}

#[tokio::test]
async fn every_kind_arrives_unchanged_in_both_directions() {
    let mut nodes = Certs::new().nodes(2).await;
    for (from, to) in [(0, 1), (1, 0)] {
        let sent = every_kind();
        let target = nodes[to].id.0;
        nodes[from].send(target, &sent);
        let mut received = Vec::new();
        for _ in &sent {
            let one = nodes[to].receive().await;
            assert_eq!((one.from, one.incarnation), (nodes[from].id, incarnation(nodes[from].id.0)));
            received.push(one.message);
        }
        // Two streams: no order between control and log.
        let order = |m: &Message| wire::encode(m).kind;
        received.sort_by_key(order);
        assert_eq!(received, {
            let mut sent = sent;
            sent.sort_by_key(order);
            sent
        });
    }
    let stats = nodes[0].stats();
    assert_eq!((stats.frames_written, stats.frames_delivered, stats.frames_dropped), (12, 12, 0));
    // One for the messages, one for snapshots.
    assert_eq!((stats.connects, stats.accepts, stats.reconnects), (2, 2, 0));
    assert!(stats.refusals.is_empty(), "{stats:?}");
}

#[tokio::test]
async fn frames_of_one_class_keep_their_order() {
    let mut nodes = Certs::new().nodes(2).await;
    for round in 0..500 {
        nodes[0].send(2, &[heartbeat(round)]);
    }
    for round in 0..500 {
        assert_eq!(nodes[1].receive().await.message, heartbeat(round));
    }
}

#[tokio::test]
async fn control_frames_overtake_large_log_frames() {
    let mut nodes = Certs::new().nodes(2).await;
    let (a, b) = nodes.split_at_mut(1);
    assert_pair_works(&mut a[0], &mut b[0]).await;

    // 12 MiB of entries, more than every window, then heartbeats.
    let large = append(1, vec![Bytes::from(vec![1; 4 << 20])]);
    let frames: Vec<Message> = (0..3).map(|_| large.clone()).chain((0..10).map(heartbeat)).collect();
    a[0].send(2, &frames);
    let mut logs_before_last_heartbeat = 0;
    let (mut logs, mut heartbeats) = (0, 0);
    while logs < 3 || heartbeats < 10 {
        match b[0].receive().await.message {
            Message::Heartbeat(_) => {
                heartbeats += 1;
                logs_before_last_heartbeat = logs;
            }
            message => {
                assert_eq!(message, large);
                logs += 1;
            }
        }
    }
    assert!(logs_before_last_heartbeat < 3, "heartbeats waited behind every log frame");
}

#[tokio::test]
async fn a_heartbeat_overtakes_log_frames_that_are_already_under_way() {
    let certs = Certs::new();
    let (one, two) = (common::socket(), common::socket());
    let (a1, a2) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    let mut pair = Vec::new();
    for mut config in [certs.config(1, one, &[(2, a2)]), certs.config(2, two, &[(1, a1)])] {
        // No window may stop the log frames: only how quinn picks streams lets anything past them.
        config.settings.stream_receive_window = 64 << 20;
        config.settings.receive_window = 64 << 20;
        config.settings.send_window = 64 << 20;
        pair.push(common::Node::start(config).await);
    }
    let (a, b) = pair.split_at_mut(1);
    assert_pair_works(&mut a[0], &mut b[0]).await;
    let large = append(1, vec![Bytes::from(vec![1; 7 << 20])]);
    let mut overtaken = 0;
    for round in 0..5 {
        let before = a[0].stats().bytes_sent;
        a[0].send(2, &[large.clone(), large.clone()]);
        while a[0].stats().bytes_sent < before + 10_000 {
            tokio::task::yield_now().await;
        }
        a[0].send(2, &[heartbeat(round)]);
        overtaken += u32::from(b[0].receive().await.message == heartbeat(round));
        b[0].receive().await;
        b[0].receive().await;
    }
    // How far the first frame has come by then is the scheduler's affair, but the heartbeat cannot
    // be before it, with the second behind it, in any other way.
    assert!(overtaken > 0);
}

#[tokio::test]
async fn wire_bytes_are_counted_and_outlive_the_connection() {
    let mut nodes = Certs::new().nodes(2).await;
    nodes[0].send(2, &[append(1, vec![Bytes::from(vec![1; 1 << 20])])]);
    nodes[1].receive().await;
    let sent = nodes[0].stats().bytes_sent;
    assert!(sent > 1 << 20, "{sent}");
    let counters = nodes[0].transport.stats();
    drop(nodes.remove(0));
    let after = counters.snapshot();
    // Of 6000 bytes each, at most.
    assert!(after.bytes_sent >= sent && after.datagrams_sent > 174, "{after:?}");
    eventually("sums of dead connections stay", || counters.snapshot().bytes_sent >= sent).await;
}

#[tokio::test]
async fn frames_for_strangers_and_beyond_the_queue_are_dropped_and_counted() {
    let certs = Certs::new();
    let silent = common::socket();
    let mut config = certs.config(1, common::socket(), &[(2, silent.local_addr().unwrap())]);
    config.limits.control_queue = 100;
    let mut node = common::Node::start(config).await;
    node.send(9, &[heartbeat(1)]);
    assert_eq!(node.stats().frames_dropped, 1);
    let rounds: Vec<Message> = (0..50).map(heartbeat).collect();
    node.send(2, &rounds);
    assert!(node.stats().frames_dropped > 30, "{:?}", node.stats());
}
