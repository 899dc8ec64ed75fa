//! What is written again after a stop, what is missing, and what only looks so.

use std::ops::RangeInclusive;

use super::super::inspect::{Piece, pieces};
use super::super::memory::{Fault, MemoryDisk};
use super::super::snapshot::{Event, body};
use super::super::testing::{SEGMENT, after, cluster, commit, entry, linked, open, persist, vote};
use super::super::{Recovered, Storage};
use super::*;
use crate::consensus::entry::Chain;
use crate::consensus::io::Persist;
use crate::consensus::snapshot::{Repair, SnapshotMeta};

const SECOND: &str = "wal/0000000002.log";

/// A log of so many writes of one entry each, and what it holds.
fn log(disk: &MemoryDisk, writes: u64) -> (Storage<MemoryDisk>, Recovered) {
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let mut held = Recovered::default();
    for id in 1..=writes {
        let next = linked(&held, persist(id, Some(vote(1, 1)), vec![entry(id, 1, b"a payload")]));
        held = after(&held, &next);
        commit(&mut storage, &next).unwrap();
    }
    (storage, held)
}

/// Of each batch of a file what it keeps, and where the log ends behind it.
fn batches(disk: &MemoryDisk, of: &str) -> Vec<(u64, u64)> {
    let mut batches = Vec::new();
    pieces(&mut disk.clone(), |piece| match piece {
        Piece::Batch { file, kept, last, .. } if file == of => batches.push((kept.0, last.index.0)),
        Piece::Batch { .. } => {}
        Piece::Bad { .. } => panic!("{piece:?}"),
    })
    .unwrap();
    batches
}

#[test]
fn after_a_stop_that_marked_the_log_durable_nothing_is_written_again() {
    let disk = MemoryDisk::new();
    let (mut storage, held) = log(&disk, 3);
    storage.flush().unwrap();
    drop(storage);
    assert_eq!(open(disk.clone()).unwrap().2, held);
    assert_eq!(disk.content(SECOND), None);
}

/// One segment in memory.
struct Held(Bytes);

impl Source for Held {
    fn read(&mut self, _: Segment) -> Result<Bytes, DiskError> {
        Ok(self.0.clone())
    }

    fn head(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        self.read(segment)
    }

    fn unreadable(&self, _: Segment, _: u64, _: u64) -> Option<DiskError> {
        None
    }
}

#[test]
fn a_log_in_memory_keeps_no_segment_there() {
    let disk = MemoryDisk::new();
    let (storage, held) = log(&disk, 3);
    drop(storage);
    let (storage, identity, _) = open(disk.clone()).unwrap();
    drop(storage);
    let mut source = Held(Bytes::from(disk.content(SEGMENT).unwrap()));
    let found = scan(&[Segment(1)], &mut source, &identity, Base::default()).unwrap().unwrap();
    assert!(source.0.is_unique());
    assert_eq!(found.log.into_entries(), held.entries);
}

#[test]
fn after_a_crash_only_what_may_not_be_durable_is_written_again() {
    let disk = MemoryDisk::new();
    let (storage, held) = log(&disk, 3);
    drop(storage);
    assert_eq!(open(disk.clone()).unwrap().2, held);
    // The segment's head, and the last write.
    assert_eq!(batches(&disk, SECOND), [(3, 3), (2, 3)]);
}

/// Changes a byte of the first segment's entry with this payload.
fn rot(disk: &MemoryDisk, payload: &[u8]) {
    let content = disk.content(SEGMENT).unwrap();
    let offset = content.windows(payload.len()).position(|bytes| bytes == payload).unwrap() as u64;
    disk.fault(Fault::Rot { file: SEGMENT.to_owned(), offset, bit: 0 });
}

#[test]
fn what_is_missing_is_written_down_before_anything_else() {
    let disk = MemoryDisk::new();
    let (mut storage, held) = log(&disk, 3);
    storage.flush().unwrap();
    drop(storage);
    rot(&disk, b"a payload");
    let (storage, identity, found) = open(disk.clone()).unwrap();
    let repair = Some(Repair { least: held.entries[2].id });
    assert_eq!((found.repair, found.entries), (repair, Vec::new()));
    drop(storage);
    let segment = Segment(2);
    let durable = Bytes::from(disk.durable(SECOND).unwrap());
    let head = header_at(&durable, SEGMENT_HEADER, Seed::new(&identity, segment)).unwrap();
    assert_eq!(head.header.standing.repair, repair);
}

