//! Opening a log: whose it is, what it holds, and making its tail durable before anybody relies on
//! it. Nothing is touched before everything was checked.

use std::io;

use super::disk::{Disk, DiskError, Op, Outcome, run};
use super::error::OpenError;
use super::record::{Place, SEGMENT_FORMAT, Segment, format_of};
use super::recovery::{Damage, Scan, Source, is_blank, scan};
use super::salvage::Files;
use super::spares::{DIRECTORY, Spares, file_of, segment_of};
use super::wal::{Start, Wal};
use super::{Identity, snapshot};
use crate::consensus::entry::Entry;
use crate::consensus::io::{Persist, PersistId};
use crate::consensus::log::Log;
use crate::consensus::snapshot::{Base, Repair};
use crate::consensus::types::{HardState, LogIndex, Membership, NodeId};
use crate::marks::mark;
use crate::seeded_bug;

/// What a log held.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) hard_state: HardState,
    pub(super) entries: Vec<Entry>,
    pub(super) view: Option<Membership>,
    /// From a segment's head, for a node whose log lost it.
    pub(super) membership: Option<Membership>,
    pub(super) repair: Option<Repair>,
    pub(super) damage: Vec<Damage>,
}

/// Whether there is a log, or something that might be one.
pub(super) fn exists<D: Disk>(disk: &mut D) -> Result<bool, DiskError> {
    Ok(!names(disk)?.is_empty())
}

/// The first segment of a log.
const FIRST: Segment = Segment(1);

/// Makes a new log.
pub(super) fn create<D: Disk>(disk: &mut D, identity: &Identity, bytes: u64) -> Result<Wal, OpenError> {
    let failed = failure(disk);
    run(disk, Op::CreateDir { dir: DIRECTORY.to_owned() }).map_err(&failed)?;
    let start = Start {
        identity: identity.clone(),
        spares: Spares::new(disk, bytes, FIRST),
        sealed: Vec::new(),
        ended: Place::default(),
        synced: Place::default(),
        standing: Default::default(),
        membership: None,
        view: None,
    };
    let mut wal = Wal::new(start);
    // From the first batch on, a directory without an intact one is damaged.
    settle(disk, &mut wal, &empty())?;
    Ok(wal)
}

/// Opens the log of a node whose newest snapshot ends at `base`.
pub(super) fn recover<D: Disk>(
    disk: &mut D,
    identity: &Identity,
    base: Base,
    bytes: u64,
) -> Result<(Wal, Held), OpenError> {
    let failed = failure(disk);
    let segments = segments(disk)?;
    let mut files = Files::new(disk);
    check_formats(&segments, &mut files, identity)?;
    let found = scan(&segments, &mut files, identity, base).map_err(&failed)?;
    let directory = files.disk.location();
    let Some(scan) = found else { return Err(OpenError::NoHardState { directory }) };
    let live = scan.segments.last().map_or(FIRST, |sealed| sealed.segment);
    let highest = segments.last().copied().unwrap_or(FIRST);
    if (live.0 + 1..highest.0).any(|missing| !segments.contains(&Segment(missing))) {
        return Err(OpenError::NoHardState { directory });
    }
    if let (true, None, Some(damage)) = (scan.view_lost && scan.is_blank(), &scan.view, scan.damage.first()) {
        let Damage { place, index, what } = *damage;
        let (file, offset) = (file_of(place.segment), place.offset);
        return Err(OpenError::Damaged { directory, file, offset, index, what });
    }
    let newest = files.read(highest).map_err(&failed)?;
    let whole = files.unreadable(highest, 0, u64::MAX).is_none();
    let blank = highest > live && is_blank(&newest, highest, identity);
    let mut spares = Spares::new(disk, bytes, if blank { highest } else { highest.next() });
    if blank {
        mark!("spare-segment-adopted");
        spares.adopt(if whole { newest.len() as u64 } else { 0 });
    }
    sync_names(disk).map_err(failed)?;
    begin_life(disk, identity, scan, spares)
}

/// The life before may have ended between the change of a name and its sync. Now what stands under it is relied on: a
/// segment made ahead takes what is acknowledged, a snapshot stands for what is compacted away.
fn sync_names<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    if !seeded_bug!("spare-adopted-unsynced") {
        run(disk, Op::SyncDir { dir: DIRECTORY.to_owned() })?;
    }
    if !seeded_bug!("snapshot-adopted-unsynced") {
        run(disk, Op::SyncDir { dir: snapshot::DIRECTORY.to_owned() })?;
    }
    Ok(())
}

impl Scan {
    /// Whether the node never was part of a cluster.
    fn is_blank(&self) -> bool {
        self.standing.last == Base::default() && self.standing.repair.is_none() && !self.lost
    }
}

