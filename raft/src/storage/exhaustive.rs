//! Not at random: every crash point of a run with every subset of what was not durable, a failure of every
//! sync; every flipped bit and every truncation of a log. A share of it in an ordinary test run, all with `STORAGE_FULL=1` (`cargo xtask test storage --full`).

use bytes::Bytes;

use super::memory::{Fate, Fault, MemoryDisk, Queue, SECTOR, SyncFailure};
use super::snapshot::Event;
use super::snapshot::body;
use super::testing::{SEGMENT, after, cluster, entry, linked, persist, vote};
use super::{Identity, OpenError, Recovered, Storage, StorageError};
use crate::consensus::entry::{Chain, Entry};
use crate::consensus::io::Persist;
use crate::consensus::snapshot::{Base, SnapshotId, SnapshotMeta};
use crate::consensus::types::{Incarnation, LogIndex, Membership, NodeId};

/// Writes of the run whose crashes and failures are tried.
const WRITES: u64 = 200;
/// Writes between two snapshots, each of which lets segments be used again.
const SNAPSHOT: u64 = 25;
/// Crashes at each point of a run that tear every sector that is not durable.
const TORN: usize = 16;
/// Small, so that a run sees many.
const SEGMENT_BYTES: u64 = 4096;
/// At once, at most: twice what a run comes to.
const SEGMENTS: u64 = 10;

fn is_full() -> bool {
    std::env::var_os("STORAGE_FULL").is_some()
}

/// Every `n`th of many, unless all are wanted.
fn one_in(n: usize) -> usize {
    if is_full() { 1 } else { n }
}

fn open(disk: &MemoryDisk) -> Result<(Storage<MemoryDisk>, Identity, Recovered), OpenError> {
    Storage::open_with(disk.clone(), &cluster(), NodeId(1), Incarnation(7), SEGMENT_BYTES)
}

/// A vote now and then, an entry or three, sometimes in place of others that are behind `fixed`.
fn next_write(id: u64, held: &Recovered, fixed: LogIndex, rng: &mut fastrand::Rng) -> Persist {
    let term = held.hard_state.current_term.0;
    let hard_state = (term == 0 || rng.u8(..5) == 0).then(|| vote(term + 1, rng.u64(1..4)));
    let term = hard_state.map_or(term, |state| state.current_term.0);
    let last = held.base.id.index.0 + held.entries.len() as u64;
    let back = if rng.u8(..8) == 0 { rng.u64(..=(last - fixed.0).min(4)) } else { 0 };
    let entries = (0..rng.u64(..4)).map(|at| {
        let data: Vec<u8> = (0..rng.usize(..160)).map(|_| rng.u8(..)).collect();
        entry(last + 1 - back + at, term, &data)
    });
    linked(held, persist(id, hard_state, entries.collect()))
}

/// How far a run has come.
struct Progress {
    /// After each write, as if there were no snapshots.
    states: Vec<Recovered>,
    /// Writes that were reported durable.
    reported: usize,
    /// Snapshots that were begun.
    snapshots: Vec<(SnapshotId, SnapshotMeta)>,
    /// How many of them were reported stored.
    stored: usize,
}

impl Progress {
    /// Behind which entries are not replaced: what a snapshot holds is committed.
    fn fixed(&self) -> LogIndex {
        self.snapshots.last().map(|(id, _)| id.last.index).unwrap_or_default()
    }

    fn pump(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        if let Some(id) = storage.pump()? {
            self.reported = usize::try_from(id.0).unwrap();
        }
        while let Some(event) = storage.next_event() {
            let Event::Stored { id, .. } = event else { panic!("{event:?}") };
            self.stored += 1;
            storage.prune_snapshots(&[]);
            storage.compact(id.last.index);
        }
        Ok(())
    }

