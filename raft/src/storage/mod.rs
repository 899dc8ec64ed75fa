//! What is durable: one write-ahead log over a small [`Disk`] trait.
//!
//! | file | what |
//! |---|---|
//! | [`disk`] | the trait: operations are submitted, and complete later |
//! | [`memory`] | a disk in memory: it forgets on a crash what was not synced, and lies on command |
//! | [`directory`] | a directory of a real file system |
//! | `identity` | whose directory it is, and the lock that keeps others out |
//! | `record` | how the log looks in its segments |
//! | `recovery` | what segments hold after a crash |
//! | [`durable_log`] | for simulators: what of a log is on the disk, whatever the disk says |
//! | `salvage` | reading what the disk gives back only in part |
//! | `open` | from a directory to a log that can be appended to |
//! | `wal` | the log: group commit, segments that are needed no more |
//! | `scrub` | reading again what was written long ago |
//! | `spares` | segments made ahead, and used again |
//! | [`snapshot`] | snapshot files |
//! | [`store`] | the whole: what a node holds of its disk |
//! | [`inspect`] | what is in a directory, for people |
//! | [`error`] | what can go wrong, and what to do then |

pub mod directory;
pub mod disk;
#[doc(hidden)]
pub mod durable_log;
pub mod error;
#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod golden;
mod identity;
pub mod inspect;
pub mod memory;
mod open;
mod record;
mod recovery;
mod salvage;
mod scrub;
pub mod snapshot;
mod spares;
pub mod store;
#[cfg(test)]
mod testing;
mod wal;

pub use directory::DirectoryDisk;
pub use disk::{Disk, DiskError};
pub use error::{OpenError, StorageError};
pub use memory::MemoryDisk;
pub use store::{SEGMENT_BYTES, Storage};
pub use wal::WalStats;

use crate::consensus::entry::Entry;
use crate::consensus::snapshot::{Base, Repair, SnapshotId, SnapshotMeta};
use crate::consensus::types::{HardState, Incarnation, Membership};

/// What a log held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The term and vote.
    pub hard_state: HardState,
    /// Behind which the log begins: the end of the newest snapshot.
    pub base: Base,
    /// Every entry, contiguous behind the base.
    pub entries: Vec<Entry>,
    /// The first membership that this node bound itself to while it was blank; see [`crate::bootstrap`].
    pub view: Option<Membership>,
    /// The newest snapshot that is whole.
    pub snapshot: Option<(SnapshotId, SnapshotMeta)>,
    /// The newest membership that is known, for a node whose log lost it.
    pub membership: Option<Membership>,
    /// Set where entries that this node may have acknowledged are missing behind `entries`.
    pub repair: Option<Repair>,
}

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The cluster.
    pub cluster: crate::ClusterId,
    /// The node.
    pub node: crate::NodeId,
    /// Drawn when the directory was made.
    pub incarnation: Incarnation,
}

impl Identity {
    /// Whether it is this node of this cluster.
    fn is(&self, cluster: &crate::ClusterId, node: crate::NodeId) -> bool {
        self.cluster == *cluster && self.node == node
    }
}
