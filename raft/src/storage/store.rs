//! The node's side of its disk: the log and, beside it, the snapshots.

use super::disk::{Completion, Disk, DiskError, Op, Waker};
use super::error::{OpenError, StorageError};
use super::open::{self, Held};
use super::wal::{Wal, WalStats};
use super::{Identity, Recovered, identity};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::Base;
use crate::consensus::types::{ClusterId, Incarnation, LogIndex, Membership, NodeId};

/// Bytes of a segment of the log, made ahead and used again: large enough that making one is rare, small
/// enough that what waits to be compacted is little.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// What is durable of one node. Everything but opening and [`Storage::flush`] returns at once.
pub struct Storage<D> {
    disk: D,
    wal: Wal,
}

impl<D: Disk> Storage<D> {
    /// Opens a data directory, or makes a new one: `incarnation` is used only if it is new. Blocks. What is
    /// handed out is durable: the tail that might not have been was written and synced again.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        disk: D,
        cluster: &ClusterId,
        node: NodeId,
        incarnation: Incarnation,
    ) -> Result<(Storage<D>, Identity, Recovered), OpenError> {
        Storage::open_with(disk, cluster, node, incarnation, SEGMENT_BYTES)
    }

    /// As [`Storage::open`], with segments of `segment_bytes`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        mut disk: D,
        cluster: &ClusterId,
        node: NodeId,
        incarnation: Incarnation,
        segment_bytes: u64,
    ) -> Result<(Storage<D>, Identity, Recovered), OpenError> {
        let directory = disk.location();
        let failed = |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
        identity::lock(&mut disk)?;
        let wanted = Identity { cluster: cluster.clone(), node, incarnation };
        let Some(identity) = identity::read(&mut disk, cluster, node)? else {
            let begun = identity::begun(&mut disk).map_err(failed)?.filter(|begun| begun.is(cluster, node));
            if begun.is_none() && open::exists(&mut disk).map_err(failed)? {
                return Err(OpenError::MissingIdentity { directory });
            }
            let identity = begun.unwrap_or(wanted);
            identity::begin(&mut disk, &identity).map_err(failed)?;
            let wal = open::create(&mut disk, &identity, segment_bytes)?;
            identity::finish(&mut disk).map_err(failed)?;
            return Ok((Storage { disk, wal }, identity, Recovered::default()));
        };
        let base = Base::default();
        let (wal, held) = open::recover(&mut disk, &identity, base, segment_bytes)?;
        let Held { hard_state, entries, view, membership, repair, damage } = held;
        for bad in damage {
            tracing::warn!(directory, segment = bad.place.segment.0, offset = bad.place.offset, after_index = %bad.index, what = bad.what, "damage in the log");
        }
        let recovered = Recovered { hard_state, base, entries, view, membership, repair };
        Ok((Storage { disk, wal }, identity, recovered))
    }

    /// Queues a write. [`Storage::pump`] submits it.
    pub fn append(&mut self, persist: &Persist) {
        self.wal.append(persist);
    }

    /// Queues the membership that this node binds itself to while it is blank. Ordered with
    /// [`Storage::append`], and reported like it.
    pub fn append_view(&mut self, id: PersistId, view: &Membership) {
        self.wal.append_view(id, view);
    }

    /// A durable snapshot holds all up to `index`: what holds nothing else may go.
    pub fn compact(&mut self, index: LogIndex) {
        self.wal.compact(&mut self.disk, index);
    }

    /// Takes completions, submits what waits if no write is in flight, and says the newest id that
    /// is durable (with all before it), if that advanced.
    ///
    /// # Errors
    /// The first error of a write or sync, from then on for ever: the node must end.
    pub fn pump(&mut self) -> Result<Option<PersistId>, StorageError> {
        let mut completed = false;
        let mut durable = self.wal.pump(&mut self.disk)?;
        while let Some(completion) = self.disk.poll() {
            completed = true;
            self.complete(completion)?;
            durable = self.wal.pump(&mut self.disk)?.or(durable);
        }
        // After a completion more is likely to come at once, and then the next batch says it.
        if !completed {
            self.wal.submit_mark(&mut self.disk);
        }
        Ok(durable)
    }

    /// Blocks until everything queued is durable, then marks it so: for a graceful stop.
    ///
    /// # Errors
    /// As [`Storage::pump`]; and where there is no room for what is queued.
    pub fn flush(&mut self) -> Result<Option<PersistId>, StorageError> {
        let mut durable = None;
        loop {
            durable = self.wal.pump(&mut self.disk)?.or(durable);
            self.wal.submit_mark(&mut self.disk);
            if self.wal.is_idle() {
                return Ok(durable);
            }
            if self.wal.is_full() {
                return Err(StorageError::NoRoom);
            }
            let Some(completion) = self.disk.wait() else {
                let error = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "the disk never answered");
                let op = Op::Sync { file: super::spares::DIRECTORY.to_owned() };
                return Err(self.wal.fail(op.failed(&error)));
            };
            self.complete(completion)?;
        }
    }

    fn complete(&mut self, completion: Completion) -> Result<(), StorageError> {
        self.wal.complete(&mut self.disk, completion)
    }

    /// Whether the disk has no room for the next segment of the log: what is left in this one is for terms and votes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.wal.is_full()
    }

    /// Looks again for room where there was none.
    pub fn retry(&mut self) {
        self.wal.retry(&mut self.disk);
    }

    /// Whom to call, from any thread, when [`Storage::pump`] has something to take.
    pub fn set_waker(&mut self, waker: Waker) {
        self.disk.set_waker(waker);
    }

    /// What was done since it was opened.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        self.wal.stats()
    }
}

impl<D> std::fmt::Debug for Storage<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("wal", &self.wal).finish_non_exhaustive()
    }
}
