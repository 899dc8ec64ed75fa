//! The log: opening, group commit, durability. It encodes and decides; the [`Disk`] does.

use bytes::Bytes;

use super::disk::{Completion, Disk, DiskError, Op, OpId, Waker};
use super::error::{OpenError, StorageError};
use super::open::{self, Opened};
use super::record::{Batch, BatchHeader, Seed};
use super::{Identity, Recovered};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::types::{ClusterId, Incarnation, Membership, NodeId};
use crate::seeded_bug;

/// The write-ahead log.
///
/// Group commit: what is appended while one write is in flight waits, and goes with the next one as
/// one write and one sync. After the first error nothing more is written or acknowledged.
pub struct Wal<D> {
    disk: D,
    file: String,
    seed: Seed,
    /// Where the next batch goes.
    end: u64,
    /// Up to where the file is durable; at most `end`.
    synced: u64,
    /// How long the file is: zeros stand behind `end`.
    length: u64,
    /// The number of the next batch.
    sequence: u64,
    /// The header crc of the last batch.
    previous: u32,
    waiting: Batch,
    /// The newest id in `waiting`.
    newest: Option<PersistId>,
    in_flight: Option<InFlight>,
    /// Durable, and not reported yet.
    unreported: Option<PersistId>,
    /// Whether a mark, or nothing, follows the last commit.
    marked: bool,
    failed: Option<StorageError>,
    stats: WalStats,
}

/// A write that was submitted.
struct InFlight {
    op: OpId,
    /// What it makes durable; `None` for a mark, which is not synced.
    commit: Option<PersistId>,
}

/// What a log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    /// Group commits that were submitted.
    pub batches: u64,
    /// Group commits that became durable.
    pub syncs: u64,
    /// Bytes submitted, with headers, marks and zeros.
    pub bytes: u64,
    /// Durability marks that were submitted.
    pub marks: u64,
}

impl<D: Disk> Wal<D> {
    /// Opens the log, or makes a new one: `incarnation` is used only if it is new. Blocks. What is
    /// handed out is durable: the tail that might not have been was written and synced again.
    ///
    /// # Errors
    /// See [`OpenError`]; the directory is as it was before.
    pub fn open(
        mut disk: D,
        cluster: &ClusterId,
        node: NodeId,
        incarnation: Incarnation,
    ) -> Result<(Wal<D>, Identity, Recovered), OpenError> {
        let wanted = Identity { cluster: cluster.clone(), node, incarnation };
        let Opened { identity, file, seed, scan, length } = open::open(&mut disk, wanted)?;
        let wal = Wal {
            disk,
            file,
            seed,
            end: scan.end,
            synced: scan.end,
            length,
            sequence: scan.sequence,
            previous: scan.previous,
            waiting: Batch::new(),
            newest: None,
            in_flight: None,
            unreported: None,
            marked: scan.marked,
            failed: None,
            stats: WalStats::default(),
        };
        Ok((wal, identity, scan.recovered))
    }

    /// Queues a write. Nothing blocks; [`Wal::pump`] submits it.
    pub fn append(&mut self, persist: &Persist) {
        if let Some(state) = &persist.hard_state {
            self.waiting.hard_state(state);
        }
        for entry in &persist.entries {
            self.waiting.entry(entry);
        }
        self.newest = Some(persist.id);
    }

    /// Queues the membership that this node binds itself to while it is blank. Ordered with
    /// [`Wal::append`], and reported like it.
    pub fn append_view(&mut self, id: PersistId, view: &Membership) {
        if let Err(error) = self.waiting.view(view) {
            self.failed.get_or_insert(StorageError::Encode(error.to_string()));
        }
        self.newest = Some(id);
    }

