//! Golden bytes of every message kind: what one version of this crate writes, every later one reads.

use std::collections::BTreeMap;

use bytes::Bytes;
use raft::consensus::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, InstallSnapshot,
    InstallSnapshotReply, Introduction, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply,
    SnapshotOutcome,
};
use raft::consensus::snapshot::SnapshotId;
use raft::wire::{
    DecodeError, Kind, MAX_CONTROL_FRAME, MAX_ENTRIES, MAX_LOG_FRAME, PREFIX, Prefix, decode, encode,
};
use raft::{Entry, EntryKind, Incarnation, LogId, LogIndex, Membership, NodeId, Term};

fn id(index: u64, term: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

fn introduction() -> Introduction {
    let voters = BTreeMap::from([(NodeId(1), Incarnation(0x11)), (NodeId(2), Incarnation(0x22))]);
    Introduction { incarnation: Incarnation(0x11), view: Some(Membership { voters }) }
}

fn golden() -> Vec<(Message, &'static str)> {
    let entries = vec![
        Entry::new(id(301, 7), EntryKind::Command, Bytes::from_static(b"put")),
        Entry::new(id(302, 9), EntryKind::Noop, Bytes::new()),
    ];
    let snapshot = SnapshotId { last: id(300, 7), length: 70_000, hash: [0xab; 32] };
    let conflict = AppendOutcome::Conflict { term: Some(Term(3)), first: LogIndex(200) };
    vec![
        (Message::PreVote(PreVote { term: Term(9), last_log: id(300, 7) }), "040000000100040000000907ac02"),
        (
            Message::PreVoteReply(PreVoteReply { term: Term(8), asked: Term(9), granted: true }),
            "0300000002000300000008 0901",
        ),
        (
            Message::RequestVote(RequestVote {
                term: Term(9),
                last_log: id(300, 7),
                leadership_transfer: false,
            }),
            "050000000300050000000907ac0200",
        ),
        (
            Message::RequestVoteReply(RequestVoteReply { term: Term(9), granted: true }),
            "02000000040002000000 0901",
        ),
        (
            Message::AppendEntries(AppendEntries {
                term: Term(9),
                id: 5,
                prev_log: id(300, 7),
                leader_commit: LogIndex(299),
                entries,
            }),
            "19000000050016000000090507ac02ab02 020702033f80f0f5 09000051537d52 707574",
        ),
        (
            Message::AppendEntriesReply(AppendEntriesReply {
                term: Term(9),
                id: 5,
                outcome: AppendOutcome::Matched(LogIndex(302)),
            }),
            "050000000600050000000905 00ae02",
        ),
        (
            Message::AppendEntriesReply(AppendEntriesReply { term: Term(9), id: 5, outcome: conflict }),
            "07000000060007000000090501 0103c801",
        ),
        (
            Message::AppendEntriesReply(AppendEntriesReply {
                term: Term(9),
                id: 5,
                outcome: AppendOutcome::Repairing { from: LogIndex(200) },
            }),
            "050000000600050000000905 02c801",
        ),
        (
            Message::AppendEntriesReply(AppendEntriesReply {
                term: Term(9),
                id: 5,
                outcome: AppendOutcome::NoRoom,
            }),
            "0300000006000300000009 05 03",
        ),
        (
            Message::Heartbeat(Heartbeat { term: Term(9), round: 4, leader_commit: LogIndex(299) }),
            "040000000700040000000904ab02",
        ),
        (
            Message::HeartbeatReply(HeartbeatReply { term: Term(9), round: 4, lacks: None }),
            "03000000080003000000 090400",
        ),
        (Message::Introduction(introduction()), "07000000090007000000 11 01 02 0111 0222"),
        (Message::IntroductionReply(introduction()), "070000000a0007000000 11 01 02 0111 0222"),
        (
            Message::InstallSnapshot(InstallSnapshot {
                term: Term(9),
                snapshot,
                offset: 300,
                data: Bytes::from_static(b"piece"),
            }),
            "2e0000000b0029000000 09 07ac02 f0a204 abababababababababababababababababababababababababababababababab ac02 7069656365",
        ),
        (
            Message::InstallSnapshotReply(InstallSnapshotReply {
                term: Term(9),
                snapshot,
                outcome: SnapshotOutcome::Next(300),
            }),
            "2a0000000c002a000000 09 07ac02 f0a204 abababababababababababababababababababababababababababababababab 00ac02",
        ),
        (
            Message::InstallSnapshotReply(InstallSnapshotReply {
                term: Term(9),
                snapshot,
                outcome: SnapshotOutcome::Installed,
            }),
            "280000000c0028000000 09 07ac02 f0a204 abababababababababababababababababababababababababababababababab 01",
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn parse(bytes: &[u8]) -> Result<Message, DecodeError> {
    let Some(prefix) = bytes.first_chunk() else { panic!("a frame shorter than its prefix") };
    let prefix = Prefix::parse(prefix)?;
    decode(prefix.kind, prefix.header_len, &Bytes::copy_from_slice(&bytes[PREFIX..]))
}

#[test]
fn every_kind_is_written_as_it_always_was_and_read_back() {
    let mut kinds = Vec::new();
    for (message, expected) in golden() {
        let frame = encode(&message);
        kinds.push(frame.kind);
        let bytes = frame.to_vec();
        assert_eq!(hex(&bytes), expected.replace(' ', ""), "{message:?}");
        assert_eq!(bytes.len(), frame.encoded_len());
        assert_eq!(parse(&bytes).unwrap(), message);
    }
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL, "each kind has its golden bytes");
}

#[test]
fn a_frame_that_is_cut_or_has_more_than_its_message_is_refused() {
    for (message, _) in golden() {
        let frame = encode(&message);
        let bytes = frame.to_vec();
        let header_len = frame.head.len() - PREFIX;
        // What follows the header of a piece of a snapshot is the piece, of any length.
        let whole = if frame.kind == Kind::InstallSnapshot { PREFIX + header_len } else { bytes.len() };
        let payload = Bytes::copy_from_slice(&bytes[PREFIX..whole]);
        for cut in 0..payload.len() {
            let decoded = decode(frame.kind, header_len.min(cut), &payload.slice(..cut));
            assert!(decoded.is_err(), "{:?} cut to {cut}", frame.kind);
        }
        let longer = Bytes::from([&payload[..], &[0]].concat());
        let trailing = decode(frame.kind, header_len, &longer);
        let piece = frame.kind == Kind::InstallSnapshot && trailing.is_ok();
        assert!(piece || matches!(trailing, Err(DecodeError::Trailing { .. })), "{trailing:?}");
        let trailing = decode(frame.kind, header_len + 1, &longer);
        assert!(trailing.is_err(), "{:?}", frame.kind);
    }
}

#[test]
fn a_prefix_is_checked_before_anything_is_allocated() {
    let prefix = |len: usize, kind: u8, flags: u8, header: u32| {
        let mut bytes = [0; PREFIX];
        bytes[..4].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        bytes[4] = kind;
        bytes[5] = flags;
        bytes[6..].copy_from_slice(&header.to_le_bytes());
        Prefix::parse(&bytes)
    };
    assert!(prefix(MAX_CONTROL_FRAME, 7, 0, 4).is_ok());
    assert!(prefix(MAX_LOG_FRAME, 5, 0, 4).is_ok());
    assert!(matches!(prefix(MAX_CONTROL_FRAME + 1, 7, 0, 4), Err(DecodeError::TooLong { .. })));
    assert!(matches!(prefix(MAX_LOG_FRAME + 1, 5, 0, 4), Err(DecodeError::TooLong { .. })));
    assert!(matches!(prefix(4, 0, 0, 4), Err(DecodeError::UnknownKind { kind: 0 })));
    assert!(matches!(prefix(4, 99, 0, 4), Err(DecodeError::UnknownKind { kind: 99 })));
    assert!(matches!(prefix(4, 7, 1, 4), Err(DecodeError::UnknownFlags { .. })));
    assert!(matches!(prefix(4, 7, 0, 5), Err(DecodeError::HeaderBeyondFrame { .. })));
}

#[test]
fn more_entries_than_the_limit_are_refused_by_their_number() {
    let entry = |index| Entry::new(id(index, 1), EntryKind::Noop, Bytes::new());
    let entries: Vec<Entry> = (1..=MAX_ENTRIES as u64 + 1).map(entry).collect();
    let message =
        AppendEntries { term: Term(1), id: 1, prev_log: id(0, 0), leader_commit: LogIndex(0), entries };
    let refused = parse(&encode(&Message::AppendEntries(message)).to_vec());
    let limit = MAX_ENTRIES;
    assert_eq!(refused, Err(DecodeError::TooManyEntries { count: limit + 1, limit }));
}
