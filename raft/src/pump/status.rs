//! What a node says of itself.

use super::disk::DiskStatus;
use crate::consensus::io::RoleName;
use crate::consensus::types::{BootId, Incarnation, LogId, LogIndex, Membership, NodeId, Term};

/// A node's view of itself and the cluster, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node.
    pub id: NodeId,
    /// The life of its data directory.
    pub incarnation: Incarnation,
    /// This start of its process.
    pub boot: BootId,
    /// Its role.
    pub role: RoleName,
    /// Its current term.
    pub term: Term,
    /// The leader of that term, if known.
    pub leader: Option<NodeId>,
    /// The newest snapshot's last entry, if there is a snapshot.
    pub snapshot: Option<LogId>,
    /// The first index of its log: what stood before is in a snapshot.
    pub first_index: LogIndex,
    /// The end of its log.
    pub last_log: LogId,
    /// Up to where its log is durable.
    pub durable_index: LogIndex,
    /// Up to where it knows entries to be committed.
    pub commit_index: LogIndex,
    /// Up to where its state machine is.
    pub last_applied: LogIndex,
    /// The voters; none while the cluster is not bootstrapped.
    pub membership: Option<Membership>,
    /// Client sessions alive.
    pub sessions: usize,
    /// Its disk.
    pub disk: DiskStatus,
    /// What it has counted since it started.
    pub counters: Counters,
}

impl Status {
    /// Of a node that waits for its cluster to be bootstrapped.
    pub(crate) fn blank(id: NodeId, incarnation: Incarnation, boot: BootId) -> Status {
        Status {
            id,
            incarnation,
            boot,
            role: RoleName::Follower,
            term: Term::default(),
            leader: None,
            snapshot: None,
            first_index: LogIndex(1),
            last_log: LogId::default(),
            durable_index: LogIndex::default(),
            commit_index: LogIndex::default(),
            last_applied: LogIndex::default(),
            membership: None,
            sessions: 0,
            disk: DiskStatus::default(),
            counters: Counters::default(),
        }
    }
}

/// Counts since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Proposals that entered this node's log as a leader.
    pub proposals_accepted: u64,
    /// Proposals and reads that were refused.
    pub refused: u64,
    /// Reads answered.
    pub reads: u64,
    /// Entries applied.
    pub applied: u64,
    /// Times this node became leader.
    pub elections_won: u64,
    /// Messages that no correct peer sends.
    pub alarms: u64,
    /// Writes to the log, each with one sync.
    pub syncs: u64,
}
