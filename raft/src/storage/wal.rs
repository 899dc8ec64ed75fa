//! The log: opening, group commit, durability.

use super::disk::{Disk, Waker};
use super::error::{OpenError, StorageError};
use super::{Identity, Recovered};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::types::{ClusterId, Incarnation, Membership, NodeId};

/// The write-ahead log.
pub struct Wal<D> {
    disk: D,
}

/// What a log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    /// Group commits that were submitted.
    pub batches: u64,
    /// Group commits that became durable.
    pub syncs: u64,
    /// Bytes submitted, with headers and marks.
    pub bytes: u64,
    /// Durability marks that were submitted.
    pub marks: u64,
}

impl<D: Disk> Wal<D> {
    /// Opens the directory, or makes a new one: `incarnation` is used only if it is new.
    pub fn open(
        disk: D,
        cluster: &ClusterId,
        node: NodeId,
        incarnation: Incarnation,
    ) -> Result<(Wal<D>, Identity, Recovered), OpenError> {
        let identity = Identity { cluster: cluster.clone(), node, incarnation };
        Ok((Wal { disk }, identity, Recovered::default()))
    }

    /// Queues a write. Nothing blocks.
    pub fn append(&mut self, persist: &Persist) {
        let _ = persist;
    }

    /// Queues the bootstrap view.
    pub fn append_view(&mut self, id: PersistId, view: &Membership) {
        let _ = (id, view);
    }

    /// Submits what waits, takes completions, says the newest id that is durable if it advanced.
    pub fn pump(&mut self) -> Result<Option<PersistId>, StorageError> {
        Ok(None)
    }

    /// Blocks until everything queued is durable.
    pub fn flush(&mut self) -> Result<Option<PersistId>, StorageError> {
        Ok(None)
    }

    /// Whom to call when [`Wal::pump`] has something to do.
    pub fn set_waker(&mut self, waker: Waker) {
        self.disk.set_waker(waker);
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        WalStats::default()
    }
}
