//! What goes into a server and what comes out.

use bytes::Bytes;

use crate::consensus::Broken;
use crate::consensus::io::{Misdeed, Persist, PersistId, Refusal, RoleChange, Room, Ticket};
use crate::consensus::message::Message;
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::{LogId, LogIndex, NodeId, SessionId};
use crate::session::SessionTag;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A member's message arrived; the transport vouches for `from`.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// A client's command: answered by [`Output::Accepted`], then [`Output::Reply`]; or by the latter alone.
    Propose {
        /// Named in the answers; never used twice.
        ticket: Ticket,
        /// The session, if it must take effect once.
        tag: Option<SessionTag>,
        /// The command.
        command: Bytes,
    },
    /// A client opens a session; answered as a command, the response is the id, u64le.
    OpenSession {
        /// Named in the answers; never used twice.
        ticket: Ticket,
        /// Drawn at random.
        drawn: SessionId,
    },
    /// A linearizable read.
    Read {
        /// Named in the answer; never used twice.
        ticket: Ticket,
        /// The question.
        query: Bytes,
    },
    /// This write, and every one before it, is durable.
    Persisted(PersistId),
    /// This node's own snapshot is durable, under its final name.
    SnapshotStored {
        /// Its file.
        id: SnapshotId,
        /// What it says.
        meta: SnapshotMeta,
    },
    /// The answer to [`Output::ReadSnapshot`].
    SnapshotChunk {
        /// Whom it is for.
        to: NodeId,
        /// Of which snapshot.
        snapshot: SnapshotId,
        /// Where it begins.
        offset: u64,
        /// The bytes; none if they cannot be read.
        data: Option<Bytes>,
    },
    /// A received snapshot's bytes before `end` were handed to its file.
    SnapshotWritten {
        /// Which snapshot.
        snapshot: SnapshotId,
        /// The end of what is there.
        end: u64,
    },
    /// A snapshot that was being received cannot be used: what was written of it is gone.
    SnapshotFailed {
        /// Which snapshot.
        snapshot: SnapshotId,
    },
    /// The disk ran full, or has room again.
    Room(Room),
    /// Nothing; time has passed.
    Tick,
}

/// Something to do, at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send a message; it may be lost.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Write and sync, then say [`Input::Persisted`].
    Persist(Persist),
    /// The command stands in this leader's log; the outcome comes later.
    Accepted {
        /// Whose.
        ticket: Ticket,
        /// Where.
        id: LogId,
    },
    /// The last word on a ticket.
    Reply {
        /// Whose.
        ticket: Ticket,
        /// What became of it.
        reply: Reply,
    },
    /// The role, the term or the known leader changed.
    Role(RoleChange),
    /// Entries up to here live in a durable snapshot, and nobody needs them: the disk may drop them.
    Compact(LogIndex),
    /// Read a piece of a snapshot, then say [`Input::SnapshotChunk`].
    ReadSnapshot {
        /// Whom it is for.
        to: NodeId,
        /// Which snapshot.
        snapshot: SnapshotId,
        /// Where the piece begins.
        offset: u64,
        /// Its bytes, all within the file.
        length: usize,
    },
    /// Write a piece of a snapshot that is being received, then say [`Input::SnapshotWritten`]. Pieces
    /// come in order; offset 0 begins a new file.
    WriteSnapshot {
        /// Which snapshot.
        snapshot: SnapshotId,
        /// Where the piece belongs.
        offset: u64,
        /// The piece; the last where it ends at `snapshot.length`.
        data: Bytes,
    },
    /// A peer did what no correct peer does; its connection should go.
    Alarm {
        /// Who.
        peer: NodeId,
        /// What.
        misdeed: Misdeed,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Committed and applied, now or (a repeat under a session) before.
    Applied {
        /// Where it took effect.
        index: LogIndex,
        /// What the state machine answered.
        response: Bytes,
    },
    /// A read's answer.
    Read(Bytes),
    /// The state machine panicked answering a read. It changes nothing, so the node goes on.
    ReadPanicked(String),
    /// Refused; nothing was done.
    Refused(Refusal),
    /// Accepted, but this node lost the leadership: it may still commit, or never.
    Unknown,
    /// The session does not exist (any more), or no longer keeps what it answered to this command.
    SessionExpired,
    /// The serial is outside the session's window.
    OutOfWindow,
}

/// Why a node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Fatal {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("entry {index} changed in memory between its proposal and its application")]
    CorruptEntry { index: LogIndex },
    #[error("the state machine panicked applying entry {index}: {panic}")]
    ApplyPanicked { index: LogIndex, panic: String },
    #[error("the state machine panicked when its snapshot was taken: {panic}")]
    SnapshotPanicked { panic: String },
    #[error("entry {index} was applied and is not in the log")]
    NothingToSnapshot { index: LogIndex },
    #[error("entry {index} is committed but not in the log")]
    MissingEntry { index: LogIndex },
}
