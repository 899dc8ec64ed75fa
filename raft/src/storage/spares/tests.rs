//! Segments made ahead, where the process stops in between or the disk gets full.

use super::super::testing::{SEGMENT_BYTES, after, entry, linked, open, persist, vote};
use super::super::{MemoryDisk, Recovered, Storage, StorageError};
use super::*;
use crate::consensus::io::Persist;
use crate::storage::memory::{Fault, Queue, SyncFailure};

/// Two of them leave little of a segment: a mark.
const LARGE: usize = 650;

fn write(id: u64, held: &Recovered) -> Persist {
    linked(held, persist(id, Some(vote(id, 1)), vec![entry(id, id, &[5; LARGE])]))
}

/// Fills the first segment so far that the next one is made, of which nothing has run yet.
fn filled(disk: &MemoryDisk) -> (Storage<MemoryDisk>, Recovered) {
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let mut held = Recovered::default();
    disk.hold();
    for id in 1..=2 {
        let next = write(id, &held);
        held = after(&held, &next);
        storage.append(&next);
        storage.pump().unwrap();
        assert!(disk.run_next(Queue::Log));
        storage.pump().unwrap();
    }
    (storage, held)
}

/// The process stops between the making of a segment and the sync of its name; the next one finds it ready.
#[test]
fn a_spare_that_a_life_finds_has_a_durable_name_before_it_is_written_to() {
    let disk = MemoryDisk::new();
    disk.prepare();
    let (mut storage, held) = filled(&disk);
    let spare = file_of(Segment(2));
    while disk.content(&spare).is_none_or(|content| content.len() as u64 != SEGMENT_BYTES) {
        assert!(disk.run_next(Queue::Aside));
        storage.pump().unwrap();
    }
    storage.flush().unwrap();
    disk.end_process();
    disk.release();

    let (mut storage, _, found) = open(disk.clone()).unwrap();
    assert_eq!(found, held);
    let next = write(3, &held);
    storage.append(&next);
    storage.flush().unwrap();
    disk.lose_power();
    assert_eq!(open(disk.clone()).unwrap().2, after(&held, &next));
}

/// What waited takes the new segment at once; that there is room shows when the next one is ready.
#[test]
fn room_is_found_again_although_what_waited_takes_the_new_segment() {
    for restarted in [false, true] {
        let disk = MemoryDisk::new();
        disk.prepare();
        let (mut storage, mut held) = filled(&disk);
        if restarted {
            disk.end_process();
            (storage, ..) = open(disk.clone()).unwrap();
        }
        disk.fault(Fault::Capacity(SEGMENT_BYTES + 1000));
        disk.release();
        while !storage.is_full() {
            let next = write(held.entries.len() as u64 + 1, &held);
            held = after(&held, &next);
            storage.append(&next);
            storage.pump().unwrap();
        }
        assert_eq!(storage.flush(), Err(StorageError::NoRoom));
        disk.fault(Fault::Capacity(1 << 20));
        // As often as the node looks again.
        for _ in 0..3 {
            storage.retry();
            storage.pump().unwrap();
        }
        assert!(storage.has_room() && !storage.is_full(), "restarted {restarted}");
        storage.flush().unwrap();
        disk.lose_power();
        assert_eq!(open(disk.clone()).unwrap().2, held, "restarted {restarted}");
    }
}

#[test]
fn a_segment_that_cannot_be_made_for_another_reason_than_room_ends_the_log() {
    let disk = MemoryDisk::new();
    disk.prepare();
    let (mut storage, _) = filled(&disk);
    disk.fault(Fault::Sync(disk.syncs(), SyncFailure::CacheKeepsNew));
    disk.release();
    assert!((0..10).any(|_| storage.pump().is_err()));
}

fn fails(spares: &mut Spares, disk: &mut MemoryDisk) {
    let State::Working(_, id) = spares.state else { panic!("nothing is under way: {:?}", spares.state) };
    let file = file_of(spares.next);
    let result = Err(Op::Remove { file }.failed(&io::ErrorKind::StorageFull.into()));
    assert_eq!(spares.complete(disk, &Completion { id, result }), Ok(true));
}

/// Some file systems need room to remove a file. Whoever tried again at once would try for ever.
#[test]
fn what_cannot_be_given_back_for_want_of_room_waits_for_the_next_try() {
    let mut disk = MemoryDisk::new();
    disk.prepare();
    disk.hold();
    let mut spares = Spares::new(&disk, SEGMENT_BYTES, Segment(2));
    spares.begin(&mut disk);
    fails(&mut spares, &mut disk);
    assert!(matches!(spares.state, State::Working(Step::GiveBack, _)), "{:?}", spares.state);
    fails(&mut spares, &mut disk);
    assert_eq!((spares.state, spares.is_full()), (State::Full, true));
    spares.retry(&mut disk);
    assert!(matches!(spares.state, State::Working(Step::Allocate, _)), "{:?}", spares.state);
}
