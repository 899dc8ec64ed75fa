//! Not at random: every crash point of a run with every subset of what was not durable, a failure of every
//! sync; every flipped bit and every truncation of a log. A share of it in an ordinary test run, all with `STORAGE_FULL=1` (`cargo xtask test storage --full`).

use super::memory::{Fate, Fault, MemoryDisk, Queue, SECTOR, SyncFailure};
use super::testing::{after, cluster, entry, linked, persist, vote};
use super::{Identity, OpenError, Recovered, Storage, StorageError};
use crate::consensus::io::Persist;
use crate::consensus::types::{Incarnation, NodeId};

/// Writes of the run whose crashes and failures are tried.
const WRITES: u64 = 200;
/// Crashes at each point of a run that tear every sector that is not durable.
const TORN: usize = 16;
/// Small, so that a run sees many.
const SEGMENT_BYTES: u64 = 4096;

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

/// A vote now and then, an entry or three, sometimes in place of others.
fn next_write(id: u64, held: &Recovered, rng: &mut fastrand::Rng) -> Persist {
    let term = held.hard_state.current_term.0;
    let hard_state = (term == 0 || rng.u8(..5) == 0).then(|| vote(term + 1, rng.u64(1..4)));
    let term = hard_state.map_or(term, |state| state.current_term.0);
    let last = held.entries.len() as u64;
    let back = if rng.u8(..8) == 0 { rng.u64(..=last.min(4)) } else { 0 };
    let entries = (0..rng.u64(..4)).map(|at| {
        let data: Vec<u8> = (0..rng.usize(..160)).map(|_| rng.u8(..)).collect();
        entry(last + 1 - back + at, term, &data)
    });
    linked(held, persist(id, hard_state, entries.collect()))
}

/// Runs the script; `look` is called wherever something may have changed, with what was reported durable
/// and every state so far.
fn run(
    disk: &MemoryDisk,
    writes: u64,
    mut look: impl FnMut(usize, &[Recovered]),
) -> Result<Vec<Recovered>, (usize, Vec<Recovered>)> {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut states = vec![Recovered::default()];
    let mut reported = 0;
    let Ok((mut storage, ..)) = open(disk) else { return Err((0, states)) };
    for id in 1..=writes {
        let held = &states[states.len() - 1];
        let write = next_write(id, held, &mut rng);
        states.push(after(held, &write));
        storage.append(&write);
        for _ in 0..rng.u8(1..4) {
            if pump(&mut storage, &mut reported).is_err() {
                return Err((reported, states));
            }
            look(reported, &states);
            let queue = if rng.bool() { Queue::Aside } else { Queue::Log };
            disk.run_next(queue);
            look(reported, &states);
        }
    }
    match storage.flush() {
        Ok(_) => Ok(states),
        Err(_) => Err((reported, states)),
    }
}

fn pump(storage: &mut Storage<MemoryDisk>, reported: &mut usize) -> Result<(), StorageError> {
    if let Some(id) = storage.pump()? {
        *reported = usize::try_from(id.0).unwrap();
    }
    Ok(())
}

/// Opens what a crash left: nothing reported may be missing, nothing may be there that was never
/// written, and what was found once is found again.
fn recovers(
    disk: &MemoryDisk,
    reported: usize,
    states: &[Recovered],
    what: &dyn Fn() -> String,
) -> Storage<MemoryDisk> {
    let (storage, _, found) = open(disk).unwrap_or_else(|error| panic!("{}: {error}", what()));
    let legal = states[reported..].contains(&found);
    assert!(legal, "{}: {reported} writes were reported, found {found:?}", what());
    drop(storage);
    disk.crash(|_| false, 0);
    let (storage, _, again) = open(disk).unwrap_or_else(|error| panic!("{}: {error}", what()));
    assert_eq!(again, found, "{}: not durable", what());
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
    let (mut points, mut cases, mut sampled, mut torn) = (0_usize, 0_usize, 0_usize, 0_usize);
    let step = one_in(53);
    let disk = MemoryDisk::new();
    disk.prepare();
    disk.hold();
    let mut rng = fastrand::Rng::with_seed(9);
    let watched = disk.clone();
    let result = run(&disk, WRITES, |reported, states| {
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
            is_healthy(recovers(&crashed, reported, states, &what), &what);
        }
        for attempt in (0..TORN).filter(|attempt| pending > 0 && (points + attempt) % step == 0) {
            let seed = (points * TORN + attempt) as u64;
            let mut fates = fastrand::Rng::with_seed(seed);
            let crashed = watched.copy();
            crashed.crash(|_| Fate::Torn(fates.usize(..=SECTOR)), usize::MAX);
            torn += 1;
            let what = || format!("point {points}, torn with seed {seed}");
            is_healthy(recovers(&crashed, reported, states, &what), &what);
        }
    });
    assert!(result.is_ok());
    assert!(torn > 0);
    println!(
        "crash points: {points}, {sampled} of them sampled; recoveries: {cases}, and {torn} with torn sectors"
    );
}

#[test]
fn a_failure_of_every_sync_loses_nothing_reported() {
    let healthy = MemoryDisk::new();
    healthy.prepare();
    run(&healthy, WRITES, |_, _| {}).unwrap();
    let (mut cases, mut failed) = (0, 0);
    for sync in (0..healthy.syncs()).step_by(one_in(7)) {
        for failure in [SyncFailure::CacheKeepsNew, SyncFailure::CacheGoesBack] {
            let disk = MemoryDisk::new();
            disk.prepare();
            disk.fault(Fault::Sync(sync, failure));
            // A failed sync that nothing waited for may not be noticed before the end.
            let Err((reported, states)) = run(&disk, WRITES, |_, _| {}) else { continue };
            failed += 1;
            for power_cut in [false, true] {
                let next = disk.copy();
                if power_cut {
                    next.crash(|_| false, 0);
                } else {
                    next.end_process();
                }
                cases += 1;
                recovers(&next, reported, &states, &|| format!("sync {sync} {failure:?} cut {power_cut}"));
            }
        }
    }
    assert!(failed > 0);
    println!("syncs that failed: {failed}; recoveries: {cases}");
}

mod damage;
