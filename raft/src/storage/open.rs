//! Opening a log: whose it is, what it holds, and making its tail durable before anybody relies on
//! it. Nothing is touched before everything was checked.

use std::io;

use bytes::Bytes;

use super::Identity;
use super::disk::{Disk, DiskError, Op, Outcome, read_all, run};
use super::error::OpenError;
use super::identity;
use super::record::{BadSegment, SEGMENT_FORMAT, SEGMENT_HEADER, Seed, check_segment_header, segment_header};
use super::recovery::{Damage, Scan, scan};
use crate::consensus::types::LogIndex;

const DIRECTORY: &str = "wal";
/// The one segment of this first version is named for its first index, as later ones will be.
const FIRST: LogIndex = LogIndex(1);

/// A log that is ready to be appended to.
pub(super) struct Opened {
    pub(super) identity: Identity,
    /// The file that the next batch goes to.
    pub(super) file: String,
    pub(super) seed: Seed,
    pub(super) scan: Scan,
    /// The file's length: zeros stand behind the end of the log.
    pub(super) length: u64,
}

/// Opens the log of `wanted`, or makes it.
pub(super) fn open<D: Disk>(disk: &mut D, wanted: Identity) -> Result<Opened, OpenError> {
    let directory = disk.location();
    let failed = |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
    identity::lock(disk)?;
    let segments = segments(disk).map_err(failed)?;
    let content = read_all(disk, &segment_file(FIRST)).map_err(failed)?;
    let identity = match identity::read(disk, &wanted.cluster, wanted.node)? {
        Some(identity) => identity,
        None if is_blank(&segments, content.as_ref()) => {
            create(disk, &wanted).map_err(failed)?;
            wanted
        }
        None => return Err(OpenError::MissingIdentity { directory }),
    };
    let (content, scan) = recover(disk, &identity, &segments)?;
    rewrite_tail(disk, &content, &scan).map_err(failed)?;
    let (seed, length) = (Seed::new(&identity, FIRST), content.len() as u64);
    Ok(Opened { identity, file: segment_file(FIRST), seed, scan, length })
}

fn segment_name(first: LogIndex) -> String {
    format!("{:020}.log", first.0)
}

fn segment_file(first: LogIndex) -> String {
    format!("{DIRECTORY}/{}", segment_name(first))
}

/// The names of the segments; none if there is no log.
fn segments<D: Disk>(disk: &mut D) -> Result<Vec<String>, DiskError> {
    match run(disk, Op::List { dir: DIRECTORY.to_owned() }) {
        Ok(Outcome::Names(names)) => Ok(names.into_iter().filter(|name| name.ends_with(".log")).collect()),
        Ok(Outcome::Done | Outcome::Data(_)) => Ok(Vec::new()),
        Err(error) if error.kind == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether nothing was ever appended. The identity is written last when a directory is made, so a
/// crash may have left a segment with just its header.
fn is_blank(segments: &[String], content: Option<&Bytes>) -> bool {
    let batches = content.and_then(|content| content.get(SEGMENT_HEADER..)).unwrap_or_default();
    segments.iter().all(|name| *name == segment_name(FIRST)) && batches.iter().all(|byte| *byte == 0)
}

fn create<D: Disk>(disk: &mut D, identity: &Identity) -> Result<(), DiskError> {
    run(disk, Op::CreateDir { dir: DIRECTORY.to_owned() })?;
    let data = Bytes::from(segment_header(identity, FIRST));
    run(disk, Op::WriteSync { file: segment_file(FIRST), offset: 0, data })?;
    sync_names(disk)?;
    identity::write(disk, identity)
}

fn sync_names<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    run(disk, Op::SyncDir { dir: DIRECTORY.to_owned() })?;
    run(disk, Op::SyncDir { dir: String::new() })?;
    Ok(())
}

/// The segment's content, and what it says.
fn recover<D: Disk>(
    disk: &mut D,
    identity: &Identity,
    segments: &[String],
) -> Result<(Bytes, Scan), OpenError> {
    let directory = disk.location();
    let damaged = |file: String, Damage { offset, index, what }: Damage| OpenError::Damaged {
        directory: directory.clone(),
        file,
        offset,
        index,
        what,
    };
    let at_start = |what| Damage { offset: 0, index: LogIndex(0), what };
    if let Some(stranger) = segments.iter().find(|name| **name != segment_name(FIRST)) {
        let file = format!("{DIRECTORY}/{stranger}");
        return Err(damaged(file, at_start("this version of the software keeps no such segment")));
    }
    let file = segment_file(FIRST);
    let content = read_all(disk, &file)
        .map_err(|error| OpenError::Storage { directory: directory.clone(), error: error.into() })?
        .ok_or_else(|| damaged(file.clone(), at_start("the file is missing")))?;
    check_segment_header(&content, identity, FIRST).map_err(|bad| match bad {
        BadSegment::Damaged(what) => damaged(file.clone(), at_start(what)),
        BadSegment::Newer(found) => {
            OpenError::NewerFormat { directory: directory.clone(), found, known: SEGMENT_FORMAT }
        }
    })?;
    let scan = scan(&content, Seed::new(identity, FIRST)).map_err(|damage| damaged(file.clone(), damage))?;
    let last = scan.recovered.entries.last().map(|entry| entry.id);
    match last.filter(|last| last.term > scan.recovered.hard_state.current_term) {
        Some(last) => Err(OpenError::NoHardState { directory, index: last.index }),
        None => Ok((content, scan)),
    }
}

/// Writes what is not known to be durable once more and syncs it, with zeros over all that is behind.
/// What was read may have come from a cache whose sync once failed; and what was cut off must not
/// fit again behind what will be appended.
fn rewrite_tail<D: Disk>(disk: &mut D, content: &Bytes, scan: &Scan) -> Result<(), DiskError> {
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    let (synced, end) = (place(scan.synced), place(scan.end));
    let mut tail = content[synced..end].to_vec();
    tail.resize(content.len() - synced, 0);
    run(disk, Op::WriteSync { file: segment_file(FIRST), offset: scan.synced, data: Bytes::from(tail) })?;
    sync_names(disk)
}

#[cfg(test)]
mod tests;