    /// Begins a snapshot of what is durable and replaced by nothing that waits, unless one is under way, or there is
    /// nothing new.
    fn begin_snapshot(&mut self, storage: &mut Storage<MemoryDisk>) {
        let kept =
            |entry: &&Entry| self.states[self.reported..].iter().all(|state| state.entries.contains(entry));
        let durable = self.states[self.reported].entries.iter().take_while(kept);
        let durable: Vec<_> = durable.collect();
        let Some(last) = durable.last().filter(|last| last.id.index > self.fixed()) else { return };
        if self.stored < self.snapshots.len() {
            return;
        }
        let base = Base {
            id: last.id,
            chain: durable.iter().fold(Chain::default(), |chain, entry| chain.then(entry)),
        };
        let meta = SnapshotMeta { base, membership: Membership::default() };
        storage.begin_snapshot();
        let state = Bytes::from_static(&[9; 200]);
        let feed = |block| {
            storage.feed_snapshot(block);
            Ok(())
        };
        let id = body::write(&cluster(), meta.clone(), b"", &state, feed).unwrap();
        storage.end_snapshot(Ok((id, meta.clone())));
        self.snapshots.push((id, meta));
    }

    /// Whether nothing reported is missing, and nothing is there that was never written.
    fn allows(&self, found: &Recovered) -> bool {
        let newest = match &found.snapshot {
            Some(snapshot) => self.snapshots.iter().position(|begun| begun == snapshot).map(|at| at + 1),
            None => Some(0),
        };
        let base = found.snapshot.as_ref().map(|(_, meta)| meta.base).unwrap_or_default();
        let seen = |state: &Recovered| {
            let behind = state.entries.iter().filter(|entry| entry.id.index > base.id.index);
            let entries = behind.cloned().collect();
            Recovered {
                hard_state: state.hard_state,
                base,
                entries,
                snapshot: found.snapshot.clone(),
                ..Recovered::default()
            }
        };
        newest.is_some_and(|newest| newest >= self.stored)
            && self.states[self.reported..].iter().any(|state| seen(state) == *found)
    }
}

/// Runs the script; `look` is called wherever something may have changed. How far it came, and whether the disk
/// failed.
fn run(disk: &MemoryDisk, writes: u64, mut look: impl FnMut(&Progress)) -> (Progress, bool) {
    let mut rng = fastrand::Rng::with_seed(5);
    let states = vec![Recovered::default()];
    let mut run = Progress { states, reported: 0, snapshots: Vec::new(), stored: 0 };
    let Ok((mut storage, ..)) = open(disk) else { return (run, true) };
    for id in 1..=writes {
        let held = &run.states[run.states.len() - 1];
        let write = next_write(id, held, run.fixed(), &mut rng);
        run.states.push(after(held, &write));
        storage.append(&write);
        if id % SNAPSHOT == 0 {
            run.begin_snapshot(&mut storage);
        }
        for _ in 0..rng.u8(1..4) {
            if run.pump(&mut storage).is_err() {
                return (run, true);
            }
            assert!(storage.stats().segments <= SEGMENTS, "old segments are used again");
            if rng.u8(..4) == 0 {
                storage.mark_durable();
            }
            look(&run);
            let queue = if rng.bool() { Queue::Aside } else { Queue::Log };
            disk.run_next(queue);
            look(&run);
        }
    }
    let failed = storage.flush().is_err();
    (run, failed)
}

/// Opens what a crash left: what was found once is found again, and so is what is written behind it.
fn recovers(disk: &MemoryDisk, run: &Progress, what: &dyn Fn() -> String) -> Storage<MemoryDisk> {
    let opened = || open(disk).unwrap_or_else(|error| panic!("{}: {error}", what()));
    let (storage, _, found) = opened();
    let (reported, stored) = (run.reported, run.stored);
    assert!(
        run.allows(&found),
        "{}: {reported} writes and {stored} snapshots were reported, found {found:?}",
        what()
    );
    drop(storage);
    disk.crash(|_| false, 0);
    let (mut storage, _, again) = opened();
    assert_eq!(again, found, "{}: not durable", what());
    let mut rng = fastrand::Rng::with_seed(reported as u64);
    let next = next_write(1, &found, found.base.id.index, &mut rng);
    storage.append(&next);
    storage.flush().unwrap();
    disk.crash(|_| false, 0);
    let (storage, _, last) = opened();
    assert_eq!(last, after(&found, &next), "{}: a later write is not durable", what());
    storage
}

