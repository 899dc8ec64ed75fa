//! The log: group commit into segments that were made ahead, durability, and what is no longer needed.
//! It encodes and decides; the [`Disk`] does.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Identity;
use super::disk::{Completion, Disk, DiskError, Op, OpId};
use super::error::StorageError;
use super::record::{Batch, Place, SEGMENT_HEADER, Seed, Segment, Standing, segment_header};
use super::spares::{Spares, file_of, no_room};
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::snapshot::Base;
use crate::consensus::types::{LogIndex, Membership};
use crate::marks::mark;
use crate::seeded_bug;
use queue::{Queue, Waiting};

/// The write-ahead log.
///
/// Group commit: what is appended while one write is in flight waits, and goes with the next one as
/// one write and one sync. After the first error nothing more is written or acknowledged.
#[derive(Clone, Debug, Hash)]
pub(super) struct Wal {
    identity: Identity,
    /// Where the next batch goes; none before the first of this life.
    current: Option<Current>,
    spares: Spares,
    /// Older segments, oldest first.
    sealed: VecDeque<Sealed>,
    /// Where the log ended before the current segment.
    ended: Place,
    /// Up to where the log is durable.
    synced: Place,
    queue: Queue,
    /// How it stands after all that was submitted.
    written: Standing,
    in_flight: Option<InFlight>,
    /// Durable, and not reported yet.
    unreported: Option<PersistId>,
    /// Whether a mark, or nothing, follows the last commit.
    marked: bool,
    failed: Option<StorageError>,
    stats: WalStats,
}

/// The segment that is written to.
#[derive(Clone, Debug, Hash)]
struct Current {
    segment: Segment,
    file: String,
    seed: Seed,
    /// Where the next batch goes.
    end: u64,
    /// The highest index in it.
    highest: LogIndex,
}

/// A segment that is written to no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sealed {
    pub(super) segment: Segment,
    /// Where what was made durable ends.
    pub(super) end: u64,
    /// The highest index in it.
    pub(super) highest: LogIndex,
}

/// A write that was submitted.
#[derive(Clone, Debug, Hash)]
struct InFlight {
    op: OpId,
    data: Bytes,
    /// Up to where the log is durable with it.
    synced: Place,
    commit: Option<PersistId>,
    mark: bool,
}

/// What a log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    /// Group commits that were submitted.
    pub batches: u64,
    /// Group commits that became durable.
    pub syncs: u64,
    /// Bytes submitted, with headers and marks; without what segments made ahead are filled with.
    pub bytes: u64,
    /// Durability marks that were submitted.
    pub marks: u64,
    /// Segments on disk, with the one made ahead.
    pub segments: u64,
}

/// Counts for people: no two logs differ by them.
impl std::hash::Hash for WalStats {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// What a log begins its life with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) identity: Identity,
    pub(super) spares: Spares,
    pub(super) sealed: Vec<Sealed>,
    pub(super) ended: Place,
    pub(super) synced: Place,
    pub(super) standing: Standing,
    pub(super) membership: Option<Membership>,
    pub(super) view: Option<Membership>,
}

impl Wal {
    pub(super) fn new(start: Start) -> Wal {
        let Start { identity, spares, sealed, ended, synced, standing, membership, view } = start;
        Wal {
            identity,
            current: None,
            spares,
            sealed: sealed.into(),
            ended,
            synced,
            queue: Queue::new(standing, membership, view),
            written: standing,
            in_flight: None,
            unreported: None,
            marked: true,
            failed: None,
            stats: WalStats::default(),
        }
    }

    /// Queues a write.
    pub(super) fn append(&mut self, persist: &Persist) {
        self.queue.append(persist);
    }

    /// Queues the membership that this node binds itself to while it is blank.
    pub(super) fn append_view(&mut self, id: PersistId, view: &Membership) {
        if let Err(error) = self.queue.append_view(id, view) {
            self.failed.get_or_insert(error);
        }
    }

    /// Submits what waits if no write is in flight, and says the newest id that is durable (with all
    /// before it), if that advanced.
    ///
    /// # Errors
    /// The first error of a write or sync, from then on for ever: the node must end.
    pub(super) fn pump(&mut self, disk: &mut impl Disk) -> Result<Option<PersistId>, StorageError> {
        self.submit_waiting(disk)?;
        Ok(self.unreported.take())
    }

