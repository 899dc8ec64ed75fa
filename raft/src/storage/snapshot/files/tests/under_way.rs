//! What is under way: how much of it may wait, what it comes to, and what is left of it.

use super::*;
use crate::storage::memory::{Queue, SyncFailure};

/// A disk that runs what it is told to.
fn held() -> (MemoryDisk, Snapshots) {
    let disk = MemoryDisk::new();
    let (snapshots, ..) = opened(&disk);
    disk.hold();
    (disk, snapshots)
}

#[test]
fn of_a_nodes_own_two_blocks_may_wait_for_the_disk() {
    let (mut disk, mut snapshots) = held();
    assert!(!snapshots.may_feed(), "none was begun");
    snapshots.begin();
    for may in [true, true, false] {
        assert_eq!(snapshots.may_feed(), may);
        snapshots.feed(&mut disk, Bytes::from_static(b"block"));
    }
    for may in [false, true, true] {
        let completion = disk.wait().unwrap();
        assert_eq!(snapshots.complete(&mut disk, &completion), Ok(None));
        assert_eq!(snapshots.may_feed(), may);
    }
}

/// Two writes, a sync, read back, renamed, the directory synced.
#[test]
fn a_snapshot_takes_no_operation_more_than_it_needs() {
    let (mut disk, mut snapshots) = held();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    snapshots.begin();
    bytes.chunks(400).for_each(|block| snapshots.feed(&mut disk, Bytes::copy_from_slice(block)));
    snapshots.end(&mut disk, Ok((id, meta(7))));
    assert_eq!(bytes.chunks(400).count(), 2);
    let mut operations = 0;
    while disk.run_next(Queue::Aside) {
        let completion = disk.wait().unwrap();
        assert!(snapshots.owns(completion.id), "who else");
        let event = snapshots.complete(&mut disk, &completion).unwrap();
        assert!(!snapshots.owns(completion.id), "it has ended");
        operations += 1;
        assert_eq!(event.is_some(), operations == 6, "{operations}: {event:?}");
    }
    assert_eq!(operations, 6);
}

/// Other operations end before its last one.
#[test]
fn what_is_given_up_is_followed_to_its_end() {
    let (mut disk, mut snapshots) = held();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    let part = Bytes::copy_from_slice(&bytes[..200]);
    snapshots.begin();
    snapshots.feed(&mut disk, part.clone());
    for newer in [id, SnapshotId { length: id.length + 1, ..id }] {
        snapshots.receive(&mut disk, newer, 0, &part);
    }
    let given_up = format!("{DIRECTORY}/received-2.part");
    assert!(snapshots.knows(&given_up));
    settle(&mut snapshots, &mut disk);
    assert_eq!(files(&disk), ["own-1.part", "received-3.part"]);
    assert!(!snapshots.knows(&given_up), "there is no such file any more");
}

#[test]
fn of_a_refused_snapshot_nothing_but_that_is_said() {
    let (mut disk, mut snapshots) = held();
    let (mut bytes, id) = file(&meta(7), &[1; 500]);
    bytes[300] ^= 1;
    snapshots.receive(&mut disk, id, 0, &Bytes::copy_from_slice(&bytes[..200]));
    snapshots.receive(&mut disk, id, 200, &Bytes::copy_from_slice(&bytes[200..]));
    let events = settle(&mut snapshots, &mut disk);
    assert!(matches!(&events[..], [Event::Refused { snapshot, .. }] if *snapshot == id), "{events:?}");
}

#[test]
fn pieces_of_what_was_not_begun_are_passed_over() {
    let (mut disk, mut snapshots) = held();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    let rest = Bytes::copy_from_slice(&bytes[200..]);
    snapshots.receive(&mut disk, id, 200, &rest);
    snapshots.receive(&mut disk, id, 0, &Bytes::copy_from_slice(&bytes[..200]));
    snapshots.receive(&mut disk, SnapshotId { hash: [0; 32], ..id }, 200, &rest);
    let events = settle(&mut snapshots, &mut disk);
    assert_eq!(events, [Event::Written { snapshot: id, end: 200 }]);
}

#[test]
fn a_snapshot_that_is_another_than_was_announced_is_refused() {
    let (mut disk, mut snapshots) = held();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    let announced = SnapshotId { hash: [0; 32], ..id };
    snapshots.receive(&mut disk, announced, 0, &Bytes::from(bytes));
    let events = settle(&mut snapshots, &mut disk);
    assert!(matches!(&events[..], [Event::Refused { snapshot, .. }] if *snapshot == announced), "{events:?}");
    assert_eq!(files(&disk), [""; 0]);
}

