//! The part a node plays, each with only its own fields.

use std::collections::{BTreeMap, BTreeSet};

use super::io::RoleName;
use super::progress::Progress;
use super::read_index::ReadRounds;
use super::transfer::Pace;
use super::types::{LogIndex, NodeId, Timestamp};

/// ```text
///            timeout                majority would vote        majority votes
/// Follower ----------> PreCandidate --------------------> Candidate ---------> Leader
///    ^                      |                                 |                  |
///    +---- a leader is heard, or a higher term is seen -------+------------------+
///                                          a leader also: no majority answers --^
/// ```
#[derive(Clone, Debug, Hash)]
pub(super) enum Role {
    /// Waits for a leader.
    Follower,
    /// Asks whether it could win (dissertation §9.6); its term is not raised.
    PreCandidate {
        /// Who would vote for it, itself included.
        granted: BTreeSet<NodeId>,
    },
    /// Asks for votes (§5.2).
    Candidate {
        /// Who voted for it; itself once its own vote is durable.
        granted: BTreeSet<NodeId>,
    },
    /// Replicates (§5.3).
    Leader(Box<Leader>),
}

/// What only a leader has.
#[derive(Clone, Debug, Hash)]
pub(super) struct Leader {
    /// The other voters.
    pub(super) peers: BTreeMap<NodeId, Progress>,
    /// The no-op of this term: reads wait until it is committed.
    pub(super) term_start: LogIndex,
    pub(super) reads: ReadRounds,
    /// Bytes of entries not yet committed.
    pub(super) uncommitted_bytes: usize,
    /// When to see whether a majority still answers.
    pub(super) quorum_check_due: Timestamp,
    /// How fast snapshots leave.
    pub(super) pace: Pace,
}

impl Role {
    pub(super) fn name(&self) -> RoleName {
        match self {
            Role::Follower => RoleName::Follower,
            Role::PreCandidate { .. } => RoleName::PreCandidate,
            Role::Candidate { .. } => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }
}