    /// Makes the next segment while this one is written: from an old one as soon as there is one, else
    /// anew when a quarter of this one is left.
    pub(super) fn look_ahead(&mut self, disk: &mut impl Disk) {
        let soon = self.spares.length() / 4 * 3;
        if self.current.as_ref().is_some_and(|current| current.end > soon || self.spares.may_recycle()) {
            self.spares.begin(disk);
        }
    }

    /// Whether everything queued is durable.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.queue.waiting.is_empty()
    }

    /// Whether there is no room for more: what is queued waits.
    pub(super) fn is_full(&self) -> bool {
        self.spares.is_full()
    }

    pub(super) fn has_room(&self) -> bool {
        self.spares.is_ready()
    }

    /// Tries again where there was no room.
    pub(super) fn retry(&mut self, disk: &mut impl Disk) {
        self.spares.retry(disk);
    }

    pub(super) fn stats(&self) -> WalStats {
        let live = self.sealed.len() as u64 + u64::from(self.current.is_some());
        WalStats { segments: live + u64::from(self.spares.is_ready()), ..self.stats }
    }

    /// What opening took is not counted.
    pub(super) fn forget_stats(&mut self) {
        self.stats = WalStats::default();
    }

    /// A snapshot that is durable holds all up to `index`: segments with nothing else may go.
    pub(super) fn compact(&mut self, disk: &mut impl Disk, index: LogIndex) {
        // Term and vote stand in what was written last, so that must be behind what goes.
        let written = self.current.as_ref().is_some_and(|current| self.synced.segment == current.segment);
        mark!("compaction-waits-for-new-segment" if !written && self.sealed.front().is_some_and(|s| s.highest <= index));
        while let Some(oldest) = self.sealed.front()
            && oldest.highest <= index
            && (written || seeded_bug!("last-segment-recycled"))
        {
            mark!("segment-removed");
            self.spares.recycle(disk, oldest.segment);
            self.sealed.pop_front();
        }
    }

    /// The segments that are written to no more, oldest first.
    pub(super) fn sealed(&self) -> impl Iterator<Item = Sealed> {
        self.sealed.iter().copied()
    }

    /// Submits the batch that waits longest, unless a write is in flight or there is no room.
    fn submit_waiting(&mut self, disk: &mut impl Disk) -> Result<(), StorageError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let Some(waiting) = self.queue.waiting.front() else { return Ok(()) };
        let (length, last) = (waiting.batch.len() as u64, waiting.standing.last.id.index);
        if self.in_flight.is_some() || !self.make_room(disk, length) {
            return Ok(());
        }
        let Some(waiting) = self.queue.waiting.pop_front() else { return Ok(()) };
        let highest = last.max(waiting.kept);
        self.stats.batches += 1;
        self.marked = false;
        self.write(disk, waiting, false);
        if let Some(current) = &mut self.current {
            current.highest = current.highest.max(highest);
        }
        Ok(())
    }

    /// Whether the current segment, which may be a new one, has room for a batch.
    fn make_room(&mut self, disk: &mut impl Disk, length: u64) -> bool {
        let limit = self.spares.length();
        let fits = |current: &Current| current.end + length <= limit;
        if self.current.as_ref().is_some_and(fits) {
            return true;
        }
        self.spares.begin(disk);
        let Some(segment) = self.spares.take() else {
            mark!("write-waits-for-segment");
            return false;
        };
        let (file, seed) = (file_of(segment), Seed::new(&self.identity, segment));
        // A batch that no segment could hold makes its own longer.
        let fresh = Current { segment, file, seed, end: 0, highest: LogIndex(0) };
        if let Some(Current { segment, highest, .. }) = self.current.replace(fresh) {
            mark!("segment-begun");
            self.ended = self.synced;
            self.sealed.push_back(Sealed { segment, end: self.ended.offset, highest });
        }
        true
    }

    /// Writes down that all of the log is durable, where nothing has said so yet and nothing is under way: so that a
    /// later start tells damage from a torn tail.
    pub(super) fn submit_mark(&mut self, disk: &mut impl Disk) {
        let quiet = !self.marked && self.is_idle() && self.failed.is_none();
        let limit = self.spares.length();
        let mark = Batch::new();
        let room = |current: &Current| current.end + mark.len() as u64 <= limit;
        if quiet && self.current.as_ref().is_some_and(room) {
            mark!("durability-marked");
            self.stats.marks += 1;
            self.marked = true;
            let kept = self.queue.standing.last.id.index;
            let mark = Waiting { batch: mark, kept, standing: self.queue.standing, commit: None };
            self.write(disk, mark, true);
        }
    }

    /// Everything in the log is written like this, since a synced write vouches for nothing but its own bytes.
    fn write(&mut self, disk: &mut impl Disk, waiting: Waiting, mark: bool) {
        let mut head = self.segment_head();
        let Some(current) = &mut self.current else { return };
        if !head.is_empty() && seeded_bug!("head-written-apart") {
            let data = Bytes::from(std::mem::take(&mut head));
            current.end += data.len() as u64;
            disk.submit(Op::Write { file: current.file.clone(), offset: 0, data });
        }
        let (offset, commit) = (current.end, waiting.commit);
        self.written = waiting.standing;
        let batch = waiting.seal(offset + head.len() as u64, self.synced, current.seed);
        let data = Bytes::from(if head.is_empty() { batch } else { [head, batch].concat() });
        current.end += data.len() as u64;
        self.stats.bytes += data.len() as u64;
        let synced = Place { segment: current.segment, offset: current.end };
        let (file, written) = (current.file.clone(), data.clone());
        let unsynced = [seeded_bug!("sync-skipped"), mark && seeded_bug!("mark-unsynced")];
        let op = match unsynced.contains(&true) {
            true => Op::Write { file, offset, data },
            false => Op::WriteSync { file, offset, data },
        };
        self.in_flight = Some(InFlight { op: disk.submit(op), data: written, synced, commit, mark });
    }

    /// The beginning of a segment that has none yet.
    fn segment_head(&self) -> Vec<u8> {
        let Some(Current { segment, seed, end: 0, .. }) = self.current else { return Vec::new() };
        let mut bytes = segment_header(segment, self.ended, seed);
        bytes.extend_from_slice(&self.head().seal(SEGMENT_HEADER as u64, self.synced, seed));
        bytes
    }

    /// What a segment begins with: all that must be known should every earlier one be gone.
    fn head(&self) -> Waiting {
        let mut batch = Batch::new();
        let blank = self.written.last == Base::default();
        // Serialising a map into memory has no way to fail.
        let _ = match (&self.queue.membership, &self.queue.view) {
            (Some(membership), _) => batch.membership(membership),
            (None, Some(view)) if blank => batch.view(view),
            (None, _) => Ok(()),
        };
        Waiting { batch, kept: self.written.last.id.index, standing: self.written, commit: None }
    }

    /// Takes the end of an operation; completions of others mean nothing here.
    pub(super) fn complete(
        &mut self,
        disk: &mut impl Disk,
        completion: Completion,
    ) -> Result<(), StorageError> {
        match self.spares.complete(disk, &completion) {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(error) => return Err(self.fail(error)),
        }
        let write = self.in_flight.take_if(|write| write.op == completion.id);
        if write.is_none() && completion.result.as_ref().is_err_and(no_room) {
            // A file that was to be removed stays until the log is opened again.
            return Ok(());
        }
        if let Err(error) = completion.result
            && !seeded_bug!("failed-sync-passed-over")
        {
            mark!("sync-failed");
            return Err(self.fail(error));
        }
        if let Some(InFlight { data, synced, commit, mark, .. }) = write {
            self.queue.take_back(data);
            self.stats.syncs += u64::from(!mark);
            self.synced = synced;
            self.unreported = commit.or(self.unreported);
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, error: DiskError) -> StorageError {
        self.unreported = None;
        self.failed.get_or_insert(StorageError::Disk(error)).clone()
    }
}

mod queue;

#[cfg(test)]
mod tests;