/// After nothing worse than a crash nothing is rotten.
fn is_healthy(mut storage: Storage<MemoryDisk>, what: &dyn Fn() -> String) {
    for _ in 0..storage.stats().segments {
        storage.scrub();
        assert!(storage.flush().is_ok());
    }
    assert_eq!(storage.rotten(), None, "{}", what());
}

#[test]
fn every_crash_point_with_every_subset_of_what_is_not_durable() {
    let (mut points, mut cases, mut sampled, mut torn, mut ended) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    let step = one_in(53);
    let disk = MemoryDisk::new();
    disk.prepare();
    disk.hold();
    let mut rng = fastrand::Rng::with_seed(9);
    let watched = disk.clone();
    let (ran, failed) = run(&disk, WRITES, |run| {
        points += 1;
        let pending = watched.copy().unsynced();
        let all = if pending <= 12 { 1_u64 << pending } else { 1024 };
        sampled += usize::from(pending > 12);
        for subset in (0..all).filter(|subset| (points + usize::try_from(*subset).unwrap()) % step == 0) {
            let mask = if pending <= 12 { subset } else { rng.u64(..) };
            let names = if mask.count_ones() % 2 == 0 { 0 } else { usize::MAX };
            let crashed = watched.copy();
            crashed.crash(|sector| mask >> (sector % 64) & 1 == 1, names);
            cases += 1;
            let what = || format!("point {points}, subset {mask:#x} of {pending}");
            is_healthy(recovers(&crashed, run, &what), &what);
        }
        if points % one_in(5) == 0 {
            // The process alone ends; the power fails later.
            let left = watched.copy();
            left.end_process();
            ended += 1;
            let what = || format!("point {points}, the process ended");
            is_healthy(recovers(&left, run, &what), &what);
        }
        for attempt in (0..TORN).filter(|attempt| pending > 0 && (points + attempt) % step == 0) {
            let seed = (points * TORN + attempt) as u64;
            let mut fates = fastrand::Rng::with_seed(seed);
            let crashed = watched.copy();
            crashed.crash(|_| Fate::Torn(fates.usize(..=SECTOR)), usize::MAX);
            torn += 1;
            let what = || format!("point {points}, torn with seed {seed}");
            is_healthy(recovers(&crashed, run, &what), &what);
        }
    });
    assert!(!failed && torn > 0 && ended > 0);
    assert!(ran.stored > 2, "{} snapshots", ran.stored);
    assert_eq!(disk.content(SEGMENT), None, "no segment was used again");
    println!(
        "crash points: {points}, {sampled} of them sampled; recoveries: {cases}, and {torn} with torn sectors, {ended} of a process that ended"
    );
}

#[test]
fn a_failure_of_every_sync_loses_nothing_reported() {
    let healthy = MemoryDisk::new();
    healthy.prepare();
    assert!(!run(&healthy, WRITES, |_| {}).1);
    let (mut cases, mut failures) = (0, 0);
    for sync in (0..healthy.syncs()).step_by(one_in(7)) {
        for failure in [SyncFailure::CacheKeepsNew, SyncFailure::CacheGoesBack] {
            let disk = MemoryDisk::new();
            disk.prepare();
            disk.fault(Fault::Sync(sync, failure));
            // A failed sync that nothing waited for may not be noticed before the end.
            let (ran, failed) = run(&disk, WRITES, |_| {});
            if !failed {
                continue;
            }
            failures += 1;
            for power_cut in [false, true] {
                let next = disk.copy();
                if power_cut {
                    next.crash(|_| false, 0);
                } else {
                    next.end_process();
                }
                cases += 1;
                recovers(&next, &ran, &|| format!("sync {sync} {failure:?} cut {power_cut}"));
            }
        }
    }
    assert!(failures > 0);
    println!("syncs that failed: {failures}; recoveries: {cases}");
}

mod damage;
