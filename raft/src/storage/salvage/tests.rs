//! Every sector of a log that cannot be read any more.

use super::super::inspect::{Piece, pieces};
use super::super::memory::{Fault, SECTOR};
use super::super::record::{BATCH_HEADER, ENTRY_HEADER};
use super::super::testing::{after, cluster, commit, entry, linked, persist, vote};
use super::super::{MemoryDisk, OpenError, Recovered, Storage};
use super::*;
use crate::consensus::types::{Incarnation, NodeId};

/// Several pieces.
const SEGMENT_BYTES: u64 = 4 * PIECE as u64;

fn open(disk: &MemoryDisk) -> Result<(Storage<MemoryDisk>, Recovered), OpenError> {
    let opened = Storage::open_with(disk.clone(), &cluster(), NodeId(1), Incarnation(7), SEGMENT_BYTES);
    opened.map(|(storage, _, recovered)| (storage, recovered))
}

fn write(storage: &mut Storage<MemoryDisk>, held: &Recovered) -> Recovered {
    let next = held.entries.len() as u64 + 1;
    let write = linked(held, persist(next, Some(vote(next, 1)), vec![entry(next, next, &[3; 700])]));
    storage.append(&write);
    storage.flush().unwrap();
    after(held, &write)
}

/// A log of several segments and one life or two; and what it holds.
fn log(lives: usize) -> (MemoryDisk, Recovered) {
    let disk = MemoryDisk::new();
    disk.prepare();
    let mut held = Recovered::default();
    let (mut storage, _) = open(&disk).unwrap();
    for _ in 0..50 {
        held = write(&mut storage, &held);
    }
    if lives > 1 {
        disk.lose_power();
        (storage, held) = open(&disk).unwrap();
        for _ in 0..3 {
            held = write(&mut storage, &held);
        }
    }
    disk.end_process();
    (disk, held)
}

fn file(segment: u64) -> String {
    file_of(Segment(segment))
}

#[derive(Clone, Copy)]
enum Ending {
    Same,
    Repairing,
    Refused,
}

