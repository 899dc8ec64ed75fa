//! What goes into consensus and what comes out. The one rule of ordering: *whatever comes out may
//! be done at once*. What needs durability first comes out only after the matching `Persisted`.

use bytes::Bytes;

use super::entry::{Chain, Entry, EntryKind};
use super::message::Message;
use super::snapshot::{Base, SnapshotId, SnapshotMeta};
use super::types::{HardState, LogId, LogIndex, NodeId, Term};

/// Names a [`Persist`]; counted up by one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistId(pub u64);

impl PersistId {
    /// The last of the writes that bootstrap makes before consensus exists; consensus counts on.
    pub const BEFORE_CONSENSUS: PersistId = PersistId(2);
}

/// Names a proposal or a read in the outputs that answer it; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

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
    /// Append an entry, if this node leads.
    Propose {
        /// Answered by [`Output::Accepted`] or [`Output::Refused`].
        ticket: Ticket,
        /// What the entry is.
        kind: EntryKind,
        /// Its content.
        data: Bytes,
    },
    /// Find an index at which a read that arrives now is linearizable, if this node leads.
    Read {
        /// Answered by [`Output::ReadGranted`] or [`Output::Refused`].
        ticket: Ticket,
    },
    /// This [`Persist`], and every one before it, is durable.
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
    /// A received snapshot is whole, verified and durable under its final name, and the state machine
    /// that it holds stands ready.
    SnapshotInstalled {
        /// Its file.
        id: SnapshotId,
        /// What it says.
        meta: SnapshotMeta,
    },
    /// The disk ran full, or has room again.
    Room(Room),
    /// Nothing; time has passed.
    Tick,
}

/// Something to do, at once and in any order between kinds; `Persist` is FIFO, `Send` is FIFO per
/// peer and class.
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
    /// Entries up to here are committed: apply them.
    Commit(LogIndex),
    /// The proposal is in this leader's log at this place; whether it commits is not yet known.
    Accepted {
        /// The proposal.
        ticket: Ticket,
        /// Its place.
        id: LogId,
    },
    /// The read may be served once the state machine has applied `index`.
    ReadGranted {
        /// The read.
        ticket: Ticket,
        /// What must be applied first.
        index: LogIndex,
    },
    /// The proposal or read was refused, and nothing was done.
    Refused {
        /// The proposal or read.
        ticket: Ticket,
        /// Why.
        reason: Refusal,
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
    /// A peer did what no correct peer does. Its message was ignored; its connection should go.
    Alarm {
        /// Who.
        peer: NodeId,
        /// What.
        misdeed: Misdeed,
    },
}

/// A write. A crash may leave a beginning of it: what the fields say in their order, then entries in theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persist {
    /// Said back in [`Input::Persisted`].
    pub id: PersistId,
    /// The new term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// A snapshot took the place of the whole log, which now begins behind it.
    pub base: Option<Base>,
    /// The log holds again all that was lost: the repair is over.
    pub repaired: bool,
    /// The chain up to the entry before the first one.
    pub prev_chain: Chain,
    /// Contiguous entries; whatever the log held at and after the first one's index is gone.
    pub entries: Vec<Entry>,
}

/// Why a proposal or read was refused. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Another node leads, or none.
    #[error("this node does not lead{}", .leader.map(|l| format!("; node {l} does")).unwrap_or_default())]
    NotLeader {
        /// The leader of the current term, if known.
        leader: Option<NodeId>,
    },
    /// The disk is full, here and as far as is known at no leader's.
    #[error("the disk is full")]
    DiskFull,
    /// Too many bytes wait already.
    #[error("overloaded: too many bytes wait already")]
    Overloaded,
    /// A single command above the limit on an entry's size.
    #[error("the command has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The command's bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Whether the disk can take more of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Room {
    /// It can.
    #[default]
    Ample,
    /// It cannot; votes still fit.
    Full,
}

/// Which part a node plays (Figure 4, and §9.6's pre-candidate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the field's own names")]
pub enum RoleName {
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

/// The role, the term or the known leader changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoleChange {
    /// The new role.
    pub role: RoleName,
    /// The current term.
    pub term: Term,
    /// The leader of this term, if known.
    pub leader: Option<NodeId>,
}

/// What no correct peer does. Never asserted: every node would stop at the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Misdeed {
    #[error("asked to replace the committed entry {committed} by one of term {claimed}")]
    TruncatesCommitted { committed: LogId, claimed: Term },
    #[error("claims term {term}, beyond any that elections can reach")]
    AbsurdTerm { term: Term },
    #[error("names log index {index}, beyond any that can exist")]
    AbsurdIndex { index: LogIndex },
    #[error("claims to lead term {term}, which node {leader} leads")]
    SecondLeader { term: Term, leader: NodeId },
    #[error("claims to hold entry {claimed}, beyond the end of this leader's log at {last}")]
    MatchBeyondLog { claimed: LogIndex, last: LogIndex },
    #[error("sent entries that do not follow one another at index {at}")]
    BrokenEntries { at: LogIndex },
    #[error("sent an entry at index {at} whose checksum does not match its content")]
    CorruptEntry { at: LogIndex },
    #[error("offers a snapshot up to {last} that cannot exist, or a piece that is not in it")]
    BrokenSnapshot { last: LogId },
    #[error("claims byte {claimed} of a snapshot that ends at {length}")]
    BeyondSnapshot { claimed: u64, length: u64 },
}
