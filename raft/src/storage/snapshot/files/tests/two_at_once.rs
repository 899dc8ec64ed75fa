//! Of two that are under way at once each is what it is known for, or gone.

use super::*;

/// Whether a file holds just the snapshot that it is known for.
fn holds(disk: &MemoryDisk, id: SnapshotId) -> bool {
    let verified = verify(&mut disk.clone(), &cluster(), &file_of(id.last)).unwrap();
    verified.is_ok_and(|(found, _)| found == id)
}

/// One of this node's own and one from the leader, in every order of their steps.
#[test]
fn every_file_is_known_and_holds_what_it_is_known_for() {
    for (last, begin) in (7..=9).flat_map(|last| (0..20).map(move |begin| (last, begin))) {
        let disk = MemoryDisk::new();
        let (mut snapshots, ..) = opened(&disk);
        disk.hold();
        let mut handle = disk.clone();
        let ((own, own_id), (theirs, theirs_id)) = (file(&meta(8), &[1; 500]), file(&meta(last), &[2; 900]));
        let (first_is_own, begin) = (begin < 10, begin % 10);
        let start = |snapshots: &mut Snapshots, handle: &mut MemoryDisk, own_one: bool| {
            if own_one {
                snapshots.begin();
                snapshots.feed(handle, Bytes::copy_from_slice(&own));
                snapshots.end(handle, Ok((own_id, meta(8))));
            } else {
                snapshots.receive(handle, theirs_id, 0, &Bytes::copy_from_slice(&theirs));
            }
        };
        start(&mut snapshots, &mut handle, first_is_own);
        let mut events = Vec::new();
        for _ in 0..begin {
            let Some(completion) = handle.wait() else { break };
            events.extend(snapshots.complete(&mut handle, &completion).unwrap());
        }
        start(&mut snapshots, &mut handle, !first_is_own);
        events.extend(settle(&mut snapshots, &mut handle));
        let known: Vec<String> = snapshots.known.iter().map(|id| file_of(id.last)).collect();
        let there: Vec<String> = files(&disk).iter().map(|name| format!("{DIRECTORY}/{name}")).collect();
        assert_eq!(there, known, "{last}, {first_is_own} {begin}");
        assert!(snapshots.known.iter().all(|id| holds(&disk, *id)), "{last}, {first_is_own} {begin}");
        // The log is compacted against it, and it is what is sent.
        let stored = events.contains(&Event::Stored { id: own_id, meta: meta(8) });
        assert!(!stored || snapshots.known.contains(&own_id), "{last}, {first_is_own} {begin}");
    }
}

#[test]
fn a_named_snapshot_that_another_replaces_is_known() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    disk.hold();
    let mut handle = disk.clone();
    let ((one, one_id), (two, two_id)) = (file(&meta(7), &[1; 500]), file(&meta(9), &[2; 500]));
    snapshots.receive(&mut handle, one_id, 0, &Bytes::from(one));
    for _ in 0..100 {
        if files(&disk) == [file_of(one_id.last).trim_start_matches("snapshots/")] {
            break;
        }
        let completion = handle.wait().unwrap();
        snapshots.complete(&mut handle, &completion).unwrap();
    }
    snapshots.receive(&mut handle, two_id, 0, &Bytes::from(two));
    settle(&mut snapshots, &mut handle);
    assert_eq!(snapshots.known, [one_id, two_id]);
}

#[test]
fn nothing_is_left_of_what_is_given_up() {
    let disk = MemoryDisk::new();
    let (mut snapshots, ..) = opened(&disk);
    disk.hold();
    let mut handle = disk.clone();
    let (bytes, id) = file(&meta(7), &[1; 500]);
    for newer in [id, SnapshotId { length: id.length + 1, ..id }] {
        snapshots.receive(&mut handle, newer, 0, &Bytes::copy_from_slice(&bytes[..200]));
    }
    settle(&mut snapshots, &mut handle);
    assert_eq!(files(&disk), ["received-2.part"]);
    let (own, events) = store(&mut snapshots, &mut handle, 8, b"own");
    assert_eq!(events.last(), Some(&Event::Stored { id: own, meta: meta(8) }));
    settle(&mut snapshots, &mut handle);
    assert_eq!(files(&disk).len(), 1, "{:?}", files(&disk));
}
