//! What a disk in memory holds, in its cache and for good, and how operations and faults change it.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::fault::{Fate, Fault, SyncFailure};
use super::file::{File, SECTOR, SharedFile, sectors};
use super::names::Names;
use crate::storage::disk::{BLOCK, DiskError, Op, Outcome};
use crate::storage::spares::no_room;

/// A file system's state.
#[derive(Clone, Default, Hash)]
pub(super) struct Image {
    names: Names,
    files: Vec<SharedFile>,
    /// Places in `files` that nothing names.
    free: Vec<usize>,
    locked_by: Option<u64>,
    latched: Option<DiskError>,
    pub(super) syncs: u64,
    sync_failures: BTreeMap<u64, SyncFailure>,
    failing_reads: u64,
    lost: bool,
    misdirected: Option<(String, u64)>,
    capacity: Option<u64>,
}

impl Image {
    pub(super) fn run(&mut self, handle: u64, op: &Op, aside: bool) -> Result<Outcome, DiskError> {
        if let Some(error) = &self.latched {
            return Err(error.clone());
        }
        self.perform(handle, op).map_err(|error| {
            let error = op.failed(&error);
            if !(op.only_looks() || aside && no_room(&error)) {
                self.latched = Some(error.clone());
            }
            error
        })
    }

    /// What of an operation may reach the disk before it is done.
    pub(super) fn write_only(&mut self, op: &Op) {
        // What fails leaves nothing.
        let _ = match op {
            Op::Write { file, offset, data } | Op::WriteOnce { file, offset, data } => {
                self.write(file, *offset, data)
            }
            Op::WriteSync { file, offset, data } => self.write_block(file, *offset, data).map(|_| ()),
            _ => Ok(()),
        };
    }