/// A snapshot that ends where `held` has its entry `index`.
fn store_snapshot(storage: &mut Storage<MemoryDisk>, base: Base) {
    let (mut bytes, meta) = (Vec::new(), SnapshotMeta { base, membership: Membership::default() });
    let id = body::write(&cluster(), meta, b"", &Bytes::new(), |block| {
        bytes.extend_from_slice(&block);
        Ok(())
    });
    storage.receive_snapshot(id.unwrap(), 0, &bytes.into());
    (0..10).for_each(|_| assert!(storage.pump().is_ok()));
    let mut events = std::iter::from_fn(|| storage.next_event());
    assert!(events.any(|event| matches!(event, Event::Received { .. })));
}

/// Writes more entries as one batch, without a mark behind it.
fn more(storage: &mut Storage<MemoryDisk>, held: &Recovered, entries: RangeInclusive<u64>) -> Recovered {
    let entries = entries.map(|index| entry(index, 1, b"more")).collect();
    let next = linked(held, persist(9, None, entries));
    commit(storage, &next).unwrap();
    after(held, &next)
}

/// Before a batch, behind it, and in the midst of one.
#[test]
fn a_log_goes_on_behind_a_snapshot_wherever_that_ends() {
    for end in 1..=6 {
        let disk = MemoryDisk::new();
        let (mut storage, held) = log(&disk, 2);
        let held = more(&mut storage, &held, 3..=5);
        let held = more(&mut storage, &held, 6..=6);
        let (before, behind) = held.entries.split_at(end);
        let base = Base::default().followed_by(before).unwrap();
        store_snapshot(&mut storage, base);
        drop(storage);
        let (_, _, found) = open(disk).unwrap();
        assert_eq!((found.base, found.entries.as_slice(), found.repair), (base, behind, None), "{end}");
    }
}

/// The snapshot's log has another entry there: it takes this one's place before anything else is written.
#[test]
fn a_log_that_does_not_lead_to_the_snapshot_is_not_lost_wherever_that_ends() {
    let ends = [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6), (6, 8), (7, 8)];
    for ((end, last), goes_on) in ends.into_iter().flat_map(|end| [(end, false), (end, true)]) {
        let disk = MemoryDisk::new();
        let (mut storage, held) = log(&disk, 2);
        let held = more(&mut storage, &held, 3..=5);
        let other = Base { id: entry(end, 2, b"").id, chain: Chain(77) };
        store_snapshot(&mut storage, other);
        let held = more(&mut storage, &held, 6..=last);
        if goes_on {
            more(&mut storage, &held, last + 1..=last + 1);
        }
        drop(storage);
        let (_, _, found) = open(disk).unwrap();
        assert_eq!((found.base, found.entries, found.repair), (other, Vec::new(), None), "{end}");
    }
}

/// The entries with which the snapshot's log took the place of the old one are lost. What the life behind wrote again
/// begins just where the old log ended, but does not follow it.
#[test]
fn a_tail_that_was_written_again_does_not_make_good_what_is_missing_before_it() {
    let disk = MemoryDisk::new();
    let (mut storage, ..) = open(disk.clone()).unwrap();
    let old = (1..=4).map(|index| entry(index, 1, b"old")).collect();
    commit(&mut storage, &persist(1, Some(vote(1, 1)), old)).unwrap();
    let base = Base { id: entry(2, 3, b"").id, chain: Chain(77) };
    store_snapshot(&mut storage, base);
    let taken_over = vec![entry(3, 3, b"taken over"), entry(4, 3, b"taken over")];
    let end = base.followed_by(&taken_over).unwrap();
    let write = persist(2, Some(vote(3, 1)), taken_over.clone());
    commit(&mut storage, &Persist { base: Some(base), prev_chain: base.chain, ..write }).unwrap();
    let last = entry(5, 3, b"the last one");
    commit(&mut storage, &Persist { prev_chain: end.chain, ..persist(3, None, vec![last.clone()]) }).unwrap();
    drop(storage);

    let (storage, _, found) = open(disk.clone()).unwrap();
    assert_eq!((found.base, found.entries.len(), found.repair), (base, 3, None));
    assert_eq!(batches(&disk, SECOND), [(5, 5), (4, 5)]);
    drop(storage);
    rot(&disk, b"taken over");
    let (_, _, found) = open(disk).unwrap();
    assert_eq!((found.entries, found.repair), (Vec::new(), Some(Repair { least: last.id })));
}
