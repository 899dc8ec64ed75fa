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
    /// Sectors that the disk holds for written and has not, as long as the cache hides it.
    pub(super) lies: BTreeSet<usize>,
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
        let written = sectors(offset, data.len());
        self.bad.retain(|sector| !written.contains(sector));
        self.dirty.extend(written);
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
            let cached = start.max(part.start)..end.min(part.end).min(self.cache.len());
            content[cached.start - part.start..cached.end - part.start].copy_from_slice(&self.cache[cached]);
        }
        content
    }

    /// What the disk says that it has of this part: where it lies, that is what the cache holds.
    pub(super) fn as_told(&self, part: Range<usize>) -> Option<Vec<u8>> {
        let mut told = self.disk.get(part.clone()).map(<[u8]>::to_vec);
        if told.is_none() && !self.lies.is_empty() && part.end <= self.cache.len() {
            let there = self.disk.get(part.start..).unwrap_or_default();
            let zeros = vec![0; part.len() - there.len()];
            told = Some([there, &zeros].concat());
        }
        let told = told.as_mut()?;
        for sector in self.lies.range(part.start / SECTOR..part.end.div_ceil(SECTOR)) {
            let lie = (sector * SECTOR).max(part.start)..((sector + 1) * SECTOR).min(part.end);
            let hidden = self.cache.get(lie.clone()).unwrap_or_default();
            told[lie.start - part.start..][..hidden.len()].copy_from_slice(hidden);
        }
        Some(std::mem::take(told))
    }

    /// Behind the back of the cache, which goes on hiding it.
    pub(super) fn overwrite(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        self.disk.resize(self.disk.len().max(end), 0);
        self.disk[offset..end].copy_from_slice(data);
        self.lies.extend(sectors(offset, data.len()));
    }

    /// Brings the first bytes of a sector to the disk.
    pub(super) fn persist(&mut self, sector: usize, bytes: usize) {
        let start = sector * SECTOR;
        let end = (start + bytes).min(self.cache.len());
        if self.disk.len() < end {
            self.disk.resize(end, 0);
        }
        self.disk[start..end].copy_from_slice(&self.cache[start..end]);
        self.lies.remove(&sector);
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.persist(sector, SECTOR);
        }
        self.disk.resize(self.cache.len(), 0);
    }

    /// Only these bytes: what else is dirty in their sectors stays so.
    pub(super) fn sync_part(&mut self, part: Range<usize>) {
        let touched: Vec<usize> = self.dirty.range(sectors(part.start, part.len())).copied().collect();
        if self.disk.len() < part.end {
            self.disk.resize(part.end, 0);
        }
        for sector in touched {
            let whole = sector * SECTOR..((sector + 1) * SECTOR).min(self.cache.len());
            let own = whole.start.max(part.start)..whole.end.min(part.end);
            self.disk[own.clone()].copy_from_slice(&self.cache[own]);
            // A sector that the disk lied about is written as the cache has it.
            if self.lies.contains(&sector) || self.disk.get(whole.clone()) == self.cache.get(whole) {
                self.persist(sector, SECTOR);
                self.dirty.remove(&sector);
            }
        }
    }

    pub(super) fn fail(&mut self, failure: SyncFailure) {
        self.dirty.clear();
        if failure == SyncFailure::CacheGoesBack {
            self.cache = self.disk.clone();
            self.lies.clear();
        }
    }
}

/// The sectors that hold so many bytes from there.
pub(super) fn sectors(offset: usize, length: usize) -> Range<usize> {
    if length == 0 { 0..0 } else { offset / SECTOR..(offset + length).div_ceil(SECTOR) }
}