    fn perform(&mut self, handle: u64, op: &Op) -> io::Result<Outcome> {
        match op {
            Op::Lock => match self.locked_by {
                Some(holder) if holder != handle => return Err(io::ErrorKind::WouldBlock.into()),
                _ => self.locked_by = Some(handle),
            },
            Op::List { dir } => return self.names.list(dir).map(Outcome::Names),
            Op::Read { file, offset, length } => {
                let content = &self.readable(file, *offset, *length)?.cache;
                let part = &content[part_of(content, *offset, *length)];
                return Ok(Outcome::Data(Bytes::copy_from_slice(part)));
            }
            Op::ReadBack { file, offset, length } => {
                let file = self.readable(file, *offset, *length)?;
                return Ok(Outcome::Data(file.on_disk(part_of(&file.cache, *offset, *length)).into()));
            }
            Op::Write { file, offset, data } | Op::WriteOnce { file, offset, data } => {
                self.write(file, *offset, data)?;
            }
            Op::WriteSync { file, offset, data } => {
                let written = self.write_block(file, *offset, data)?;
                self.sync(file, Some(written))?;
            }
            Op::Sync { file } => self.sync(file, None)?,
            Op::Allocate { file, length } => {
                let at = self.create(file)?;
                let end = self.files[at].cache.len();
                let length = usize::try_from(*length).map_err(|_| io::ErrorKind::FileTooLarge)?;
                if length > end {
                    self.write(file, end as u64, &vec![0; length - end])?;
                }
            }
            Op::SyncDir { dir } => {
                self.names.sync(dir)?;
                self.forget_unnamed();
            }
            Op::CreateDir { dir } => self.names.create_dir(dir),
            Op::Rename { from, to } => self.names.rename(from, to)?,
            Op::Remove { file } => self.names.remove(file),
        }
        Ok(Outcome::Done)
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Sync(number, failure) => _ = self.sync_failures.insert(number, failure),
            Fault::Reads(count) => self.failing_reads = count,
            Fault::Unreadable { file, offset } => {
                let Ok(at) = self.names.file(&file) else { return };
                let sector = usize::try_from(offset).unwrap_or(usize::MAX) / SECTOR;
                self.files[at].bad.insert(sector);
            }
            Fault::Readable => self.files.iter_mut().for_each(|file| file.bad.clear()),
            Fault::LostWrite => self.lost = true,
            Fault::MisdirectedWrite { file, offset } => self.misdirected = Some((file, offset)),
            Fault::Capacity(bytes) => self.capacity = Some(bytes),
            Fault::Rot { file, offset, bit } => {
                let Ok(at) = self.names.file(&file) else { return };
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let File { cache, disk, .. } = &mut *self.files[at];
                for byte in [cache.get_mut(offset), disk.get_mut(offset)].into_iter().flatten() {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    fn readable(&mut self, file: &str, offset: u64, length: u64) -> io::Result<&File> {
        let at = self.names.file(file)?;
        let whim = self.failing_reads > 0;
        self.failing_reads -= u64::from(whim);
        if whim || !self.files[at].is_readable(offset, length) {
            return Err(io::Error::other("a sector cannot be read"));
        }
        Ok(&self.files[at])
    }

    fn write(&mut self, file: &str, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = self.create(file)?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = offset.checked_add(data.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        // One that fails meets its fault, too: it is not kept for another.
        let misdirected = self.misdirected.take();
        let goes_astray = std::mem::take(&mut self.lost) || misdirected.is_some();
        let grows = end.saturating_sub(self.files[at].cache.len());
        if let Some(capacity) = self.capacity.filter(|_| grows > 0) {
            let used: usize = self.files.iter().map(|file| file.cache.len()).sum();
            if (used + grows) as u64 > capacity {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let before = goes_astray.then(|| self.files[at].dirty.clone());
        self.files[at].put(offset, data);
        if let Some(before) = before {
            let written = sectors(offset, data.len()).filter(|sector| !before.contains(sector));
            self.files[at].lies.extend(written);
            self.files[at].dirty = before;
        }
        if let Some((victim, place)) = misdirected {
            let victim = self.create(&victim)?;
            let place = usize::try_from(place).map_err(|_| io::ErrorKind::FileTooLarge)?;
            self.files[victim].overwrite(place, data);
        }
        Ok(())
    }

    /// Writes what is to vouch for itself: with zeros behind it, as far as such a write may, from every other sector on.
    /// So nobody relies on them, nor on what was there.
    fn write_block(&mut self, file: &str, offset: u64, data: &[u8]) -> io::Result<Range<usize>> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start.checked_add(data.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let length = self.length(file).unwrap_or_default();
        let block = usize::try_from(BLOCK).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let padded = end.checked_next_multiple_of(block).unwrap_or(end).min(length).max(end);
        if (start / SECTOR).is_multiple_of(2) || padded == end {
            self.write(file, offset, data)?;
            return Ok(start..end);
        }
        self.write(file, offset, &[data, &vec![0; padded - end]].concat())?;
        Ok(start..padded)
    }

    /// Makes a file durable, or a part of it.
    fn sync(&mut self, file: &str, part: Option<Range<usize>>) -> io::Result<()> {
        let at = self.names.file(file)?;
        let number = self.syncs;
        self.syncs += 1;
        match self.sync_failures.get(&number) {
            None => {
                match part {
                    Some(part) => self.files[at].sync_part(part),
                    None => self.files[at].sync(),
                }
                Ok(())
            }
            Some(failure) => {
                self.files[at].fail(*failure);
                Err(io::Error::other("the disk did not take the data"))
            }
        }
    }

    /// What has no name any more, and can get none back, takes no memory.
    fn forget_unnamed(&mut self) {
        let alive = self.names.named();
        self.free = (0..self.files.len()).rev().filter(|at| !alive.contains(at)).collect();
        for at in &self.free {
            self.files[*at] = SharedFile::default();
        }
    }

    pub(super) fn unsynced(&self) -> usize {
        self.files.iter().map(|file| file.dirty.len()).sum()
    }

    pub(super) fn crash(&mut self, fate: &mut impl FnMut(usize) -> Fate, names: usize) {
        self.names.crash(names);
        let mut number = 0;
        for file in &mut self.files {
            for sector in std::mem::take(&mut file.dirty) {
                match fate(number) {
                    Fate::Lost => {}
                    Fate::Kept => file.persist(sector, SECTOR),
                    Fate::Torn(bytes) => file.persist(sector, bytes.min(SECTOR)),
                }
                number += 1;
            }
            file.cache = file.disk.clone();
            file.lies.clear();
        }
        self.latched = None;
    }

    pub(super) fn unlock(&mut self) {
        self.locked_by = None;
        self.latched = None;
    }

    pub(super) fn unlock_of(&mut self, handle: u64) {
        if self.locked_by == Some(handle) {
            self.locked_by = None;
        }
    }

    pub(super) fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.names.file(file).ok().map(|at| self.files[at].cache.clone())
    }

    pub(super) fn replace(&mut self, file: &str, data: Vec<u8>) {
        if let Ok(at) = self.names.file(file) {
            self.files[at] = File { cache: data.clone(), disk: data, ..File::default() }.into();
        }
    }

    /// A file that somebody else has put there.
    pub(super) fn put(&mut self, file: &str, data: Vec<u8>) {
        if self.names.file(file).is_err() {
            let at = self.free_place();
            self.names.put(file, at);
        }
        self.replace(file, data);
    }

    /// How long a file is for who reads it.
    fn length(&self, file: &str) -> Option<usize> {
        self.names.file(file).ok().map(|at| self.files[at].cache.len())
    }

    /// Whether all of a file can be read.
    pub(super) fn is_readable(&self, file: &str) -> bool {
        self.names.file(file).is_ok_and(|at| self.files[at].bad.is_empty())
    }

    /// Whether the disk holds anything for written that it has not.
    pub(super) fn lies(&self) -> bool {
        self.files.iter().any(|file| !file.lies.is_empty())
    }

    /// How long the disk says that a file is whose name is durable.
    pub(super) fn told_length(&self, file: &str) -> Option<usize> {
        let file = &self.files[self.names.durable_file(file)?];
        Some(if file.lies.is_empty() { file.disk.len() } else { file.disk.len().max(file.cache.len()) })
    }

    /// What the disk says that it has of a part of a file whose name is durable.
    pub(super) fn as_told(&self, file: &str, part: Range<usize>) -> Option<Vec<u8>> {
        self.names.durable_file(file).and_then(|at| self.files[at].as_told(part))
    }

    pub(super) fn read_back(&self, file: &str, part: Range<usize>) -> Option<Vec<u8>> {
        Some(self.files[self.names.file(file).ok()?].on_disk(part))
    }

    pub(super) fn lose(&mut self, file: &str) {
        self.names.lose(file);
    }

    pub(super) fn durable(&self, file: &str) -> Option<&[u8]> {
        self.names.durable_file(file).map(|at| &self.files[at].disk[..])
    }

    pub(super) fn files(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.names.files()
    }

    pub(super) fn durable_files(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.names.durable_files()
    }

    fn create(&mut self, name: &str) -> io::Result<usize> {
        match self.names.file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let at = self.free_place();
                self.names.create(name, at);
                Ok(at)
            }
            known => known,
        }
    }

    fn free_place(&mut self) -> usize {
        let at = self.free.pop().unwrap_or(self.files.len());
        if at == self.files.len() {
            self.files.push(SharedFile::default());
        }
        at
    }
}

/// What of a file a read of so many bytes reaches.
fn part_of(content: &[u8], offset: u64, length: u64) -> Range<usize> {
    let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    clamp(offset)..clamp(offset.saturating_add(length))
}
