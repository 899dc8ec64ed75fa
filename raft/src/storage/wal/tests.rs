//! Group commit, marks, the latch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::disk::{Completion, Op, OpId, Outcome};
use super::super::inspect::{Piece, pieces};
use super::super::record::BATCH_HEADER;
use super::super::testing::{ManualDisk, SEGMENT, after, commit, entry, linked, open, persist, vote};
use super::super::{MemoryDisk, OpenError, Recovered, Storage};
use super::*;
use crate::consensus::types::{Incarnation, NodeId};

fn manual() -> (ManualDisk, Storage<ManualDisk>) {
    let disk = ManualDisk::new(&MemoryDisk::new());
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.take_submitted();
    (disk, wal)
}

#[test]
fn what_was_reported_durable_survives_a_crash() {
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    commit(&mut wal, &persist(1, Some(vote(1, 2)), vec![entry(1, 1, b"a"), entry(2, 1, b"b")])).unwrap();
    memory.lose_power();
    drop(wal);
    let (_, _, recovered) = open(memory.clone()).unwrap();
    let entries = vec![entry(1, 1, b"a"), entry(2, 1, b"b")];
    assert_eq!(recovered, Recovered { hard_state: vote(1, 2), entries, ..Recovered::default() });
}

#[test]
fn what_queues_while_a_write_is_in_flight_goes_as_one_write_and_one_sync() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"a")]));
    assert_eq!(wal.pump(), Ok(None));
    let mut held = after(&Recovered::default(), &persist(1, None, vec![entry(1, 1, b"a")]));
    for id in 2..=4 {
        let next = linked(&held, persist(id, None, vec![entry(id, 1, b"b")]));
        held = after(&held, &next);
        wal.append(&next);
        assert_eq!(wal.pump(), Ok(None), "one write is in flight, and no second is started");
    }
    assert_eq!(disk.take_submitted().len(), 1);
    assert!(disk.run_one());
    assert_eq!(wal.pump(), Ok(Some(PersistId(1))));
    let submitted = disk.take_submitted();
    assert!(matches!(submitted.as_slice(), [Op::WriteSync { .. }]), "{submitted:?}");
    assert!(disk.run_one());
    assert_eq!(wal.pump(), Ok(Some(PersistId(4))));
    assert_eq!((wal.stats().batches, wal.stats().syncs), (2, 2));
}

/// An old segment, or an old snapshot, stays until the log is opened again.
#[test]
fn a_removal_for_which_there_is_no_room_ends_nothing() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"a")]));
    assert_eq!(wal.pump(), Ok(None));
    let full = Op::Lock.failed(&std::io::ErrorKind::StorageFull.into());
    disk.complete(Completion { id: OpId(1_000), result: Err(full) });
    assert_eq!(wal.pump(), Ok(None));
    assert!(disk.run_one());
    assert_eq!(wal.pump(), Ok(Some(PersistId(1))));
    let broken = Op::Lock.failed(&std::io::Error::other("broken"));
    disk.complete(Completion { id: OpId(1_001), result: Err(broken) });
    assert!(wal.pump().is_err(), "nothing else is passed over");
}

#[test]
fn nothing_is_reported_before_its_own_completion() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    assert_eq!(wal.pump(), Ok(None));
    disk.complete(Completion { id: OpId(1_000), result: Ok(Outcome::Done) });
    disk.complete(Completion { id: OpId(0), result: Ok(Outcome::Done) });
    assert_eq!(wal.pump(), Ok(None), "completions of something else, late or strange, mean nothing");
    assert!(disk.run_one());
    assert_eq!(wal.pump(), Ok(Some(PersistId(1))));
    assert_eq!(wal.pump(), Ok(None), "reported once");
}

#[test]
fn the_first_error_is_the_last_word() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    disk.fail_next();
    assert_eq!(wal.pump(), Ok(None));
    assert!(disk.run_one());
    let error = wal.pump().unwrap_err();
    disk.take_submitted();
    wal.append(&persist(2, Some(vote(2, 1)), Vec::new()));
    assert_eq!(wal.pump(), Err(error.clone()));
    assert_eq!(wal.flush(), Err(error));
    assert_eq!(disk.take_submitted(), Vec::new(), "a failed sync is never tried again");
}

