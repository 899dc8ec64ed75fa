//! One file, as the cache has it and as the disk has it.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use super::fault::SyncFailure;

/// Bytes that a disk writes as one.
pub const SECTOR: usize = 512;

#[derive(Clone, Default, Hash)]
pub(super) struct File {
    pub(super) cache: Vec<u8>,
    pub(super) disk: Vec<u8>,
    /// Sectors whose cache is not on the disk.
    pub(super) dirty: BTreeSet<usize>,
    /// Sectors that cannot be read.
    pub(super) bad: BTreeSet<usize>,
}

/// A file that clones of a disk share until one of them changes it: they are many where all states are visited.
#[derive(Clone, Default, Hash)]
pub(super) struct SharedFile(Arc<File>);

impl From<File> for SharedFile {
    fn from(file: File) -> SharedFile {
        SharedFile(Arc::new(file))
    }
}

impl Deref for SharedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for SharedFile {
    fn deref_mut(&mut self) -> &mut File {
        Arc::make_mut(&mut self.0)
    }
}

impl File {
    pub(super) fn extend(&mut self, end: usize) {
        if end > self.cache.len() {
            self.cache.resize(end, 0);
        }
    }

    pub(super) fn put(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        self.extend(end);
        self.cache[offset..end].copy_from_slice(data);
        if !data.is_empty() {
            let written = offset / SECTOR..=(end - 1) / SECTOR;
            self.bad.retain(|sector| !written.contains(sector));
            self.dirty.extend(written);
        }
    }

    /// Whether all of this part that is there can be read.
    pub(super) fn is_readable(&self, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length).min(self.cache.len() as u64);
        let touched = |sector: &usize| {
            let start = (sector * SECTOR) as u64;
            start < end && offset < start + SECTOR as u64
        };
        offset >= end || !self.bad.iter().any(touched)
    }

    /// A part of what is read where the cache holds only what is still to be written.
    pub(super) fn on_disk(&self, part: Range<usize>) -> Vec<u8> {
        let mut content = vec![0; part.len()];
        let there = &self.disk[part.start.min(self.disk.len())..part.end.min(self.disk.len())];
        content[..there.len()].copy_from_slice(there);
        for sector in self.dirty.range(part.start / SECTOR..part.end.div_ceil(SECTOR)) {
            let (start, end) = (sector * SECTOR, (sector + 1) * SECTOR);
            let cached = start.max(part.start)..end.min(part.end);
            content[cached.start - part.start..cached.end - part.start].copy_from_slice(&self.cache[cached]);
        }
        content
    }

    /// Behind the back of the cache.
    pub(super) fn overwrite(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        self.disk.resize(self.disk.len().max(end), 0);
        self.disk[offset..end].copy_from_slice(data);
    }

    /// Brings the first bytes of a sector to the disk.
    pub(super) fn persist(&mut self, sector: usize, bytes: usize) {
        let start = sector * SECTOR;
        let end = (start + bytes).min(self.cache.len());
        if self.disk.len() < end {
            self.disk.resize(end, 0);
        }
        self.disk[start..end].copy_from_slice(&self.cache[start..end]);
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.persist(sector, SECTOR);
        }
        self.disk.resize(self.cache.len(), 0);
    }

    pub(super) fn fail(&mut self, failure: SyncFailure) {
        self.dirty.clear();
        if failure == SyncFailure::CacheGoesBack {
            self.cache = self.disk.clone();
        }
    }
}
