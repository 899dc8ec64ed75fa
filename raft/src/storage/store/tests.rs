//! A node's disk as a whole.

use std::io::Read;

use super::super::memory::MemoryDisk;
use super::super::snapshot::body;
use super::super::testing::{after, cluster, commit, entry, linked, persist, vote};
use super::*;
use crate::consensus::entry::Chain;
use crate::consensus::snapshot::Base;
use crate::consensus::types::{LogId, Term};

fn opened(disk: &MemoryDisk) -> Storage<MemoryDisk> {
    Storage::open(disk.clone(), &cluster(), NodeId(1), Incarnation(7)).unwrap().0
}

#[test]
fn a_segment_of_the_usual_length_takes_many_writes() {
    let mut storage = opened(&MemoryDisk::new());
    let mut held = Recovered::default();
    for id in 1..=20 {
        let next = linked(&held, persist(id, Some(vote(1, 1)), vec![entry(id, 1, &[7; 1000])]));
        held = after(&held, &next);
        commit(&mut storage, &next).unwrap();
    }
    assert_eq!((storage.stats().segments, storage.scrubbed().count()), (1, 0));
}

#[test]
fn a_snapshot_that_was_not_begun_takes_no_block() {
    let mut storage = opened(&MemoryDisk::new());
    assert!(!storage.may_feed_snapshot());
    storage.begin_snapshot();
    assert!(storage.may_feed_snapshot());
}

/// A snapshot of this state, stored; and its name.
fn snapshot(storage: &mut Storage<MemoryDisk>, state: &Bytes) -> SnapshotId {
    let base = Base { id: LogId { term: Term(1), index: LogIndex(3) }, chain: Chain(3) };
    let (mut bytes, meta) = (Vec::new(), SnapshotMeta { base, membership: Membership::default() });
    let id = body::write(&cluster(), meta, b"sessions", state, |block| {
        bytes.extend_from_slice(&block);
        Ok(())
    });
    let id = id.unwrap();
    storage.receive_snapshot(id, 0, &bytes.into());
    for _ in 0..100 {
        storage.pump().unwrap();
        if storage.next_event().is_some_and(|event| matches!(event, Event::Received { .. })) {
            return id;
        }
    }
    panic!("it was not stored");
}

#[test]
fn a_body_is_read_piece_by_piece_to_its_end() {
    let mut rng = fastrand::Rng::with_seed(1);
    let piece = usize::try_from(PIECE).unwrap();
    let state: Bytes = std::iter::repeat_with(|| rng.u8(..)).take(2 * piece + 1000).collect();
    let mut storage = opened(&MemoryDisk::new());
    let id = snapshot(&mut storage, &state);
    let read = storage.read_body(id, |reader| {
        let sessions = reader.sessions()?;
        let mut read = Vec::new();
        reader.read_to_end(&mut read)?;
        reader.finish()?;
        Ok((sessions, read))
    });
    let (sessions, read) = read.unwrap();
    assert_eq!(sessions, b"sessions");
    assert!(read == state);
}

#[test]
fn a_snapshot_that_is_kept_is_known_by_its_file() {
    let mut storage = opened(&MemoryDisk::new());
    let id = snapshot(&mut storage, &Bytes::new());
    assert!(storage.knows_snapshot_file(&file_of(id.last)));
    assert!(!storage.knows_snapshot_file("snapshots/what is this"));
}