/// Rewrites what is not known to be durable into a new segment. What was read may have come from a
/// cache whose sync once failed.
fn begin_life<D: Disk>(
    disk: &mut D,
    identity: &Identity,
    scan: Scan,
    spares: Spares,
) -> Result<(Wal, Held), OpenError> {
    let Scan {
        mut standing, log, view, membership, end: ended, synced, tail, segments, damage, lost, ..
    } = scan;
    let (base, last) = (log.base(), log.last());
    if lost {
        standing.repair = Some(standing.lost(base.id));
    }
    let behind = behind_snapshot(standing.hard_state, base, identity.node);
    standing.hard_state = behind.unwrap_or(standing.hard_state);
    mark!("term-behind-snapshot" if behind.is_some());
    mark!("log-behind-snapshot" if standing.last.id.index < base.id.index);
    mark!("damage-made-good-by-log" if !damage.is_empty() && !lost);
    mark!("damage-lost-entries" if lost);
    let end = Base { id: last, chain: log.chain_at(last.index).unwrap_or_default() };
    let kept = kept(&log, tail).unwrap_or(end);
    let rewrite = tail.is_some() || lost || behind.is_some();
    let bound = view.clone().filter(|_| standing.repair.is_some());
    let known = log.membership().or(membership).or(bound);
    standing.last = end;
    let start = Start {
        identity: identity.clone(),
        spares,
        sealed: segments,
        ended,
        synced,
        standing,
        membership: known.clone(),
        view: view.clone(),
    };
    let mut wal = Wal::new(start);
    if rewrite && !seeded_bug!("tail-not-rewritten") {
        mark!("unsynced-tail-rewritten" if tail.is_some());
        let tail = Persist {
            prev_chain: kept.chain,
            entries: log.from(kept.id.index.next()).cloned().collect(),
            ..empty()
        };
        settle(disk, &mut wal, &tail)?;
    }
    let hard_state = standing.hard_state;
    let entries = log.into_entries();
    Ok((wal, Held { hard_state, entries, view, membership: known, repair: standing.repair, damage }))
}

/// Term and vote where a snapshot is durable and the term of its last entry is not. Where entries are lost with their
/// headers, a vote of that term may be too; nobody needs another one, since the term has had its leader.
fn behind_snapshot(known: HardState, base: Base, own: NodeId) -> Option<HardState> {
    let behind = base.id.term > known.current_term;
    behind.then_some(HardState { current_term: base.id.term, voted_for: Some(own) })
}

/// Behind which entries are written again.
fn kept(log: &Log, tail: Option<LogIndex>) -> Option<Base> {
    let index = tail?.max(log.base().id.index);
    Some(Base { id: log.id_at(index)?, chain: log.chain_at(index)? })
}

/// Writes and waits until it is durable, names included.
fn settle<D: Disk>(disk: &mut D, wal: &mut Wal, persist: &Persist) -> Result<(), OpenError> {
    let directory = disk.location();
    let failed = |error| OpenError::Storage { directory: directory.clone(), error };
    wal.append(persist);
    while wal.pump(disk).map_err(failed)?.is_none() {
        if wal.is_full() {
            return Err(OpenError::NoRoom { directory });
        }
        let completion = disk.wait().ok_or_else(|| failed(never_answered().into()))?;
        wal.complete(disk, completion).map_err(failed)?;
    }
    wal.forget_stats();
    for dir in [DIRECTORY, ""] {
        run(disk, Op::SyncDir { dir: dir.to_owned() }).map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn empty() -> Persist {
    Persist {
        id: PersistId(0),
        hard_state: None,
        base: None,
        repaired: false,
        prev_chain: Default::default(),
        entries: Vec::new(),
    }
}

/// The segments, in order.
pub(super) fn segments<D: Disk>(disk: &mut D) -> Result<Vec<Segment>, OpenError> {
    let failed = failure(disk);
    let mut segments = Vec::new();
    for name in names(disk).map_err(failed)? {
        let Some(segment) = segment_of(&name) else {
            let (directory, file) = (disk.location(), format!("{DIRECTORY}/{name}"));
            let what = "this version of the software keeps no such segment";
            return Err(OpenError::Damaged { directory, file, offset: 0, index: LogIndex(0), what });
        };
        segments.push(segment);
    }
    segments.sort();
    Ok(segments)
}

/// A newer format is told from damage: it has not one batch that is intact in this one.
fn check_formats<D: Disk>(
    segments: &[Segment],
    files: &mut Files<'_, D>,
    identity: &Identity,
) -> Result<(), OpenError> {
    let failed = failure(files.disk);
    for segment in segments {
        let head = files.head(*segment).map_err(&failed)?;
        let Some(found) = format_of(&head).filter(|format| *format > SEGMENT_FORMAT) else { continue };
        if is_blank(&files.read(*segment).map_err(&failed)?, *segment, identity) {
            let directory = files.disk.location();
            return Err(OpenError::NewerFormat { directory, found, known: SEGMENT_FORMAT });
        }
    }
    Ok(())
}

fn names<D: Disk>(disk: &mut D) -> Result<Vec<String>, DiskError> {
    match run(disk, Op::List { dir: DIRECTORY.to_owned() }) {
        Ok(Outcome::Names(names)) => Ok(names.into_iter().filter(|name| name.ends_with(".log")).collect()),
        Ok(Outcome::Done | Outcome::Data(_)) => Ok(Vec::new()),
        Err(error) if error.kind == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn failure<D: Disk>(disk: &D) -> impl Fn(DiskError) -> OpenError + use<D> {
    let directory = disk.location();
    move |error| OpenError::Storage { directory: directory.clone(), error: error.into() }
}

fn never_answered() -> DiskError {
    let error = io::Error::new(io::ErrorKind::BrokenPipe, "the disk never answered");
    Op::Sync { file: DIRECTORY.to_owned() }.failed(&error)
}

#[cfg(test)]
mod tests;
