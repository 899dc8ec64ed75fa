//! A member with a valid certificate that sends nonsense: the others stay up and go on.

use raft::consensus::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, Message, PreVoteReply,
    RequestVote,
};
use raft::transport::{Inbox, Transport};
use raft::{Entry, EntryKind, Incarnation, LogId, LogIndex, NodeId, Term};

use crate::harness::{Cluster, incarnation};

fn at(index: u64, term: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

fn nonsense() -> Vec<Message> {
    let entry = |id: LogId| Entry::new(id, EntryKind::Command, "evil".into());
    let append = |term: u64, prev_log, entries, commit| {
        let leader_commit = LogIndex(commit);
        Message::AppendEntries(AppendEntries { term: Term(term), id: 1, prev_log, leader_commit, entries })
    };
    let mut corrupt = entry(at(9, 900));
    corrupt.crc ^= 1;
    vec![
        // Replaces what is committed.
        append(900, at(1, 1), vec![entry(at(2, 900))], 2),
        append(900, at(1, 800), vec![], 1),
        // Terms and indexes that cannot be.
        append(1 << 62, at(1, 1), vec![], 1),
        append(900, at(1, 1), vec![], u64::MAX),
        Message::RequestVote(RequestVote {
            term: Term(u64::MAX),
            last_log: at(u64::MAX, u64::MAX),
            leadership_transfer: true,
        }),
        Message::PreVoteReply(PreVoteReply { term: Term(1 << 63), asked: Term(1), granted: true }),
        Message::HeartbeatReply(HeartbeatReply { term: Term(1 << 62), round: u64::MAX, lacks: None }),
        // Entries that do not follow, or are not what they were.
        append(900, at(5, 800), vec![entry(at(6, 700))], 1),
        append(900, at(8, 800), vec![corrupt], 1),
        // Answers to what nobody asked.
        Message::AppendEntriesReply(AppendEntriesReply {
            term: Term(2),
            id: u64::MAX,
            outcome: AppendOutcome::Matched(LogIndex(1 << 61)),
        }),
        Message::Heartbeat(Heartbeat { term: Term(0), round: 0, leader_commit: LogIndex(1 << 61) }),
    ]
}

#[tokio::test]
async fn the_others_go_on_and_raise_an_alarm() {
    let mut cluster = Cluster::new(3, false);
    for id in [1, 2] {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    assert_eq!(cluster.commit("one").await, "1");
    assert_eq!(cluster.commit("two").await, "2");
    let (inbox, _received) = Inbox::new();
    let mut evil = cluster.network.join(NodeId(3), incarnation(NodeId(3)), inbox);
    for (round, message) in nonsense().into_iter().enumerate() {
        for to in [1, 2] {
            evil.send(NodeId(to), vec![raft::wire::encode(&message)]);
        }
        assert_eq!(cluster.commit("more").await, (round + 3).to_string(), "{message:?}");
    }
    for id in [1, 2] {
        let status = cluster.status(NodeId(id)).await;
        assert!(status.counters.alarms >= 8, "{status:?}");
        assert!(status.term < Term(900), "{status:?}");
    }
}

#[tokio::test]
async fn a_member_under_another_incarnation_is_a_stranger() {
    let mut cluster = Cluster::new(3, false);
    for id in [1, 2] {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    assert_eq!(cluster.commit("one").await, "1");
    let before = cluster.status(NodeId(1)).await.term;
    let (inbox, _received) = Inbox::new();
    let mut stranger = cluster.network.join(NodeId(3), Incarnation(12345), inbox);
    let vote = RequestVote { term: Term(before.0 + 5), last_log: at(99, 99), leadership_transfer: true };
    for to in [1, 2] {
        stranger.send(NodeId(to), vec![raft::wire::encode(&Message::RequestVote(vote))]);
    }
    assert_eq!(cluster.commit("two").await, "2");
    for id in [1, 2] {
        assert_eq!(cluster.status(NodeId(id)).await.term, before, "its term is not taken");
    }
}
