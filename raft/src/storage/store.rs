//! The node's side of its disk: the log and, beside it, the snapshots.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use super::disk::{Completion, Disk, DiskError, Op, Outcome, Waker, look};
use super::error::{OpenError, StorageError};
use super::open::{self, Held};
use super::scrub::Scrub;
use super::snapshot::body::Reader;
use super::snapshot::{Event, ReadFor, Snapshots, file_of, refuse_foreign};
use super::wal::{Wal, WalStats};
use super::{Identity, Recovered, identity};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::{ClusterId, Incarnation, LogIndex, Membership, NodeId};

/// Bytes of a segment of the log, made ahead and used again: large enough that making one is rare, small
/// enough that what waits to be compacted is little.
pub const SEGMENT_BYTES: u64 = 16 << 20;
/// Bytes of a snapshot read at once.
const PIECE: u64 = 1 << 20;

/// What is durable of one node. Everything but opening and [`Storage::flush`] returns at once. A clone over a
/// disk whose clones share nothing, such as [`super::memory::SimDisk`], is a second node in the same state.
#[derive(Clone, Hash)]
pub struct Storage<D> {
    disk: D,
    cluster: ClusterId,
    wal: Wal,
    snapshots: Snapshots,
    scrub: Scrub,
    events: VecDeque<Event>,
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
        let failed =
            |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
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
            let (snapshots, ..) = Snapshots::open(&mut disk, cluster).map_err(&failed)?;
            Snapshots::sweep(&mut disk).map_err(&failed)?;
            identity::finish(&mut disk).map_err(failed)?;
            return Ok((Storage::new(disk, &identity, wal, snapshots), identity, Recovered::default()));
        };
        refuse_foreign(&mut disk, cluster)?;
        let (snapshots, snapshot, bad) = Snapshots::open(&mut disk, cluster).map_err(&failed)?;
        for (file, what) in bad {
            tracing::error!(directory, file, what, "a damaged snapshot is passed over");
        }
        let base = snapshot.as_ref().map(|(_, meta)| meta.base).unwrap_or_default();
        let (wal, held) = open::recover(&mut disk, &identity, base, segment_bytes)?;
        Snapshots::sweep(&mut disk).map_err(failed)?;
        let Held { hard_state, entries, view, membership, repair, damage } = held;
        for bad in damage {
            tracing::warn!(directory, segment = bad.place.segment.0, offset = bad.place.offset, after_index = %bad.index, what = bad.what, "damage in the log");
        }
        let recovered = Recovered { hard_state, base, entries, view, snapshot, membership, repair };
        Ok((Storage::new(disk, &identity, wal, snapshots), identity, recovered))
    }

    fn new(disk: D, identity: &Identity, wal: Wal, snapshots: Snapshots) -> Storage<D> {
        let (cluster, scrub) = (identity.cluster.clone(), Scrub::new(identity.clone()));
        Storage { disk, cluster, wal, snapshots, scrub, events: VecDeque::new() }
    }

    /// Reads a snapshot's body, checked on the way. Blocks: only before anything else is asked of it.
    ///
    /// # Errors
    /// Those of the disk, of what is read, and of `build`.
    pub fn read_body<T>(
        &mut self,
        id: SnapshotId,
        build: impl FnOnce(&mut Reader<&mut dyn FnMut() -> io::Result<Option<Bytes>>>) -> io::Result<T>,
    ) -> io::Result<T> {
        let (disk, mut offset) = (&mut self.disk, 0);
        let mut next = || {
            let op = Op::Read { file: file_of(id.last), offset, length: PIECE };
            let Outcome::Data(data) = look(disk, op).map_err(io::Error::other)? else { return Ok(None) };
            offset += data.len() as u64;
            Ok(Some(data).filter(|data| !data.is_empty()))
        };
        build(&mut Reader::new(&self.cluster, &mut next))
    }

    /// The cluster, to which snapshots are bound.
    #[must_use]
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// Begins a snapshot of this node's own; there is one at a time.
    pub fn begin_snapshot(&mut self) {
        self.snapshots.begin();
    }

    /// Whether its next block may come.
    #[must_use]
    pub fn may_feed_snapshot(&self) -> bool {
        self.snapshots.may_feed()
    }

    /// Its next block.
    pub fn feed_snapshot(&mut self, block: Bytes) {
        self.snapshots.feed(&mut self.disk, block);
    }

    /// All of it has come; or it came to nothing. Ends with [`Event::Stored`] or [`Event::Failed`].
    pub fn end_snapshot(&mut self, result: Result<(SnapshotId, SnapshotMeta), String>) {
        self.snapshots.end(&mut self.disk, result);
    }

    /// The next piece of a snapshot from the leader.
    pub fn receive_snapshot(&mut self, snapshot: SnapshotId, offset: u64, data: &Bytes) {
        self.snapshots.receive(&mut self.disk, snapshot, offset, data);
    }

    /// Reads a piece of a snapshot; answered by [`Event::Piece`].
    pub fn read_snapshot(&mut self, reader: ReadFor, snapshot: SnapshotId, offset: u64, length: u64) {
        self.snapshots.read(&mut self.disk, reader, snapshot, offset, length);
    }

    /// Removes snapshots that are neither new nor in use.
    pub fn prune_snapshots(&mut self, in_use: &[SnapshotId]) {
        self.snapshots.prune(&mut self.disk, in_use);
    }

    /// What has happened to snapshots, oldest first; [`Storage::pump`] finds it.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
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
        let mut durable = self.wal.pump(&mut self.disk)?;
        while let Some(completion) = self.disk.poll() {
            self.complete(completion)?;
            durable = self.wal.pump(&mut self.disk)?.or(durable);
        }
        self.wal.look_ahead(&mut self.disk);
        Ok(durable)
    }

    /// Writes down that all of the log is durable, so that a later start tells damage of its end from a tail that was
    /// never whole. Each batch says so of those before it: this is for when none has come for a while. Does nothing
    /// where it is written already, or something else is being written.
    pub fn mark_durable(&mut self) {
        self.wal.submit_mark(&mut self.disk);
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
        if self.scrub.owns(completion.id) {
            self.scrub.complete(&completion);
            return Ok(());
        }
        if !self.snapshots.owns(completion.id) {
            return self.wal.complete(&mut self.disk, completion);
        }
        match self.snapshots.complete(&mut self.disk, &completion) {
            Ok(event) => self.events.extend(event),
            Err(error) => return Err(self.wal.fail(error)),
        }
        Ok(())
    }

    /// Begins to read a part of the log again that was written long ago, and of the newest snapshot: the next one
    /// with each call.
    pub fn scrub(&mut self) {
        let sealed: Vec<_> = self.wal.sealed().collect();
        self.scrub.step(&mut self.disk, &sealed);
        self.snapshots.walk(&mut self.disk, SEGMENT_BYTES);
    }

    /// Begins to read the newest snapshot again, to its end.
    pub fn doubt_snapshot(&mut self) {
        self.snapshots.walk(&mut self.disk, u64::MAX);
    }

    /// A snapshot that was found to be not what was written. A new one that holds as much makes it unneeded.
    #[must_use]
    pub fn rotten_snapshot(&self) -> Option<SnapshotId> {
        self.snapshots.rotten()
    }

    /// The end of what was found to be not what was written. A snapshot that holds all up to there makes
    /// it unneeded.
    #[must_use]
    pub fn rotten(&self) -> Option<LogIndex> {
        let rotten = self.wal.sealed().filter(|sealed| self.scrub.is_rotten(sealed.segment));
        rotten.map(|sealed| sealed.highest).max()
    }

    /// What is read again from time to time: segments, and up to where.
    #[doc(hidden)]
    pub fn scrubbed(&self) -> impl Iterator<Item = (String, u64)> {
        self.wal.sealed().map(|sealed| (super::spares::file_of(sealed.segment), sealed.end))
    }

    /// Whether it is known what this file is for, which stands among the snapshots: then it is removed in time.
    #[doc(hidden)]
    #[must_use]
    pub fn knows_snapshot_file(&self, file: &str) -> bool {
        self.snapshots.knows(file)
    }

    /// Whether the disk has no room for the next segment of the log: what is left in this one is for terms and votes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.wal.is_full()
    }

    /// Whether the next segment of the log is ready.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.wal.has_room()
    }

    /// Looks again for room where there was none.
    pub fn retry(&mut self) {
        self.wal.retry(&mut self.disk);
    }

    /// Whom to call, from any thread, when [`Storage::pump`] has something to take.
    pub fn set_waker(&mut self, waker: Waker) {
        self.disk.set_waker(waker);
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The disk, for who runs its operations. What is submitted to it here comes back to nobody.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// The disk, without the log: the process has ended.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// What was done since it was opened.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        self.wal.stats()
    }
}

impl<D> Storage<D> {
    /// The same over what `change` makes of its disk, which must hold the same and answer for what is pending.
    #[must_use]
    pub fn map_disk<E>(self, change: impl FnOnce(D) -> E) -> Storage<E> {
        let Storage { disk, cluster, wal, snapshots, scrub, events } = self;
        Storage { disk: change(disk), cluster, wal, snapshots, scrub, events }
    }
}

impl<D> std::fmt::Debug for Storage<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("wal", &self.wal).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
