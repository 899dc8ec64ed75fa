//! Snapshots on a disk that lies.

mod two_at_once;
mod under_way;
mod walks;

use super::super::format::tests::{cluster, file, meta};
use super::*;
use crate::storage::DirectoryDisk;
use crate::storage::memory::{Fault, MemoryDisk};

fn opened(disk: &MemoryDisk) -> (Snapshots, Option<SnapshotId>, usize) {
    let (snapshots, newest, damage) = Snapshots::open(&mut disk.clone(), &cluster()).unwrap();
    (snapshots, newest.map(|(id, _)| id), damage.len())
}

/// Operations, more than any test here takes.
const MANY: usize = 10_000;

/// Takes the end of one operation after the other, until none is under way.
fn settle(snapshots: &mut Snapshots, disk: &mut MemoryDisk) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..MANY {
        let Some(completion) = disk.wait() else { return events };
        events.extend(snapshots.complete(disk, &completion).unwrap());
    }
    panic!("there is no end of operations")
}

/// Stores a snapshot of this node's own.
fn store(
    snapshots: &mut Snapshots,
    disk: &mut MemoryDisk,
    index: u64,
    body: &[u8],
) -> (SnapshotId, Vec<Event>) {
    let (bytes, id) = file(&meta(index), body);
    snapshots.begin();
    for block in bytes.chunks(600) {
        snapshots.feed(disk, Bytes::copy_from_slice(block));
    }
    snapshots.end(disk, Ok((id, meta(index))));
    (id, settle(snapshots, disk))
}

#[test]
fn what_was_stored_survives_every_crash() {
    let disk = MemoryDisk::new();
    let (mut snapshots, newest, _) = opened(&disk);
    assert_eq!(newest, None);
    let mut handle = disk.clone();
    let (id, events) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    assert_eq!(events.last(), Some(&Event::Stored { id, meta: meta(7) }));
    for kept in [false, true] {
        let crashed = disk.copy();
        crashed.crash(|_| kept, 0);
        assert_eq!(opened(&crashed).1, Some(id));
    }
}

/// At every point before it is stored, a crash leaves the one before.
#[test]
fn until_a_snapshot_is_stored_the_one_before_is_there() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (first, _) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    disk.hold();
    let (bytes, second) = file(&meta(9), &[2; 2000]);
    snapshots.begin();
    snapshots.feed(&mut handle, Bytes::from(bytes));
    snapshots.end(&mut handle, Ok((second, meta(9))));
    let mut stored = false;
    for _ in 0..100 {
        let Some(completion) = handle.wait() else { break };
        stored |= snapshots.complete(&mut handle, &completion).unwrap().is_some();
        snapshots.prune(&mut handle, &[]);
        for mask in 0..64_u64 {
            let crashed = disk.copy();
            crashed.crash(|sector| mask >> (sector % 6) & 1 == 1, usize::MAX * usize::from(mask % 2 == 0));
            let (_, found, _) = opened(&crashed);
            let legal = if stored { vec![second] } else { vec![first, second] };
            assert!(found.is_some_and(|found| legal.contains(&found)), "mask {mask}: {found:?}");
        }
    }
    assert!(stored);
}

#[test]
fn a_snapshot_that_is_not_what_was_written_is_not_stored() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    disk.fault(Fault::LostWrite);
    let (_, events) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    assert!(matches!(events[..], [Event::Failed(_)]), "{events:?}");
    assert_eq!(opened(&disk).1, None);
    let (good, _) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    disk.fault(Fault::LostWrite);
    store(&mut snapshots, &mut handle, 7, &[2; 2000]);
    disk.crash(|_| true, usize::MAX);
    assert_eq!(opened(&disk).1, Some(good), "what is bad never stood in its place");
}

#[test]
fn a_snapshot_that_only_the_cache_holds_is_passed_over() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (bytes, id) = file(&meta(7), &[1; 2000]);
    disk.fault(Fault::LostWrite);
    snapshots.receive(&mut handle, id, 0, &Bytes::from(bytes));
    let events = settle(&mut snapshots, &mut handle);
    assert_eq!(
        events.last(),
        Some(&Event::Received { id, meta: meta(7) }),
        "who builds a state finds it bad"
    );
    let (_, found, damage) = opened(&disk);
    assert_eq!((found, damage), (None, 1));
}

