//! What a caller is told. A write has three outcomes: done, not applied, and unknown; the last is
//! never folded into the second, since whoever believes "not applied" may do it again.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of a key, at most.
pub const MAX_KEY: usize = 1 << 10;
/// Bytes of a value, at most.
pub const MAX_VALUE: usize = 1 << 20;

/// When a value was written: the log index of the write. Never repeated, not even for the same
/// bytes or across a delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value and the write that it comes from. The empty value is a value, not a missing one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versioned {
    /// The write.
    pub version: Version,
    /// What it wrote.
    pub value: Bytes,
}

/// What a compare-and-set wants to find.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// No value.
    Missing,
    /// The value of just this write. Immune to a value that went away and came back.
    Version(Version),
    /// These bytes, whichever write they come from.
    Value(Bytes),
}

/// The two ends of a compare-and-set that took place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// What was expected was there; the new value is now.
    Swapped {
        /// The write.
        version: Version,
    },
    /// Something else was there, and still is.
    NotSwapped {
        /// What was seen instead; nothing if the key has no value.
        seen: Option<Versioned>,
    },
}

/// A request that no node can carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// A key needs at least one byte.
    #[error("the key is empty")]
    EmptyKey,
    /// Above [`MAX_KEY`].
    #[error("the key has {0} bytes, the limit is {MAX_KEY}")]
    KeyTooLong(usize),
    /// Above [`MAX_VALUE`].
    #[error("the value has {0} bytes, the limit is {MAX_VALUE}")]
    ValueTooLong(usize),
    /// The node found it malformed: client and node do not speak the same version.
    #[error("the node found the request malformed")]
    Malformed,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// No reachable node led a quorum before the deadline.
    #[error("unavailable: no reachable node led a quorum before the deadline")]
    Unavailable,
    /// The leader refused, up to the deadline, because it had too much to do.
    #[error("overloaded: the leader refused the request up to the deadline")]
    Overloaded,
    /// No node led, up to the deadline, and one that was asked said that its disk is full.
    #[error("no node leads, and a disk is full: free some space on the nodes' disks")]
    DiskFull,
    /// No node accepts this client's certificate, or this client does not accept theirs.
    #[error("not authorised: every node refused this client's certificate, or showed one not to be trusted")]
    NotAuthorised,
    /// Wrong in itself.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// Why it is not known whether a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Doubt {
    /// The deadline passed, and at least one attempt was neither answered nor refused.
    #[error("an attempt was not answered before the deadline")]
    Unanswered,
    /// The session that would have told a second attempt from the first has expired.
    #[error("an attempt was not answered, and the session has expired since")]
    SessionExpired,
    /// The client was closed meanwhile.
    #[error("the client was closed before an answer")]
    Closed,
}

/// The outcomes of a write other than done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum WriteError {
    /// It did not take effect and never will: every attempt was refused.
    #[error("not applied: {0}")]
    NotApplied(#[from] Failure),
    /// It may have taken effect, or may yet.
    #[error("outcome unknown: {0}")]
    Unknown(#[from] Doubt),
}