    /// Takes completions, submits what waits if no write is in flight, and says the newest id that
    /// is durable (with all before it), if that advanced. Does not block.
    ///
    /// # Errors
    /// The first error of a write or sync, from then on for ever: the node must end.
    pub fn pump(&mut self) -> Result<Option<PersistId>, StorageError> {
        let mut completed = false;
        self.submit_waiting()?;
        while let Some(completion) = self.disk.poll() {
            completed = true;
            self.complete(completion)?;
            self.submit_waiting()?;
        }
        // After a completion more is likely to come at once, and then the next batch says it.
        if !completed {
            self.submit_mark();
        }
        Ok(self.unreported.take())
    }

    /// Blocks until everything queued is durable, then marks it so: for a graceful stop.
    ///
    /// # Errors
    /// As [`Wal::pump`].
    pub fn flush(&mut self) -> Result<Option<PersistId>, StorageError> {
        loop {
            self.submit_waiting()?;
            self.submit_mark();
            if self.in_flight.is_none() {
                return Ok(self.unreported.take());
            }
            let completion = self.disk.wait().ok_or_else(|| self.never_answered());
            self.complete(completion?)?;
        }
    }

    /// Whom to call, from any thread, when [`Wal::pump`] has something to take.
    pub fn set_waker(&mut self, waker: Waker) {
        self.disk.set_waker(waker);
    }

    /// What was done since the log was opened.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        self.stats
    }

    /// Submits the batch that waits, unless a write is in flight.
    fn submit_waiting(&mut self) -> Result<(), StorageError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.in_flight.is_some() {
            return Ok(());
        }
        let Some(newest) = self.newest.take() else { return Ok(()) };
        let batch = std::mem::replace(&mut self.waiting, Batch::new());
        self.stats.batches += 1;
        self.submit(batch, Some(newest));
        Ok(())
    }

    /// Writes down that all of the log is durable, once nothing else will soon say so. Unsynced: it
    /// only lets a later start tell damage from a torn tail.
    fn submit_mark(&mut self) {
        if !self.marked && self.in_flight.is_none() {
            self.stats.marks += 1;
            self.submit(Batch::new(), None);
        }
    }

    fn submit(&mut self, batch: Batch, commit: Option<PersistId>) {
        let (offset, synced) = (self.end, self.synced);
        let header = BatchHeader { previous: self.previous, sequence: self.sequence, offset, synced };
        self.marked = batch.is_empty();
        let (mut bytes, crc) = batch.seal(header, self.seed);
        self.end += bytes.len() as u64;
        if self.end > self.length && commit.is_some() {
            self.length = self.end.next_multiple_of(self.disk.zeros_ahead().max(1));
            bytes.resize(usize::try_from(self.length - offset).unwrap_or(bytes.len()), 0);
        }
        self.stats.bytes += bytes.len() as u64;
        self.sequence += 1;
        self.previous = crc;
        let (file, data) = (self.file.clone(), Bytes::from(bytes));
        let op = if commit.is_some() && !seeded_bug!("sync-skipped") {
            Op::WriteSync { file, offset, data }
        } else {
            Op::Write { file, offset, data }
        };
        self.in_flight = Some(InFlight { op: self.disk.submit(op), commit });
    }

    /// Takes the end of the write in flight; any other completion means nothing here.
    fn complete(&mut self, completion: Completion) -> Result<(), StorageError> {
        let Some(write) = self.in_flight.take_if(|write| write.op == completion.id) else { return Ok(()) };
        if let Err(error) = completion.result {
            return Err(self.fail(error));
        }
        if let Some(id) = write.commit {
            self.stats.syncs += 1;
            self.synced = self.end;
            self.unreported = Some(id);
        }
        Ok(())
    }

    fn fail(&mut self, error: DiskError) -> StorageError {
        self.unreported = None;
        self.failed.get_or_insert(StorageError::Disk(error)).clone()
    }

    fn never_answered(&mut self) -> StorageError {
        let error = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "the disk never answered");
        let op = Op::Sync { file: self.file.clone() };
        self.fail(op.failed(&error))
    }
}

impl<D> std::fmt::Debug for Wal<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wal")
            .field("end", &self.end)
            .field("synced", &self.synced)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
