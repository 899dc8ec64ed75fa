//! What is durable: one write-ahead log over a small [`Disk`] trait.
//!
//! | file | what |
//! |---|---|
//! | [`disk`] | the trait: operations are submitted, and complete later |
//! | [`memory`] | an in-memory disk that forgets unsynced writes on a crash |
//! | [`directory`] | a directory of a real file system |
//! | `identity` | whose directory it is, and the lock that keeps others out |
//! | `record` | how the log looks in its file |
//! | `recovery` | what a file holds after a crash |
//! | `open` | from a directory to a log that can be appended to |
//! | [`wal`] | the log: recovery, group commit |
//! | [`error`] | what can go wrong, and what to do then |

pub mod directory;
pub mod disk;
pub mod error;
mod identity;
pub mod memory;
mod open;
mod record;
mod recovery;
#[cfg(test)]
mod testing;
pub mod wal;

pub use directory::DirectoryDisk;
pub use disk::{Disk, DiskError};
pub use error::{OpenError, StorageError};
pub use memory::MemoryDisk;
pub use wal::{Wal, WalStats};

use crate::consensus::entry::Entry;
use crate::consensus::types::{HardState, Incarnation, Membership};

/// What a log held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The term and vote.
    pub hard_state: HardState,
    /// Every entry, contiguous from index 1.
    pub entries: Vec<Entry>,
    /// The first membership that this node bound itself to while it was blank; see [`crate::bootstrap`].
    pub view: Option<Membership>,
}

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: crate::ClusterId,
    /// The node.
    pub node: crate::NodeId,
    /// Drawn when the directory was made.
    pub incarnation: Incarnation,
}