#[test]
fn a_mark_is_written_where_asked_for_while_the_log_is_idle_and_once() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    wal.mark_durable();
    wal.pump().unwrap();
    wal.mark_durable();
    disk.run_one();
    assert_eq!(wal.pump(), Ok(Some(PersistId(1))));
    assert_eq!(disk.take_submitted().len(), 1, "it was not idle");
    wal.mark_durable();
    let submitted = disk.take_submitted();
    assert!(
        matches!(submitted.as_slice(), [Op::WriteSync { .. }]),
        "what follows stands on it: {submitted:?}"
    );
    disk.run_one();
    for _ in 0..3 {
        assert_eq!(wal.pump(), Ok(None));
        wal.mark_durable();
    }
    assert_eq!(disk.take_submitted(), Vec::new(), "one is enough");
    let stats = wal.stats();
    assert_eq!((stats.marks, stats.batches, stats.syncs), (1, 1, 1));
}

#[test]
fn flush_waits_for_all_that_is_queued_and_marks_it() {
    let (disk, mut wal) = manual();
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    wal.pump().unwrap();
    wal.append(&persist(2, Some(vote(2, 1)), Vec::new()));
    assert_eq!(wal.flush(), Ok(Some(PersistId(2))));
    assert_eq!(wal.flush(), Ok(None));
    assert!(!disk.run_one(), "nothing is left to do");
    assert_eq!(wal.stats().marks, 1);
}

#[test]
fn flush_fails_when_the_disk_never_answers() {
    let disk = ManualDisk::new(&MemoryDisk::new());
    let (mut wal, ..) = open(disk.clone()).unwrap();
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    wal.pump().unwrap();
    disk.crash(&mut fastrand::Rng::with_seed(0));
    let error = wal.flush().unwrap_err();
    assert_eq!(wal.pump(), Err(error));
}

#[test]
fn a_view_is_ordered_with_the_rest_and_recovered() {
    let memory = MemoryDisk::new();
    let view = Membership { voters: [(NodeId(1), Incarnation(7)), (NodeId(2), Incarnation(9))].into() };
    let (mut wal, ..) = open(memory.clone()).unwrap();
    wal.append_view(PersistId(1), &view);
    assert_eq!(wal.pump(), Ok(Some(PersistId(1))));
    memory.lose_power();
    let (_, _, recovered) = open(memory.clone()).unwrap();
    assert_eq!(recovered, Recovered { view: Some(view), ..Recovered::default() });
}

/// Whatever becomes of earlier segments; once there are entries, the view means nothing.
#[test]
fn each_segment_of_a_blank_node_begins_with_its_view_and_that_of_no_other() {
    for blank in [true, false] {
        let memory = MemoryDisk::new();
        let view = Membership { voters: [(NodeId(1), Incarnation(7)), (NodeId(2), Incarnation(9))].into() };
        let (mut wal, ..) = open(memory.clone()).unwrap();
        wal.append_view(PersistId(1), &view);
        wal.flush().unwrap();
        let entries = if blank { Vec::new() } else { vec![entry(1, 1, b"")] };
        commit(&mut wal, &persist(2, Some(vote(1, 1)), entries)).unwrap();
        for id in 3..=30 {
            commit(&mut wal, &persist(id, Some(vote(id, 1)), Vec::new())).unwrap();
        }
        assert!(wal.scrubbed().count() > 0);
        let mut heads = Vec::new();
        pieces(&mut memory.clone(), |piece| match piece {
            Piece::Batch { offset, length, .. } if offset == SEGMENT_HEADER as u64 => heads.push(length),
            Piece::Batch { .. } | Piece::Bad { .. } => {}
        })
        .unwrap();
        let with_view = heads[1..].iter().all(|length| *length > BATCH_HEADER as u64);
        let without = heads[1..].iter().all(|length| *length == BATCH_HEADER as u64);
        assert_eq!((with_view, without), (blank, !blank));
    }
}

