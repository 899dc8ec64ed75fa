//! Messages that certified peers might send, near enough to what a node has to mean something to it.

use bytes::Bytes;
use raft::consensus::Raft;
use raft::consensus::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, InstallSnapshot,
    InstallSnapshotReply, Introduction, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply,
    SnapshotOutcome,
};
use raft::consensus::snapshot::SnapshotId;
use raft::{Entry, EntryKind, Incarnation, LogId, LogIndex, NodeId, Term};

use super::choices::Choices;

/// Snapshots that peers offer, and their bytes.
pub type Files = Vec<(SnapshotId, Bytes)>;

/// One that is now sent to a node.
pub fn message(choices: &mut Choices<'_>, raft: &Raft, files: &Files, next: u64) -> Message {
    let term = Term(choices.near(raft.term().0));
    let granted = choices.one_in(2);
    match choices.below(16) {
        0 => Message::PreVote(PreVote { term, last_log: id(choices, raft) }),
        1 => Message::PreVoteReply(PreVoteReply {
            term,
            asked: Term(choices.near(raft.term().0 + 1)),
            granted,
        }),
        2 => {
            let leadership_transfer = choices.one_in(4);
            Message::RequestVote(RequestVote { term, last_log: id(choices, raft), leadership_transfer })
        }
        3 => Message::RequestVoteReply(RequestVoteReply { term, granted }),
        4..=7 => Message::AppendEntries(append(choices, raft, term)),
        8 | 9 => {
            let outcome = outcome(choices, raft);
            Message::AppendEntriesReply(AppendEntriesReply { term, id: choices.near(1), outcome })
        }
        10 => {
            let leader_commit = LogIndex(choices.near(raft.last_log().index.0));
            Message::Heartbeat(Heartbeat { term, round: choices.near(1), leader_commit })
        }
        11 => {
            let lacks = choices.one_in(8).then(|| LogIndex(choices.near(raft.last_log().index.0)));
            Message::HeartbeatReply(HeartbeatReply { term, round: choices.near(1), lacks })
        }
        12 => {
            let m = Introduction { incarnation: Incarnation(choices.near(1).into()), view: None };
            if granted { Message::Introduction(m) } else { Message::IntroductionReply(m) }
        }
        13 | 14 => Message::InstallSnapshot(install(choices, term, files, next)),
        _ => {
            let snapshot = match raft.snapshot() {
                Some(own) if granted => own,
                _ => files[choices.at(files.len())].0,
            };
            let outcome = match choices.one_in(4) {
                true => SnapshotOutcome::Installed,
                false => SnapshotOutcome::Next(choices.near(next)),
            };
            Message::InstallSnapshotReply(InstallSnapshotReply { term, snapshot, outcome })
        }
    }
}

fn id(choices: &mut Choices<'_>, raft: &Raft) -> LogId {
    let LogId { term, index } = raft.last_log();
    LogId { term: Term(choices.near(term.0)), index: LogIndex(choices.near(index.0)) }
}

fn append(choices: &mut Choices<'_>, raft: &Raft, term: Term) -> AppendEntries {
    let (first, last) = (raft.log().base().id.index.0, raft.last_log().index.0);
    let index = if choices.byte() < 128 { last } else { first + choices.below(last - first + 1) };
    let index = LogIndex(if choices.one_in(8) { choices.near(index) } else { index });
    let known = raft.log().term_at(index).unwrap_or(term);
    let prev_log = LogId { index, term: if choices.one_in(8) { Term(choices.near(known.0)) } else { known } };
    let mut at = prev_log;
    let mut entries = Vec::new();
    for _ in 0..choices.below(5) {
        let term =
            if choices.one_in(4) { Term(choices.near(term.0)) } else { term.min(raft.term()).max(at.term) };
        at = LogId { term, index: LogIndex(at.index.0.wrapping_add(1)) };
        let mut entry = entry(choices, at);
        if choices.one_in(64) {
            entry.crc ^= 1;
        }
        entries.push(entry);
    }
    let leader_commit = LogIndex(choices.near(prev_log.index.0.saturating_add(entries.len() as u64)));
    AppendEntries { term, id: choices.near(1), prev_log, leader_commit, entries }
}

/// Of any kind but a membership: those are the cluster's own.
fn entry(choices: &mut Choices<'_>, id: LogId) -> Entry {
    let kind = [EntryKind::Noop, EntryKind::Command, EntryKind::OpenSession, EntryKind::SessionCommand];
    let kind = kind[choices.at(kind.len())];
    Entry::new(id, kind, Bytes::copy_from_slice(choices.bytes(32)))
}

fn outcome(choices: &mut Choices<'_>, raft: &Raft) -> AppendOutcome {
    let index = LogIndex(choices.near(raft.last_log().index.0));
    match choices.below(6) {
        0 => AppendOutcome::Conflict {
            term: choices.one_in(2).then(|| Term(choices.near(raft.term().0))),
            first: index,
        },
        1 => AppendOutcome::Repairing { from: index },
        2 => AppendOutcome::NoRoom,
        _ => AppendOutcome::Matched(index),
    }
}

/// Mostly the piece that comes next.
fn install(choices: &mut Choices<'_>, term: Term, files: &Files, next: u64) -> InstallSnapshot {
    let (mut snapshot, file) = files[choices.at(files.len())].clone();
    let offset = if choices.one_in(8) { choices.near(next) } else { next };
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
    let length = choices.at(100).max(usize::from(choices.byte() < 128) * file.len());
    let mut data = file.slice(start..start.saturating_add(length).min(file.len()));
    if choices.one_in(32) {
        data = Bytes::copy_from_slice(choices.bytes(40));
    }
    if choices.one_in(32) {
        snapshot.length = choices.near(snapshot.length);
    }
    InstallSnapshot { term, snapshot, offset, data }
}

/// Mostly a peer; else this node itself, or a stranger.
pub fn peer(choices: &mut Choices<'_>) -> NodeId {
    NodeId(if choices.one_in(16) { choices.below(6) } else { 2 + choices.below(2) })
}