#[test]
fn the_newest_whole_one_counts_and_damage_is_named() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (first, _) = store(&mut snapshots, &mut handle, 7, b"first");
    let (second, _) = store(&mut snapshots, &mut handle, 9, b"second");
    disk.fault(Fault::Rot { file: file_of(second.last), offset: 90, bit: 3 });
    let (_, found, damage) = opened(&disk);
    assert_eq!((found, damage), (Some(first), 1));
}

#[test]
fn a_snapshot_under_anothers_name_is_damage() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (first, _) = store(&mut snapshots, &mut handle, 7, b"first");
    let (second, _) = store(&mut snapshots, &mut handle, 9, b"second");
    disk.overwrite(&file_of(second.last), disk.content(&file_of(first.last)).unwrap());
    let (_, found, damage) = opened(&disk);
    assert_eq!((found, damage), (Some(first), 1));
}

/// Else a node would take itself for one that never had a snapshot.
#[test]
fn only_where_there_is_no_directory_there_is_no_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = DirectoryDisk::open(dir.path()).unwrap();
    assert_eq!(names(&mut disk).unwrap(), [""; 0]);
    std::fs::write(dir.path().join(DIRECTORY), b"no directory").unwrap();
    assert!(names(&mut disk).is_err());
}

#[test]
fn one_that_cannot_be_read_is_damaged_and_once_is_not_enough() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (first, _) = store(&mut snapshots, &mut handle, 7, b"first");
    let (second, _) = store(&mut snapshots, &mut handle, 9, &[2; 2000]);
    disk.fault(Fault::Reads(1));
    let (_, found, damage) = opened(&disk);
    assert_eq!((found, damage), (Some(second), 0));
    disk.fault(Fault::Unreadable { file: file_of(second.last), offset: 900 });
    let (_, found, damage) = opened(&disk);
    assert_eq!((found, damage), (Some(first), 1));
    disk.fault(Fault::Reads(100));
    assert!(Snapshots::open(&mut disk.clone(), &cluster()).is_err(), "nothing can be read at all");
}

#[test]
fn two_stay_and_those_in_use() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let ids: Vec<SnapshotId> = (1..=4).map(|n| store(&mut snapshots, &mut handle, n, b"x").0).collect();
    snapshots.prune(&mut handle, &ids[..1]);
    settle(&mut snapshots, &mut handle);
    assert_eq!(snapshots.known, [ids[0], ids[2], ids[3]]);
    let there =
        |id: &SnapshotId| disk.clone().submit(Op::Read { file: file_of(id.last), offset: 0, length: 1 });
    there(&ids[0]);
    snapshots.read(&mut handle, ReadFor::Peer(NodeId(5)), ids[1], 0, 10);
    snapshots.read(&mut handle, ReadFor::Restore, ids[0], 4, 4);
    let events = settle(&mut snapshots, &mut handle);
    assert_eq!(
        events[0],
        Event::Piece { reader: ReadFor::Peer(NodeId(5)), snapshot: ids[1], offset: 0, data: None }
    );
    assert!(
        matches!(&events[1], Event::Piece { reader: ReadFor::Restore, data: Some(data), .. } if &data[..] == b"snap")
    );
}

#[test]
fn what_a_leader_sends_is_checked_and_then_durable() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    let mut bad = bytes.clone();
    bad[300] ^= 1;
    snapshots.receive(&mut handle, id, 0, &Bytes::from(bad));
    let events = settle(&mut snapshots, &mut handle);
    assert!(matches!(&events[..], [Event::Refused { snapshot, .. }] if *snapshot == id), "{events:?}");

    let (a, b) = bytes.split_at(200);
    snapshots.receive(&mut handle, id, 0, &Bytes::copy_from_slice(a));
    snapshots.receive(&mut handle, id, 200, &Bytes::copy_from_slice(b));
    let events = settle(&mut snapshots, &mut handle);
    assert_eq!(events[0], Event::Written { snapshot: id, end: 200 });
    assert_eq!(events.last(), Some(&Event::Received { id, meta: meta(7) }));
    disk.crash(|_| false, 0);
    assert_eq!(opened(&disk).1, Some(id));
}

