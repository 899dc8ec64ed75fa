//! The newest snapshot is read again.

use super::super::super::body;
use super::*;

/// So much as a walk reads at once.
const PIECE: u64 = 1 << 20;

fn walk(snapshots: &mut Snapshots, handle: &mut MemoryDisk) -> Option<SnapshotId> {
    snapshots.walk(handle, u64::MAX);
    settle(snapshots, handle);
    snapshots.rotten()
}

#[test]
fn the_newest_is_read_again_and_what_rots_in_it_is_found() {
    for offset in [3, 90, 1500, 2090] {
        let disk = MemoryDisk::new();
        let (mut snapshots, ..) = opened(&disk);
        let mut handle = disk.clone();
        let (id, _) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
        assert_eq!(walk(&mut snapshots, &mut handle), None);
        disk.fault(Fault::Rot { file: file_of(id.last), offset, bit: 3 });
        assert_eq!(walk(&mut snapshots, &mut handle), Some(id), "byte {offset}");
        let (again, _) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
        assert_eq!((again, walk(&mut snapshots, &mut handle)), (id, None));
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_twice_is_rotten() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (id, _) = store(&mut snapshots, &mut handle, 7, &[1; 2000]);
    for reads in [1, 2] {
        disk.fault(Fault::Reads(reads));
        snapshots.walk(&mut handle, 1);
        settle(&mut snapshots, &mut handle);
        assert_eq!(walk(&mut snapshots, &mut handle), Some(id).filter(|_| reads == 2));
    }
}

/// As a node writes it: in chunks of 64 KiB and their heads, so that pieces end within chunks.
fn long(index: u64, pieces: usize) -> (Bytes, SnapshotId) {
    let mut file = Vec::new();
    let state = Bytes::from(vec![5; pieces << 20]);
    let id = body::write(&cluster(), meta(index), b"", &state, |block| {
        file.extend_from_slice(&block);
        Ok(())
    });
    (file.into(), id.unwrap())
}

fn put(snapshots: &mut Snapshots, handle: &mut MemoryDisk, (bytes, id): &(Bytes, SnapshotId)) {
    snapshots.begin();
    snapshots.feed(handle, bytes.clone());
    snapshots.end(handle, Ok((*id, meta(id.last.index.0))));
    let stored = Event::Stored { id: *id, meta: meta(id.last.index.0) };
    assert_eq!(settle(snapshots, handle).last(), Some(&stored));
}

/// Pieces that are read until it pauses.
fn pieces(snapshots: &mut Snapshots, handle: &mut MemoryDisk, bytes: u64) -> usize {
    snapshots.walk(handle, bytes);
    for count in 0..MANY {
        let Some(completion) = handle.wait() else { return count };
        assert_eq!(snapshots.complete(handle, &completion), Ok(None));
    }
    panic!("it never pauses")
}

#[test]
fn a_walk_reads_what_it_is_given_and_pauses() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    assert_eq!(pieces(&mut snapshots, &mut handle, u64::MAX), 0, "there is nothing to read");
    put(&mut snapshots, &mut handle, &long(7, 5));
    let read = [1, PIECE, PIECE + 1, u64::MAX, 1].map(|bytes| pieces(&mut snapshots, &mut handle, bytes));
    assert_eq!(read, [1, 1, 2, 2, 1], "it ends with the sixth, and begins anew");
    assert_eq!(snapshots.rotten(), None);
}

#[test]
fn a_walk_goes_on_where_it_paused() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let first = long(7, 2);
    put(&mut snapshots, &mut handle, &first);
    disk.fault(Fault::Rot { file: file_of(first.1.last), offset: first.1.length - 1, bit: 3 });
    for rotten in [None, None, Some(first.1)] {
        assert_eq!(pieces(&mut snapshots, &mut handle, 1), 1);
        assert_eq!(snapshots.rotten(), rotten);
    }
    assert_eq!(pieces(&mut snapshots, &mut handle, u64::MAX), 0, "that is known");
}

#[test]
fn rot_is_told_before_the_end_is_read() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let (bytes, id) = long(7, 2);
    put(&mut snapshots, &mut handle, &(bytes, id));
    disk.fault(Fault::Rot { file: file_of(id.last), offset: 90, bit: 3 });
    assert_eq!((pieces(&mut snapshots, &mut handle, 1), snapshots.rotten()), (1, Some(id)));
}

