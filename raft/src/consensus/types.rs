//! The numbers that Raft speaks in, one newtype each, so that a term can never pass for an index.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A member of the cluster, as its certificate and the configuration name it.
    NodeId(u64)
}
number! {
    /// A term of office (paper §5.1). Term 0 has no entries; the initial membership has term 1.
    Term(u64)
}
number! {
    /// A position in the log; the first entry has index 1.
    LogIndex(u64)
}
number! {
    /// A client session (dissertation §6.3): drawn at random when it is opened, so that no client can
    /// guess another's, and one that outlives its cluster does not meet its own in the next.
    SessionId(u64)
}

impl Term {
    /// Terms at or above this are nonsense: at one election a millisecond it takes 146 million
    /// years to get there. A peer that claims one would lock the cluster out of new terms.
    pub const LIMIT: Term = Term(1 << 62);

    /// The term after this one.
    #[must_use]
    pub fn next(self) -> Term {
        Term(self.0 + 1)
    }
}

impl LogIndex {
    /// Indexes at or above this are nonsense; a message that names one is refused.
    pub const LIMIT: LogIndex = LogIndex(1 << 62);

    /// The index after this one.
    #[must_use]
    pub fn next(self) -> LogIndex {
        LogIndex(self.0 + 1)
    }

    /// The index before this one; 0 stays 0.
    #[must_use]
    pub fn previous(self) -> LogIndex {
        LogIndex(self.0.saturating_sub(1))
    }
}

/// Where an entry stands and the term that wrote it. `(0, 0)` is the place before the first entry.
///
/// The order is the up-to-date order of §5.4.1: last term first, then last index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// The term of the leader that created the entry.
    pub term: Term,
    /// The entry's position.
    pub index: LogIndex,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

/// Which life of a data directory: drawn at random when the directory is made. A member is
/// (id, incarnation), so a wiped disk comes back as a stranger and cannot vote twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u128);

/// Which start of the process: drawn at random each time a node starts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub u64);

macro_rules! hex {
    ($name:ident, $width:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $width, "x}"), self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:0", $width, "x})"), self.0)
            }
        }
    };
}
hex!(Incarnation, "32");
hex!(BootId, "16");

/// The cluster's name: 1–63 characters of `a-z`, `0-9` and `-`, so that it fits a DNS label and a URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(String);

/// A cluster name that is empty, too long or has other characters than `a-z`, `0-9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cluster id {0:?}: must be 1-63 characters of a-z, 0-9 and '-'")]
pub struct InvalidClusterId(pub String);

impl ClusterId {
    /// Checks and wraps a name.
    pub fn new(name: impl Into<String>) -> Result<ClusterId, InvalidClusterId> {
        let name = name.into();
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=63).contains(&name.len()) && name.chars().all(legal) {
            Ok(ClusterId(name))
        } else {
            Err(InvalidClusterId(name.chars().take(64).collect()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClusterId {
    type Error = InvalidClusterId;
    fn try_from(name: String) -> Result<ClusterId, InvalidClusterId> {
        ClusterId::new(name)
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> String {
        id.0
    }
}

/// What must never be forgotten besides the log (Figure 2, "persistent state"): written as one
/// record, since a vote without its term, or a term without its vote, lets a node vote twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term this node has seen.
    pub current_term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<NodeId>,
}

/// The voting members and the incarnation under which each takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Membership {
    /// Every voter.
    pub voters: BTreeMap<NodeId, Incarnation>,
}

impl Membership {
    /// The voters other than `me`.
    pub fn peers(&self, me: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.keys().copied().filter(move |id| *id != me)
    }

    /// Whether `node` takes part under just this incarnation.
    #[must_use]
    pub fn knows(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.voters.get(&node) == Some(&incarnation)
    }
}

/// A reading of a monotonic clock, in nanoseconds since an origin of the caller's choosing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A reading `nanos` after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Timestamp {
        Timestamp(nanos)
    }

    /// A reading `millis` after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Timestamp {
        Timestamp(millis * 1_000_000)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    /// The time between; zero if `earlier` is later.
    fn sub(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
