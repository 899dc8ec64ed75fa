//! What can go wrong with a log, in the words of who has to put it right.

use super::disk::DiskError;
use crate::consensus::types::{ClusterId, LogIndex, NodeId};

/// Why a directory was not opened. It was left as it was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{directory} is in use by another process: stop that one, or give this one a directory of its own"
    )]
    InUse {
        /// Which directory.
        directory: String,
    },
    /// It belongs to another cluster.
    #[error(
        "{directory} belongs to cluster {found}, not to {expected}: give the right directory or the right cluster"
    )]
    WrongCluster {
        /// Which directory.
        directory: String,
        /// Whose it is.
        found: ClusterId,
        /// Whose it should be.
        expected: ClusterId,
    },
    /// It belongs to another node.
    #[error(
        "{directory} belongs to node {found}, not to node {expected}: give the right directory or the right node"
    )]
    WrongNode {
        /// Which directory.
        directory: String,
        /// Whose it is.
        found: NodeId,
        /// Whose it should be.
        expected: NodeId,
    },
    /// A newer version of this software wrote it.
    #[error("{directory} has format {found}, this software knows up to {known}: run the newer version")]
    NewerFormat {
        /// Which directory.
        directory: String,
        /// Its format.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// A snapshot of another cluster stands in it.
    #[error(
        "{file} in {directory} belongs to another cluster: give the right directory, or take that file away"
    )]
    ForeignSnapshot {
        /// Which directory.
        directory: String,
        /// The file, relative to it.
        file: String,
    },
    /// A version of this software wrote it whose format is no longer read.
    #[error(
        "{directory} has format {found}, this software reads {known}: it was never released; make a new directory"
    )]
    OlderFormat {
        /// Which directory.
        directory: String,
        /// Its format.
        found: u32,
        /// The oldest format that is read here.
        known: u32,
    },
    /// The file that says whose directory it is cannot be trusted.
    #[error(
        "the file `identity` in {directory} is damaged: {what}. Restore that file from a backup; without one this \
         member is lost and must be replaced by a new one with an empty directory"
    )]
    DamagedIdentity {
        /// Which directory.
        directory: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is a log, but nothing says whose it is.
    #[error(
        "{directory} holds a log but no file `identity`: restore that file from a backup, or give an empty directory \
         to a new member"
    )]
    MissingIdentity {
        /// Which directory.
        directory: String,
    },
    /// Bytes that were durable are not what was written. Nothing is cut off, since what is behind
    /// may have been acknowledged.
    #[error(
        "{file} in {directory} is damaged at byte {offset}, after log index {index}: {what}. It was durable, so it \
         is not cut off. Restore this very disk, or replace this member by a new one with an empty directory; \
         never start it from an older copy, which would forget votes"
    )]
    Damaged {
        /// Which directory.
        directory: String,
        /// The file, relative to it.
        file: String,
        /// Where the first bad bytes begin.
        offset: u64,
        /// The last index that was read before them.
        index: LogIndex,
        /// What is wrong.
        what: &'static str,
    },
    /// Nothing readable says which term it is and for whom this node voted in it: it might vote twice.
    #[error(
        "{directory} holds no readable term and vote: this member cannot be repaired and must be replaced by a new \
         one with an empty directory"
    )]
    NoHardState {
        /// Which directory.
        directory: String,
    },
    /// There is no room to make the log's next segment.
    #[error(
        "{directory} has no room for a new segment of the log: free some space on that disk and start again"
    )]
    NoRoom {
        /// Which directory.
        directory: String,
    },
    /// The disk failed.
    #[error("{directory}: {error}")]
    Storage {
        /// Which directory.
        directory: String,
        /// How.
        error: StorageError,
    },
}

/// Why a log ended. It acknowledges nothing more: a write or sync is never tried again, since it
/// may then succeed although the data are gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StorageError {
    /// A disk operation failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What is queued has no room.
    #[error("there is no room for the next segment of the log")]
    NoRoom,
    /// A record could not be encoded.
    #[error("cannot encode a membership: {0}")]
    Encode(String),
}
