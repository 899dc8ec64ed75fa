//! What nodes say to each other, one struct per RPC. The sender is never part of a message: the
//! transport knows it from the certificate.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::snapshot::SnapshotId;
use super::types::{Incarnation, LogId, LogIndex, Membership, Term};

/// "Would you vote for me?" Asked before a term is spent (dissertation §9.6); grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PreVote {
    /// The term in which the sender would campaign: its own plus one.
    pub term: Term,
    /// The end of its log.
    pub last_log: LogId,
}

/// The answer to [`PreVote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PreVoteReply {
    /// The answering node's own term.
    pub term: Term,
    /// The `term` of the request that this answers.
    pub asked: Term,
    /// Whether it would vote for the sender.
    pub granted: bool,
}

/// Asks for a vote (§5.2). Sent only when the sender's own vote is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// The end of its log (§5.4.1).
    pub last_log: LogId,
    /// The sender was told to campaign by the leader (§3.10): do not protect that leader.
    pub leadership_transfer: bool,
}

/// The answer to [`RequestVote`]. Sent only when the vote is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The answering node's term.
    pub term: Term,
    /// Whether the sender got its vote in that term.
    pub granted: bool,
}

/// Entries to append (§5.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// Names this request in its answer; counted per leader, peer and term.
    pub id: u64,
    /// The entry before the first of `entries`.
    pub prev_log: LogId,
    /// How far the leader has committed.
    pub leader_commit: LogIndex,
    /// Contiguous from `prev_log.index + 1`.
    pub entries: Vec<Entry>,
}

/// The answer to [`AppendEntries`]. A match is sent only when what it claims is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The answering node's term.
    pub term: Term,
    /// The request's id.
    pub id: u64,
    /// What became of it.
    pub outcome: AppendOutcome,
}

/// What became of an [`AppendEntries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The logs agree up to here: `prev_log.index` + the number of entries in the request.
    Matched(LogIndex),
    /// The log has another entry, or none, at `prev_log`.
    Conflict {
        /// The term of the entry found there; none if the log is shorter.
        term: Option<Term>,
        /// The first index of that term, or the first index that is free.
        first: LogIndex,
    },
    /// The log is damaged from here on: whatever was acknowledged at and behind this index is lost, and
    /// must be sent again (see [`super::snapshot::Repair`]).
    Repairing {
        /// The first index that is missing.
        from: LogIndex,
    },
    /// The disk has no room for the entries; nothing was done.
    NoRoom,
}

/// "I lead." Carries no log match, so it may overtake entries on another stream. Also a read round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The leader's term.
    pub term: Term,
    /// The newest read round (dissertation §6.4) at the time of sending.
    pub round: u64,
    /// min(commit index, the peer's match index): safe to commit without a log check.
    pub leader_commit: LogIndex,
}

/// The answer to [`Heartbeat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The answering node's term.
    pub term: Term,
    /// The request's round.
    pub round: u64,
    /// Of a log that is being repaired, the first index that it lacks. A leader with nothing to send would
    /// not learn otherwise that what was acknowledged is gone.
    pub lacks: Option<LogIndex>,
}

/// What a node knows of the cluster's first membership; see [`crate::bootstrap`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Introduction {
    /// The sender's incarnation.
    pub incarnation: Incarnation,
    /// The membership that it has bound itself to, if it has.
    pub view: Option<Membership>,
}

/// A piece of a snapshot (§7): the bytes of its file from `offset` on, in order. The first, without
/// data, asks how much the peer has of it already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// Where in its file `data` belongs.
    pub offset: u64,
    /// The piece; the last where `offset + data.len() == snapshot.length`.
    pub data: Bytes,
}

/// The answer to [`InstallSnapshot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The answering node's term.
    pub term: Term,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// How far it got.
    pub outcome: SnapshotOutcome,
}

/// How far a snapshot's transfer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SnapshotOutcome {
    /// All bytes before this one are there, though not yet durable: go on from here.
    Next(u64),
    /// It, or a longer log, is durable here.
    Installed,
}

/// Everything that travels between nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is its struct")]
pub enum Message {
    PreVote(PreVote),
    PreVoteReply(PreVoteReply),
    RequestVote(RequestVote),
    RequestVoteReply(RequestVoteReply),
    AppendEntries(AppendEntries),
    AppendEntriesReply(AppendEntriesReply),
    Heartbeat(Heartbeat),
    HeartbeatReply(HeartbeatReply),
    Introduction(Introduction),
    IntroductionReply(Introduction),
    InstallSnapshot(InstallSnapshot),
    InstallSnapshotReply(InstallSnapshotReply),
}
