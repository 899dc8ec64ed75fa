//! What stands on a simulated disk, read as a node that starts reads it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::consensus::snapshot::Base;
use crate::storage::Identity;
use crate::storage::disk::DiskError;
use crate::storage::memory::SimDisk;
use crate::storage::record::{SEGMENT_HEADER, Segment};
use crate::storage::recovery::Source;
use crate::storage::snapshot;
use crate::storage::spares::{self, file_of, segment_of};

pub(super) fn segment_in(file: &str) -> Option<Segment> {
    segment_of(file.strip_prefix(spares::DIRECTORY)?.strip_prefix('/')?)
}

pub(super) fn segments(disk: &SimDisk) -> Vec<Segment> {
    let mut segments: Vec<_> = disk.durable_files().filter_map(segment_in).collect();
    segments.sort();
    segments
}

/// The end of the newest snapshot that is durable and whole; one that cannot be read is none, as for a node that starts.
pub(super) fn newest_snapshot(disk: &SimDisk, identity: &Identity) -> Base {
    let snapshots = disk
        .durable_files()
        .rev()
        .filter(|file| file.strip_prefix(snapshot::DIRECTORY).is_some_and(|name| name.ends_with(".snap")));
    let whole = |file: &str| {
        if !disk.is_readable(file) {
            return None;
        }
        let (id, meta) = snapshot::whole(&identity.cluster, disk.durable(file)?)?;
        (snapshot::file_of(id.last) == file).then_some(meta.base)
    };
    { snapshots }.find_map(whole).unwrap_or_default()
}

/// What the disk has, or says.
pub(super) struct Files<'a> {
    disk: &'a SimDisk,
    believes: bool,
    /// Most are looked at again and again.
    kept: BTreeMap<Segment, Bytes>,
}

impl<'a> Files<'a> {
    pub(super) fn new(disk: &'a SimDisk, believes: bool) -> Files<'a> {
        Files { disk, believes, kept: BTreeMap::new() }
    }
}

impl Source for Files<'_> {
    fn read(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        let (disk, file) = (self.disk, file_of(segment));
        let whole = || match self.believes && disk.lies() {
            true => disk.as_told(&file).map(Bytes::from).unwrap_or_default(),
            false => disk.durable(&file).map(Bytes::copy_from_slice).unwrap_or_default(),
        };
        Ok(self.kept.entry(segment).or_insert_with(whole).clone())
    }

    fn head(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        if self.believes && self.disk.lies() {
            let whole = self.read(segment)?;
            return Ok(whole.slice(..whole.len().min(SEGMENT_HEADER)));
        }
        let whole = self.disk.durable(&file_of(segment)).unwrap_or_default();
        Ok(Bytes::copy_from_slice(&whole[..whole.len().min(SEGMENT_HEADER)]))
    }

    fn unreadable(&self, _: Segment, _: u64, _: u64) -> Option<DiskError> {
        None
    }
}