#[test]
fn a_blank_node_never_forgets_to_whom_it_is_bound() {
    let memory = MemoryDisk::new();
    let view = Membership { voters: [(NodeId(1), Incarnation(7)), (NodeId(2), Incarnation(9))].into() };
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let before = memory.content(SEGMENT).unwrap().len();
    wal.append_view(PersistId(1), &view);
    wal.flush().unwrap();
    for at in before..memory.content(SEGMENT).unwrap().len() {
        let mut content = memory.content(SEGMENT).unwrap();
        content[at] ^= 4;
        let other = MemoryDisk::new();
        super::super::testing::copy(&memory, &other);
        other.overwrite(SEGMENT, content);
        match open(other) {
            Ok((_, _, recovered)) => assert_eq!(recovered.view, Some(view.clone()), "byte {at}"),
            Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "byte {at}: {error}"),
        }
    }
}

#[test]
fn later_entries_replace_all_from_their_index_on() {
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let first = (1..=5).map(|index| entry(index, 1, b"old")).collect();
    let first = persist(1, Some(vote(1, 1)), first);
    commit(&mut wal, &first).unwrap();
    let held = after(&Recovered::default(), &first);
    commit(&mut wal, &linked(&held, persist(2, Some(vote(2, 2)), vec![entry(3, 2, b"new")]))).unwrap();
    memory.lose_power();
    let (_, _, recovered) = open(memory.clone()).unwrap();
    assert_eq!(recovered.entries, [entry(1, 1, b"old"), entry(2, 1, b"old"), entry(3, 2, b"new")]);
}

#[test]
fn the_waker_is_called_for_a_completion() {
    let (mut wal, ..) = open(MemoryDisk::new()).unwrap();
    let woken = Arc::new(AtomicU64::new(0));
    let count = woken.clone();
    wal.set_waker(Box::new(move || _ = count.fetch_add(1, Ordering::Relaxed)));
    wal.append(&persist(1, Some(vote(1, 1)), Vec::new()));
    wal.pump().unwrap();
    assert!(woken.load(Ordering::Relaxed) > 0);
}

/// Every length of a run's life × several ways in which the unsynced bytes may end up.
#[test]
fn a_crash_at_every_point_keeps_what_was_reported() {
    for budget in 0..40 {
        for seed in 0..32 {
            crash_after(budget, seed);
        }
    }
}

fn crash_after(budget: u64, seed: u64) {
    let memory = MemoryDisk::new();
    let disk = ManualDisk::with_budget(&memory, budget);
    let mut states = vec![Recovered::default()];
    let mut reported = 0;
    if let Ok((mut wal, ..)) = open(disk.clone()) {
        for id in 1..=8 {
            // Every third write replaces the last entry.
            let index = id - id / 3;
            let before = &states[states.len() - 1];
            let persist = linked(before, persist(id, Some(vote(id, id)), vec![entry(index, id, &[7; 40])]));
            states.push(after(&states[states.len() - 1], &persist));
            wal.append(&persist);
            let mut take = || reported = wal.pump().unwrap().map_or(reported, |id| id.0);
            take();
            // Now and then two wait for one sync, or a mark is written.
            if id % 4 != 0 && disk.run_one() {
                take();
                if id % 2 == 0 {
                    wal.mark_durable();
                }
            }
        }
    }
    disk.crash(&mut fastrand::Rng::with_seed(seed));
    let (wal, _, recovered) = open(memory.clone()).unwrap();
    let reported = usize::try_from(reported).unwrap();
    let legal = states[reported..].contains(&recovered);
    assert!(legal, "budget {budget} seed {seed}: {reported} writes were reported, found {recovered:?}");
    drop(wal);
    memory.lose_power();
    assert_eq!(open(memory.clone()).unwrap().2, recovered, "what was found once is durable");
}