fn files(disk: &MemoryDisk) -> Vec<String> {
    names(&mut disk.clone()).unwrap()
}

#[test]
fn what_earlier_lives_left_goes_with_the_next_snapshot() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    for n in 1..=3 {
        store(&mut snapshots, &mut handle, n, b"x");
    }
    disk.fault(Fault::Rot { file: format!("{DIRECTORY}/{}", files(&disk)[2]), offset: 90, bit: 3 });
    disk.end_process();
    let (mut snapshots, newest, _) = opened(&disk);
    assert_eq!((newest.unwrap().last.index.0, files(&disk).len()), (2, 3));
    let mut handle = disk.clone();
    let (again, _) = store(&mut snapshots, &mut handle, 3, b"x");
    snapshots.prune(&mut handle, &[]);
    assert_eq!((files(&disk).len(), opened(&disk).1), (2, Some(again)));
}

#[test]
fn a_full_disk_ends_a_snapshot_and_nothing_else() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    disk.fault(Fault::Capacity(300));
    let (_, events) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    assert!(matches!(events[..], [Event::Failed(_)]), "{events:?}");
    disk.fault(Fault::Capacity(1 << 20));
    let (id, events) = store(&mut snapshots, &mut handle, 8, &[1; 2000]);
    assert_eq!(events.last(), Some(&Event::Stored { id, meta: meta(8) }));
}

/// The next operation fails for want of room.
fn fails(snapshots: &mut Snapshots, disk: &mut MemoryDisk) -> Option<Event> {
    let mut completion = disk.wait().expect("an operation is under way");
    completion.result = Err(Op::Lock.failed(&std::io::ErrorKind::StorageFull.into()));
    snapshots.complete(disk, &completion).unwrap()
}

/// Some file systems need room to remove a file. Whoever tried again at once would try for ever.
#[test]
fn what_cannot_be_removed_for_want_of_room_goes_with_the_next_snapshot() {
    let (bytes, id) = file(&meta(7), &[1; 500]);
    for (case, name) in ["own-1", "received-1", "received-1"].into_iter().enumerate() {
        let disk = MemoryDisk::new();
        let (mut snapshots, ..) = opened(&disk);
        disk.hold();
        let mut handle = disk.clone();
        if case == 0 {
            snapshots.begin();
            snapshots.feed(&mut handle, Bytes::copy_from_slice(&bytes));
        } else {
            snapshots.receive(&mut handle, id, 0, &Bytes::copy_from_slice(&bytes[..200]));
        }
        if case == 2 {
            // It leaves already when its write fails.
            let other = SnapshotId { length: id.length + 1, ..id };
            snapshots.receive(&mut handle, other, 0, &Bytes::new());
        }
        assert_eq!(fails(&mut snapshots, &mut handle), None);
        let removed = (0..5).find_map(|_| {
            let event = fails(&mut snapshots, &mut handle);
            (!snapshots.stale.is_empty()).then_some(event)
        });
        let removal = removed.expect("it is removed again and again");
        assert_eq!(snapshots.stale, [format!("{DIRECTORY}/{name}{UNFINISHED}")]);
        match case {
            0 => assert!(matches!(removal, Some(Event::Failed(_))), "{removal:?}"),
            1 => assert!(matches!(removal, Some(Event::Refused { .. })), "{removal:?}"),
            _ => assert_eq!((removal, snapshots.leaving.len()), (None, 0)),
        }
        settle(&mut snapshots, &mut handle);
        let left =
            Op::Write { file: snapshots.stale[0].clone(), offset: 0, data: Bytes::from_static(b"left") };
        handle.submit(left);
        store(&mut snapshots, &mut handle, 8, b"next");
        snapshots.prune(&mut handle, &[]);
        settle(&mut snapshots, &mut handle);
        assert!(!files(&disk).contains(&format!("{name}{UNFINISHED}")), "{:?}", files(&disk));
    }
}

#[test]
fn a_snapshot_of_several_pieces_is_read_back_to_its_end() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let (id, events) = store(&mut snapshots, &mut disk.clone(), 7, &vec![1; 3 << 19]);
    assert_eq!(events.last(), Some(&Event::Stored { id, meta: meta(7) }));
}