#[test]
fn a_walk_begins_with_a_newer_one_at_once() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    put(&mut snapshots, &mut handle, &long(7, 2));
    pieces(&mut snapshots, &mut handle, 1);
    let (newer, _) = store(&mut snapshots, &mut handle, 9, &[1; 2000]);
    disk.fault(Fault::Rot { file: file_of(newer.last), offset: 90, bit: 3 });
    assert_eq!(walk(&mut snapshots, &mut handle), Some(newer));
}

/// What was read of the old file says nothing of the new one, although both are the same snapshot.
#[test]
fn a_walk_begins_again_when_the_file_is_written_anew() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let snapshot = long(7, 2);
    put(&mut snapshots, &mut handle, &snapshot);
    // In a chunk that does not end within the first piece.
    disk.fault(Fault::Rot { file: file_of(snapshot.1.last), offset: PIECE - 1000, bit: 3 });
    assert_eq!((pieces(&mut snapshots, &mut handle, 1), snapshots.rotten()), (1, None));
    put(&mut snapshots, &mut handle, &snapshot);
    assert_eq!(walk(&mut snapshots, &mut handle), None);
}

#[test]
fn a_file_that_is_cut_or_another_ones_is_rotten() {
    let (bytes, id) = file(&meta(7), &[1; 2000]);
    let (other, _) = file(&meta(7), &[2; 2000]);
    for (content, rotten) in [
        (bytes.clone(), None),
        (bytes[..bytes.len() - 1].to_vec(), Some(id)),
        (bytes[..1000].to_vec(), Some(id)),
        (Vec::new(), Some(id)),
        ([&bytes[..], &[0]].concat(), Some(id)),
        (other, Some(id)),
    ] {
        let disk = MemoryDisk::new();
        let (mut snapshots, ..) = opened(&disk);
        let mut handle = disk.clone();
        store(&mut snapshots, &mut handle, 7, &[1; 2000]);
        let length = content.len();
        disk.overwrite(&file_of(id.last), content);
        assert_eq!(walk(&mut snapshots, &mut handle), rotten, "{length} bytes");
    }
}

/// Failures that do not follow one another are so many whims.
#[test]
fn a_read_that_fails_now_and_then_is_no_rot() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    put(&mut snapshots, &mut handle, &long(7, 3));
    for _ in 0..3 {
        disk.fault(Fault::Reads(1));
        assert_eq!(pieces(&mut snapshots, &mut handle, 1), 2, "it is tried again at once");
        assert_eq!(snapshots.rotten(), None);
    }
}

/// While it was read, another took its place: what comes is of the old file, and is not judged as the new one.
#[test]
fn a_read_that_ends_late_says_nothing_of_the_newer_one() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    store(&mut snapshots, &mut handle, 7, &[1; 500]);
    disk.hold();
    let (bytes, newer) = file(&meta(9), &[2; 500]);
    snapshots.begin();
    snapshots.feed(&mut handle, Bytes::from(bytes));
    snapshots.end(&mut handle, Ok((newer, meta(9))));
    // But for the last: the directory is synced.
    for _ in 0..4 {
        let completion = handle.wait().unwrap();
        assert_eq!(snapshots.complete(&mut handle, &completion), Ok(None));
    }
    snapshots.walk(&mut handle, 1);
    let synced = handle.wait().unwrap();
    let stored = Event::Stored { id: newer, meta: meta(9) };
    assert_eq!(snapshots.complete(&mut handle, &synced), Ok(Some(stored)));
    let read = pieces(&mut snapshots, &mut handle, 1);
    assert_eq!((snapshots.rotten(), read), (None, 2), "the old one's, and then its own");
}

/// Of the same name and content, but what comes is of the file that was there before.
#[test]
fn a_read_that_ends_late_says_nothing_of_the_file_that_was_written_anew() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut handle = disk.clone();
    let snapshot = long(7, 2);
    put(&mut snapshots, &mut handle, &snapshot);
    assert_eq!(pieces(&mut snapshots, &mut handle, 1), 1);
    disk.hold();
    snapshots.begin();
    snapshots.feed(&mut handle, snapshot.0.clone());
    snapshots.end(&mut handle, Ok((snapshot.1, meta(7))));
    for _ in 0..6 {
        let completion = handle.wait().unwrap();
        assert_eq!(snapshots.complete(&mut handle, &completion), Ok(None));
    }
    snapshots.walk(&mut handle, 1);
    let synced = handle.wait().unwrap();
    assert!(snapshots.complete(&mut handle, &synced).unwrap().is_some(), "it is stored");
    let read = pieces(&mut snapshots, &mut handle, 1);
    assert_eq!((snapshots.rotten(), read), (None, 2));
    assert_eq!(walk(&mut snapshots, &mut handle), None);
}