/// Random lives of random writes, truncations and votes, each ended by a crash, some while opening.
#[test]
fn random_lives_agree_with_a_plain_model() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let memory = MemoryDisk::new();
        let mut legal = vec![Recovered::default()];
        for life in 0..12 {
            legal = live_once(&memory, legal, &mut rng)
                .unwrap_or_else(|found| panic!("seed {seed} life {life}: recovered {found:?}"));
        }
    }
}

/// One life that must begin with one of `legal`; what may be found after it.
fn live_once(
    memory: &MemoryDisk,
    legal: Vec<Recovered>,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Recovered>, Box<Recovered>> {
    let budget = if rng.u8(..3) == 0 { rng.u64(..12) } else { 12 + rng.u64(..60) };
    let disk = ManualDisk::with_budget(memory, budget);
    let Ok((mut wal, _, recovered)) = open(disk.clone()) else {
        disk.crash(rng);
        return Ok(legal);
    };
    if !legal.contains(&recovered) {
        return Err(Box::new(recovered));
    }
    let mut states = vec![recovered];
    let mut reported = 0;
    for id in 1..=rng.u64(1..20) {
        let before = &states[states.len() - 1];
        let persist = linked(before, random_persist(id, before, rng));
        states.push(after(&states[states.len() - 1], &persist));
        wal.append(&persist);
        for _ in 0..rng.u8(..4) {
            reported = wal.pump().unwrap().map_or(reported, |id| id.0);
            if rng.u8(..3) == 0 {
                wal.mark_durable();
            }
            if rng.bool() {
                disk.run_one();
            }
        }
    }
    if rng.bool() && wal.flush().is_ok() {
        reported = states.len() as u64 - 1;
    }
    disk.crash(rng);
    Ok(states.split_off(usize::try_from(reported).unwrap()))
}

fn random_persist(id: u64, state: &Recovered, rng: &mut fastrand::Rng) -> Persist {
    let last = state.entries.last().map_or(0, |entry| entry.id.index.0);
    let term = state.hard_state.current_term.0;
    let hard_state = (term == 0 || rng.bool()).then(|| vote(term + 1, rng.u64(1..4)));
    let term = hard_state.map_or(term, |state| state.current_term.0);
    let first = last + 1 - rng.u64(..=last.min(4));
    let entries = (0..rng.u64(..4)).map(|at| {
        let data: Vec<u8> = (0..rng.usize(..100)).map(|_| rng.u8(..)).collect();
        entry(first + at, term, &data)
    });
    let entries = entries.collect();
    persist(id, hard_state, entries)
}

/// Term and vote stand in what was written last; a life that has written nothing yet needs the one before.
#[test]
fn compaction_never_takes_the_term_and_vote_with_it() {
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let mut held = Recovered::default();
    for id in 1..=30 {
        let next = linked(&held, persist(id, Some(vote(id, 1)), vec![entry(id, id, &[1; 150])]));
        held = after(&held, &next);
        commit(&mut wal, &next).unwrap();
    }
    wal.flush().unwrap();
    drop(wal);

    let (mut next_life, ..) = open(memory.clone()).unwrap();
    let before = next_life.stats().segments;
    next_life.compact(LogIndex(30));
    next_life.pump().unwrap();
    assert_eq!(next_life.stats().segments, before);
    let next = linked(&held, persist(1, Some(vote(31, 1)), Vec::new()));
    commit(&mut next_life, &next).unwrap();
    next_life.compact(LogIndex(20));
    next_life.pump().unwrap();
    let kept = next_life.stats().segments;
    assert!((2..before).contains(&kept), "{kept} of {before}");
}

#[test]
fn an_old_life_cannot_write_after_a_crash() {
    let memory = MemoryDisk::new();
    let (mut old, ..) = open(memory.clone()).unwrap();
    memory.lose_power();
    let (mut new, ..) = open(memory.clone()).unwrap();
    old.append(&persist(1, Some(vote(9, 9)), Vec::new()));
    assert!(old.pump().is_err());
    commit(&mut new, &persist(1, Some(vote(1, 1)), Vec::new())).unwrap();
    let before = memory.content(SEGMENT);
    assert!(old.flush().is_err());
    assert_eq!(memory.content(SEGMENT), before);
}

mod segments;