/// Opens a disk that held so much: what is missing is named, and what is there stays there.
fn opened(disk: &MemoryDisk, held: &Recovered, what: &str) -> Ending {
    match open(disk) {
        Ok((mut storage, found)) if found.repair.is_none() => {
            assert!(found == *held, "{what}: found {} entries", found.entries.len());
            let next = write(&mut storage, held);
            disk.lose_power();
            assert!(open(disk).unwrap().1 == next, "{what}");
            Ending::Same
        }
        Ok((_, found)) => {
            assert_eq!(found.hard_state, held.hard_state, "{what}");
            assert_eq!(found.repair.map(|repair| repair.least), held.entries.last().map(|last| last.id));
            assert!(held.entries.starts_with(&found.entries), "{what}");
            disk.lose_power();
            assert!(open(disk).unwrap().1 == found, "{what}: not the same again");
            Ending::Repairing
        }
        Err(OpenError::Storage { .. }) => Ending::Refused,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_sector_that_cannot_be_read_is_damage_and_never_a_torn_tail() {
    let mut endings = [0; 3];
    for lives in [1, 2] {
        let (disk, held) = log(lives);
        for segment in (1..).take_while(|segment| disk.content(&file(*segment)).is_some()) {
            for offset in (0..SEGMENT_BYTES).step_by(SECTOR) {
                let what = format!("{lives} lives, {} at {offset}", file(segment));
                let bad = disk.copy();
                bad.fault(Fault::Unreadable { file: file(segment), offset });
                endings[opened(&bad, &held, &what) as usize] += 1;
            }
        }
    }
    let [same, repairing, refused] = endings;
    println!("the same log: {same}, repairing: {repairing}, not opened: {refused}");
    // Of each log the piece in which it ends.
    assert!(same > 0 && repairing > refused && refused == 2 * PIECE / SECTOR, "{endings:?}");
}

/// What cannot be read at all may be a matter of permission, or of a wire.
#[test]
fn a_file_of_which_nothing_can_be_read_is_no_damage() {
    let (disk, _) = log(1);
    for sector in 0..SEGMENT_BYTES / SECTOR as u64 {
        disk.fault(Fault::Unreadable { file: file(2), offset: sector * SECTOR as u64 });
    }
    assert!(matches!(open(&disk), Err(OpenError::Storage { .. })));
    let (disk, _) = log(1);
    disk.fault(Fault::Reads(1000));
    assert!(matches!(open(&disk), Err(OpenError::Storage { .. })));
}

#[test]
fn what_cannot_be_read_once_is_read_again() {
    let (disk, held) = log(2);
    disk.fault(Fault::Reads(1));
    let mut handle = disk.clone();
    let mut files = Files::new(&mut handle);
    let whole = files.read(Segment(1)).unwrap();
    disk.fault(Fault::Reads(1));
    assert_eq!(files.head(Segment(1)).unwrap(), whole[..SEGMENT_HEADER]);
    assert_eq!(files.unreadable(Segment(1), 0, u64::MAX), None);
    disk.fault(Fault::Reads(1));
    assert!(open(&disk).unwrap().1 == held);
}

#[test]
fn a_file_opens_where_it_can_be_read_at_all() {
    let mut disk = log(1).0.clone();
    assert!(opens(&mut disk, &file(1)) && !opens(&mut disk, "missing"));
    disk.fault(Fault::Reads(2));
    assert!(!opens(&mut disk, &file(1)));
}

/// A batch that was begun there might have had its header in the piece that cannot be read.
#[test]
fn a_log_may_end_before_a_hole_where_the_next_header_would_just_fit() {
    for (left, opened) in [(BATCH_HEADER, true), (BATCH_HEADER - 1, false)] {
        let disk = MemoryDisk::new();
        disk.prepare();
        let (mut storage, _) = open(&disk).unwrap();
        let mut end = SEGMENT_HEADER;
        pieces(&mut disk.clone(), |piece| match piece {
            Piece::Batch { length, .. } => end += usize::try_from(length).unwrap(),
            Piece::Bad { .. } => panic!("{piece:?}"),
        })
        .unwrap();
        let data = vec![3; PIECE - left - end - BATCH_HEADER - ENTRY_HEADER];
        let write = persist(1, Some(vote(1, 1)), vec![entry(1, 1, &data)]);
        commit(&mut storage, &write).unwrap();
        disk.end_process();
        disk.fault(Fault::Unreadable { file: file(1), offset: PIECE as u64 });
        let found = open(&disk).map(|(_, found)| found);
        assert_eq!(found.is_ok(), opened, "{left}");
        assert!(!opened || found == Ok(after(&Recovered::default(), &write)));
    }
}

#[test]
fn a_hole_ends_where_the_next_piece_begins() {
    let mut disk = MemoryDisk::new();
    let mut files = Files::new(&mut disk);
    let error = Op::Sync { file: file(1) }.failed(&std::io::Error::other("a bad sector"));
    files.holes.insert(Segment(1), BTreeMap::from([(0, error.clone())]));
    let behind = |from| files.unreadable(Segment(1), from, u64::MAX);
    assert_eq!((behind(PIECE as u64), behind(PIECE as u64 - 1)), (None, Some(error)));
}

#[test]
fn a_file_with_too_many_holes_is_given_up() {
    for (holes, salvaged) in [(HOLES, true), (HOLES + 1, false)] {
        let mut disk = MemoryDisk::new();
        let data = Bytes::from(vec![1; (2 * HOLES + 2) * PIECE]);
        disk.submit(Op::WriteSync { file: "file".to_owned(), offset: 0, data });
        for hole in 0..holes {
            disk.fault(Fault::Unreadable { file: "file".to_owned(), offset: (2 * hole * PIECE) as u64 });
        }
        let error = Op::Sync { file: "file".to_owned() }.failed(&std::io::Error::other("a bad sector"));
        assert_eq!(salvage(&mut disk, "file", error).is_ok(), salvaged, "{holes} holes");
    }
}
