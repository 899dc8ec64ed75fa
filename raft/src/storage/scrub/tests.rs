//! What rots is found, and nothing else.

use super::super::inspect::{Piece, pieces};
use super::super::memory::{Fault, MemoryDisk};
use super::super::testing::{after, commit, entry, linked, open, persist, vote};
use super::super::{Recovered, Storage};
use crate::consensus::types::LogIndex;

/// A log of several segments; what of it stands in memory only is the newest.
fn several(disk: &MemoryDisk) -> Storage<MemoryDisk> {
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let mut held = Recovered::default();
    for id in 1..=30 {
        let next = linked(&held, persist(id, Some(vote(id, 1)), vec![entry(id, id, &[1; 300])]));
        held = after(&held, &next);
        commit(&mut storage, &next).unwrap();
    }
    assert!(storage.stats().segments > 4);
    storage
}

#[test]
fn what_is_read_again_are_the_sealed_segments_to_the_end_of_what_was_synced() {
    let disk = MemoryDisk::new();
    let mut storage = several(&disk);
    let mut ends = std::collections::BTreeMap::new();
    pieces(&mut disk.clone(), |piece| match piece {
        Piece::Batch { file, offset, length, .. } => _ = ends.insert(file, offset + length),
        Piece::Bad { .. } => panic!("{piece:?}"),
    })
    .unwrap();
    let (newest, _) = ends.pop_last().unwrap();
    assert!(storage.scrubbed().eq(ends), "no mark stands between them");
    storage.flush().unwrap();
    assert!(storage.scrubbed().all(|(file, _)| file != newest));
}

fn walk(storage: &mut Storage<MemoryDisk>) {
    for _ in 0..storage.stats().segments {
        storage.scrub();
        storage.pump().unwrap();
    }
}

#[test]
fn a_healthy_log_is_not_called_rotten_in_this_life_or_the_next() {
    let disk = MemoryDisk::new();
    let mut storage = several(&disk);
    walk(&mut storage);
    assert_eq!(storage.rotten(), None);
    drop(storage);
    disk.crash(|_| true, 0);
    let (mut storage, ..) = open(disk.clone()).unwrap();
    walk(&mut storage);
    assert_eq!(storage.rotten(), None);
}

#[test]
fn any_bit_of_a_sealed_segment_that_rots_is_found_and_gone_once_compacted() {
    for offset in [3, 30, 45, 200, 300, 600] {
        let disk = MemoryDisk::new();
        let mut storage = several(&disk);
        let file = "wal/0000000002.log".to_owned();
        disk.fault(Fault::Rot { file, offset, bit: 3 });
        walk(&mut storage);
        let rotten = storage.rotten().unwrap();
        assert!(LogIndex(1) < rotten && rotten < LogIndex(20), "byte {offset}: {rotten}");
        storage.compact(rotten.previous());
        assert_eq!(storage.rotten(), Some(rotten));
        storage.compact(rotten);
        storage.pump().unwrap();
        assert_eq!(storage.rotten(), None);
    }
}

/// The cache still has what the disk lost.
#[test]
fn a_write_that_never_reached_the_disk_is_found() {
    let disk = MemoryDisk::new();
    let (mut storage, ..) = open(disk.clone()).unwrap();
    disk.fault(Fault::LostWrite);
    let mut held = Recovered::default();
    for id in 1..=30 {
        let next = linked(&held, persist(id, Some(vote(id, 1)), vec![entry(id, id, &[1; 300])]));
        held = after(&held, &next);
        commit(&mut storage, &next).unwrap();
    }
    walk(&mut storage);
    assert!(storage.rotten().is_some());
}

#[test]
fn what_cannot_be_read_this_once_is_read_the_next_time() {
    let disk = MemoryDisk::new();
    let mut storage = several(&disk);
    disk.fault(Fault::Rot { file: "wal/0000000001.log".to_owned(), offset: 300, bit: 0 });
    disk.fault(Fault::Reads(1));
    storage.scrub();
    storage.pump().unwrap();
    assert_eq!(storage.rotten(), None);
    walk(&mut storage);
    assert!(storage.rotten().is_some());
}

#[test]
fn what_cannot_be_read_twice_is_rotten() {
    let disk = MemoryDisk::new();
    let mut storage = several(&disk);
    let all = storage.stats().segments;
    disk.fault(Fault::Reads(all));
    walk(&mut storage);
    disk.fault(Fault::Reads(all));
    walk(&mut storage);
    assert!(storage.rotten().is_some());
    assert!(storage.pump().is_ok(), "a node that only looked goes on");
}
