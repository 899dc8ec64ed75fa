//! Segments made ahead, where the process stops in between or the disk gets full.

use super::super::testing::{SEGMENT_BYTES, after, commit, entry, linked, open, persist, vote};
use super::super::{MemoryDisk, Recovered, Storage, StorageError};
use super::*;
use crate::consensus::io::Persist;
use crate::consensus::types::LogIndex;
use crate::storage::disk::{Outcome, Waker};
use crate::storage::memory::{Fault, Queue, SyncFailure};
use crate::storage::record::SEGMENT_HEADER;

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
    assert!(storage.has_room(), "no other one is made beside it");
    let next = write(3, &held);
    storage.append(&next);
    storage.flush().unwrap();
    disk.lose_power();
    assert_eq!(open(disk.clone()).unwrap().2, after(&held, &next));
}

/// The power failed while the first batches of a segment were written, and only a later one is there: no batch of the
/// new life may come to stand before that.
#[test]
fn a_segment_whose_first_batch_is_torn_is_no_spare() {
    let disk = MemoryDisk::new();
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let (mut held, mut last) = (Recovered::default(), Recovered::default());
    let (torn, next) = (file_of(Segment(2)), file_of(Segment(3)));
    for id in 1.. {
        let next = write(id, &last);
        last = after(&last, &next);
        commit(&mut storage, &next).unwrap();
        if disk.content(&torn).is_some_and(|content| content.contains(&5)) {
            break;
        }
        held = last.clone();
    }
    drop(storage);
    let mut content = disk.content(&torn).unwrap();
    content[SEGMENT_HEADER] ^= 1;
    disk.overwrite(&torn, content.clone());
    assert_eq!(open(disk.clone()).unwrap().2, held);
    assert!(disk.content(&torn) == Some(content) && disk.content(&next).is_some());
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
            assert!(held.entries.len() < 100, "what it holds has no room");
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

/// However much is left of the one that is written to: the old file is there.
#[test]
fn an_old_segment_that_waits_becomes_the_next_one_at_once() {
    let disk = MemoryDisk::new();
    disk.prepare();
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let mut held = Recovered::default();
    let mut write_next = |storage: &mut Storage<MemoryDisk>| {
        let next = write(held.entries.len() as u64 + 1, &held);
        held = after(&held, &next);
        storage.append(&next);
        storage.flush().unwrap();
        (0..4).for_each(|_| assert!(storage.pump().is_ok()));
    };
    (0..10).for_each(|_| write_next(&mut storage));
    assert!(storage.has_room());
    // One is ready: these wait.
    storage.compact(LogIndex(6));
    let sealed = storage.scrubbed().count();
    while storage.scrubbed().count() == sealed {
        write_next(&mut storage);
    }
    assert!(storage.has_room());
}

/// More are removed: the disk is wanted for other things.
#[test]
fn so_many_old_segments_wait_and_no_more() {
    let mut disk = MemoryDisk::new();
    disk.prepare();
    let mut spares = Spares::new(&disk, SEGMENT_BYTES, Segment(20));
    spares.state = State::Ready;
    for old in 1..=RECYCLED as u64 + 2 {
        disk.submit(Op::Write { file: file_of(Segment(old)), offset: 0, data: Bytes::from_static(b"x") });
        spares.recycle(&mut disk, Segment(old));
        let waits = old <= RECYCLED as u64;
        assert_eq!(disk.content(&file_of(Segment(old))).is_some(), waits, "{old}");
        assert_eq!(spares.recycled.len() as u64, old.min(RECYCLED as u64));
    }
}

/// A disk that only notes what is asked of it.
struct Asked(Vec<Op>);

impl Disk for Asked {
    fn submit(&mut self, op: Op) -> OpId {
        self.0.push(op);
        OpId(self.0.len() as u64)
    }

    fn poll(&mut self) -> Option<Completion> {
        None
    }

    fn wait(&mut self) -> Option<Completion> {
        None
    }

    fn set_waker(&mut self, _: Waker) {}

    fn prepares(&self) -> bool {
        true
    }

    fn location(&self) -> String {
        String::new()
    }
}

/// Written piece by piece, each where the one before ended, and no byte more.
#[test]
fn a_segment_is_filled_with_zeros_to_its_end_and_then_made_durable() {
    let most = ZEROS as u64;
    for length in [1, most - 1, most, most + 1, 3 * most] {
        let mut disk = Asked(Vec::new());
        let mut spares = Spares::new(&disk, length, Segment(2));
        spares.begin(&mut disk);
        for _ in 0..10 {
            let State::Working(_, id) = spares.state else { break };
            assert_eq!(spares.complete(&mut disk, &Completion { id, result: Ok(Outcome::Done) }), Ok(true));
        }
        assert!(spares.is_ready());
        let file = || file_of(Segment(2));
        let mut expected = vec![Op::Allocate { file: file(), length }];
        for offset in (0..length).step_by(ZEROS) {
            let data = Bytes::from(vec![0; usize::try_from(most.min(length - offset)).unwrap()]);
            expected.push(Op::Write { file: file(), offset, data });
        }
        expected.extend([Op::Sync { file: file() }, Op::SyncDir { dir: DIRECTORY.to_owned() }]);
        assert!(disk.0 == expected, "{length}");
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