#[test]
fn a_nodes_own_that_is_not_what_it_is_said_to_be_is_not_stored() {
    let (bytes, id) = file(&meta(7), &[1; 500]);
    let cut = SnapshotId { length: id.length + 1, ..id };
    let other = SnapshotId { hash: [0; 32], ..id };
    for (bytes, id) in [(&bytes[..], cut), (&bytes[..], other), (&bytes[..bytes.len() - 1], id), (&[], id)] {
        let (mut disk, mut snapshots) = held();
        snapshots.begin();
        snapshots.feed(&mut disk, Bytes::copy_from_slice(bytes));
        snapshots.end(&mut disk, Ok((id, meta(7))));
        let events = settle(&mut snapshots, &mut disk);
        assert!(matches!(events[..], [Event::Failed(_)]), "{events:?}");
        assert_eq!(files(&disk), [""; 0]);
    }
}

/// Unlike a full disk, which a snapshot can do without.
#[test]
fn a_disk_that_fails_is_not_a_snapshot_that_does() {
    let (mut disk, mut snapshots) = held();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    disk.fault(Fault::Sync(disk.syncs(), SyncFailure::CacheKeepsNew));
    snapshots.begin();
    snapshots.feed(&mut disk, Bytes::from(bytes));
    snapshots.end(&mut disk, Ok((id, meta(7))));
    let written = disk.wait().unwrap();
    assert_eq!(snapshots.complete(&mut disk, &written), Ok(None));
    let synced = disk.wait().unwrap();
    assert!(synced.result.is_err() && snapshots.complete(&mut disk, &synced).is_err());
}

#[test]
fn at_the_end_of_a_snapshot_there_is_nothing_more_to_read() {
    let (mut disk, mut snapshots) = held();
    let (id, _) = store(&mut snapshots, &mut disk, 7, &[1; 500]);
    for (offset, length) in [(id.length - 1, Some(1)), (id.length, None)] {
        snapshots.read(&mut disk, ReadFor::Restore, id, offset, 10);
        let events = settle(&mut snapshots, &mut disk);
        let [Event::Piece { data, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(data.as_ref().map(Bytes::len), length);
    }
}

#[test]
fn pieces_may_be_of_any_size_and_the_last_one_ends_it() {
    let (bytes, id) = file(&meta(7), &[1; 500]);
    for size in [1, 100, bytes.len() - 1, bytes.len()] {
        let (mut disk, mut snapshots) = held();
        for (at, piece) in bytes.chunks(size).enumerate() {
            snapshots.receive(&mut disk, id, (at * size) as u64, &Bytes::copy_from_slice(piece));
        }
        let events = settle(&mut snapshots, &mut disk);
        let ends = bytes.chunks(size).scan(0, |end, piece| {
            *end += piece.len() as u64;
            Some(*end)
        });
        let written = ends.map(|end| Event::Written { snapshot: id, end });
        let expected: Vec<_> = written.chain([Event::Received { id, meta: meta(7) }]).collect();
        assert_eq!(events, expected, "{size}");
    }
}

#[test]
fn a_file_is_known_whatever_it_is_to_be_or_was() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let old = [7, 8, 9].map(|n| file_of(store(&mut snapshots, &mut disk.clone(), n, b"x").0.last));
    disk.end_process();
    let (mut snapshots, ..) = opened(&disk);
    assert!(old.iter().all(|file| snapshots.knows(file)), "the newest, and those that go with the next");
    disk.hold();
    let mut disk = disk.clone();
    let (bytes, id) = file(&meta(12), &[1; 500]);
    snapshots.begin();
    snapshots.feed(&mut disk, Bytes::from(bytes));
    snapshots.end(&mut disk, Ok((id, meta(12))));
    let names = ["snapshots/own-1.part".to_owned(), file_of(id.last)];
    let mut known = Vec::new();
    for _ in 0..20 {
        known.push(names.each_ref().map(|name| snapshots.knows(name)));
        let Some(completion) = disk.wait() else { break };
        snapshots.complete(&mut disk, &completion).unwrap();
    }
    known.dedup();
    assert_eq!(known, [[true, false], [true, true], [false, true]]);
    assert!(!snapshots.knows("wal/0000000001.log"));
}

/// One that reads and one that walks beside one that is written.
#[test]
fn every_operation_is_owned_until_it_has_ended_and_no_other() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    let mut disk = disk.clone();
    let (id, _) = store(&mut snapshots, &mut disk, 7, &[1; 500]);
    disk.hold();
    snapshots.walk(&mut disk, 1);
    snapshots.read(&mut disk, ReadFor::Restore, id, 0, 10);
    snapshots.read(&mut disk, ReadFor::Peer(NodeId(2)), id, 4, 10);
    snapshots.begin();
    snapshots.feed(&mut disk, Bytes::from_static(b"block"));
    let stranger = disk.submit_aside(Op::List { dir: DIRECTORY.to_owned() });
    let mut ended: Vec<Completion> = std::iter::from_fn(|| disk.wait()).take(10).collect();
    assert_eq!(ended.pop().map(|completion| completion.id), Some(stranger));
    assert!(!snapshots.owns(stranger));
    assert_eq!(ended.len(), 4);
    for completion in ended.iter().rev() {
        assert!(snapshots.owns(completion.id));
        snapshots.complete(&mut disk, completion).unwrap();
        assert!(!snapshots.owns(completion.id));
    }
}
