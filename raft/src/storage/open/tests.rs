//! Wrong directories, damage, and what is cut off.

use bytes::Bytes;

use super::super::inspect::inspect;
use super::super::memory::{Fault, Queue, Ran, SimDisk};
use super::super::record::BATCH_HEADER;
use super::super::snapshot::{self, body};
use super::super::testing::{
    SEGMENT, SEGMENT_BYTES, after, cluster, commit, copy, entry, linked, open, persist, vote,
};
use super::super::{MemoryDisk, Recovered, Storage};
use super::*;
use crate::consensus::entry::Chain;
use crate::consensus::snapshot::SnapshotMeta;
use crate::consensus::types::{ClusterId, Incarnation, NodeId};

/// A small log and what it held after each of its writes.
struct Sample {
    memory: MemoryDisk,
    content: Vec<u8>,
    states: Vec<Recovered>,
    /// Where the log ended after each write.
    ends: Vec<usize>,
}

fn sample(marked: bool) -> Sample {
    let memory = MemoryDisk::new();
    let (mut storage, ..) = open(memory.clone()).unwrap();
    let mut states = vec![Recovered::default()];
    let mut ends = vec![memory.content(SEGMENT).unwrap().len()];
    let writes = [
        persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"first"), entry(2, 1, &[1; 100])]),
        persist(2, None, vec![entry(3, 1, &[2; 200])]),
        persist(3, Some(HardState { voted_for: None, ..vote(2, 0) }), vec![]),
        persist(4, Some(vote(3, 2)), vec![entry(2, 3, b"replaces two"), entry(3, 3, &[])]),
        persist(5, None, vec![entry(4, 3, &[3; 60])]),
    ];
    for persist in writes {
        let before = &states[states.len() - 1];
        let persist = linked(before, persist);
        commit(&mut storage, &persist).unwrap();
        states.push(after(before, &persist));
        ends.push(memory.content(SEGMENT).unwrap().len());
    }
    if marked {
        storage.flush().unwrap();
    }
    drop(storage);
    let content = memory.content(SEGMENT).unwrap();
    Sample { memory, content, states, ends }
}

impl Sample {
    /// Opens a copy whose first segment has this content.
    fn open_with(&self, content: Vec<u8>) -> Result<Recovered, OpenError> {
        let memory = MemoryDisk::new();
        copy(&self.memory, &memory);
        memory.overwrite(SEGMENT, content);
        let found = open(memory.clone()).map(|(_, _, recovered)| recovered);
        memory.lose_power();
        assert_eq!(open(memory.clone()).map(|(_, _, recovered)| recovered), found, "the same again");
        found
    }

    /// Whether a log that is being repaired says so, and holds nothing that was never written.
    fn is_named_loss(&self, recovered: &Recovered) -> bool {
        let last = self.states[5].entries.last().unwrap().id;
        let written = |entry: &Entry| self.states.iter().any(|state| state.entries.contains(entry));
        recovered.repair == Some(Repair { least: last })
            && recovered.hard_state == self.states[5].hard_state
            && recovered.entries.iter().all(written)
    }
}

#[test]
fn every_flipped_bit_is_harmless_or_named_or_only_costs_what_was_not_known_durable() {
    for marked in [true, false] {
        let sample = sample(marked);
        let known_durable = sample.ends[if marked { 5 } else { 4 }];
        for at in 0..sample.content.len() {
            for bit in 0..8 {
                let mut content = sample.content.clone();
                content[at] ^= 1 << bit;
                let place = format!("marked {marked} byte {at} bit {bit}");
                let recovered = sample.open_with(content).unwrap_or_else(|e| panic!("{place}: {e}"));
                if at >= known_durable {
                    let expected = &sample.states[if marked { 5 } else { 4 }];
                    assert_eq!(&recovered, expected, "{place}");
                } else {
                    let same = recovered == sample.states[5];
                    let cut = !marked && recovered.repair.is_none() && recovered == sample.states[4];
                    let named = recovered.repair.is_some();
                    assert!(same || named || cut, "{place}: {recovered:?}");
                    assert!(!named || sample.is_named_loss(&recovered) || !marked, "{place}: {recovered:?}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_leaves_the_whole_batches_before_it() {
    let sample = sample(true);
    for length in 0..sample.content.len() {
        let result = sample.open_with(sample.content[..length].to_vec());
        let whole = sample.ends.iter().filter(|end| **end <= length).count();
        match (whole, result) {
            // Perhaps the segment's first batch, which says that nothing was there.
            (0, Ok(recovered)) => assert_eq!(recovered, Recovered::default(), "cut at {length}"),
            (0, Err(error)) => assert!(matches!(error, OpenError::NoHardState { .. }), "cut at {length}"),
            (whole, result) => assert_eq!(result.as_ref(), Ok(&sample.states[whole - 1]), "cut at {length}"),
        }
    }
}

#[test]
fn lost_entries_keep_term_and_vote_and_the_end_of_the_log() {
    let sample = sample(true);
    let mut content = sample.content.clone();
    content[sample.ends[4] + BATCH_HEADER + 3] ^= 1;
    let recovered = sample.open_with(content).unwrap();
    let least = sample.states[5].entries[3].id;
    let expected = Recovered { repair: Some(Repair { least }), ..sample.states[4].clone() };
    assert_eq!(recovered, expected);
}

#[test]
fn damage_to_what_was_replaced_since_costs_nothing() {
    let sample = sample(true);
    for damaged in [sample.ends[1], sample.ends[2] - 1, sample.ends[2] + 40] {
        let mut content = sample.content.clone();
        content[damaged] ^= 1;
        assert_eq!(sample.open_with(content), Ok(sample.states[5].clone()), "byte {damaged}");
    }
}

/// The page cache may show a tail that no sync ever brought to the disk.
#[test]
fn the_recovered_tail_is_written_again() {
    let sample = sample(false);
    let durable = sample.content[..sample.ends[4]].to_vec();
    sample.memory.overwrite(SEGMENT, durable);
    let mut cache = sample.memory.clone();
    let data = Bytes::copy_from_slice(&sample.content[sample.ends[4]..]);
    run(&mut cache, Op::Write { file: SEGMENT.to_owned(), offset: sample.ends[4] as u64, data }).unwrap();
    let (_, _, recovered) = open(sample.memory.clone()).unwrap();
    assert_eq!(recovered, sample.states[5]);
    sample.memory.lose_power();
    assert_eq!(open(sample.memory.clone()).unwrap().2, sample.states[5]);
}

#[test]
fn one_process_at_a_time() {
    let memory = MemoryDisk::new();
    let first = open(memory.clone()).unwrap();
    assert!(matches!(open(memory.clone()), Err(OpenError::InUse { .. })));
    drop(first);
    assert!(open(memory.clone()).is_ok());
}

#[test]
fn an_incarnation_is_drawn_once() {
    let memory = MemoryDisk::new();
    let node = NodeId(1);
    let (_, identity, _) = Storage::open(memory.clone(), &cluster(), node, Incarnation(1)).unwrap();
    assert_eq!(identity.incarnation, Incarnation(1));
    let (_, identity, _) = Storage::open(memory.clone(), &cluster(), node, Incarnation(2)).unwrap();
    assert_eq!(identity.incarnation, Incarnation(1));
}

#[test]
fn the_wrong_cluster_or_node_is_refused_and_nothing_touched() {
    let sample = sample(false);
    let before = (sample.memory.content(SEGMENT), sample.memory.content("identity"));
    let other = ClusterId::new("south").unwrap();
    let error = Storage::open(sample.memory.clone(), &other, NodeId(1), Incarnation(8)).unwrap_err();
    assert!(matches!(error, OpenError::WrongCluster { .. }), "{error}");
    let error = Storage::open(sample.memory.clone(), &cluster(), NodeId(2), Incarnation(8)).unwrap_err();
    assert!(matches!(error, OpenError::WrongNode { .. }), "{error}");
    assert_eq!((sample.memory.content(SEGMENT), sample.memory.content("identity")), before);
}

#[test]
fn a_lost_or_damaged_identity_never_becomes_a_new_one() {
    let sample = sample(false);
    sample.memory.overwrite("identity", b"raft data directory\nformat 2\n".to_vec());
    assert!(matches!(open(sample.memory.clone()), Err(OpenError::DamagedIdentity { .. })));
    sample.memory.lose("identity");
    assert!(matches!(open(sample.memory.clone()), Err(OpenError::MissingIdentity { .. })));
    assert_eq!(sample.memory.content(SEGMENT), Some(sample.content));
}

#[test]
fn without_a_readable_term_and_vote_a_node_does_not_start() {
    let sample = sample(false);
    sample.memory.overwrite(SEGMENT, vec![0; sample.content.len()]);
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(error, OpenError::NoHardState { .. }), "{error}");
    sample.memory.lose(SEGMENT);
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(error, OpenError::NoHardState { .. }), "{error}");
}

#[test]
fn a_strange_segment_is_refused() {
    let sample = sample(false);
    let strange = Op::Write { file: "wal/strange.log".to_owned(), offset: 0, data: Bytes::new() };
    run(&mut sample.memory.clone(), strange).unwrap();
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(&error, OpenError::Damaged { file, .. } if file == "wal/strange.log"), "{error}");
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let sample = sample(false);
    let mut content = sample.content.clone();
    content[8..12].copy_from_slice(&3_u32.to_le_bytes());
    assert_eq!(sample.open_with(content), Ok(sample.states[5].clone()), "a flipped number is no format");
    let mut newer = vec![0; sample.content.len()];
    newer[..12].copy_from_slice(&[&b"raft-wal"[..], &3_u32.to_le_bytes()].concat());
    sample.memory.overwrite(SEGMENT, newer);
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(error, OpenError::NewerFormat { found: 3, .. }), "{error}");
}

/// The file of a snapshot, with another number for its format, and what is left of an unfinished one.
fn with_snapshot(of: &ClusterId, format: u32, intact: bool) -> (MemoryDisk, String) {
    let sample = sample(false);
    let base = Base { id: sample.states[5].entries[1].id, chain: Chain(1) };
    let (meta, mut file) = (SnapshotMeta { base, membership: Membership::default() }, Vec::new());
    body::write(of, meta, b"", &Bytes::from_static(b"state"), |block| {
        file.extend_from_slice(&block);
        Ok(())
    })
    .unwrap();
    file[8..12].copy_from_slice(&format.to_le_bytes());
    let end = 20 + usize::from(file[16]);
    let crc = crate::checksum::crc32c(&file[..end]) ^ u32::from(!intact);
    file[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    let name = snapshot::file_of(base.id);
    for (file, data) in [(name.clone(), file), ("snapshots/own-1.part".to_owned(), vec![1; 9])] {
        let data = Bytes::from(data);
        run(&mut sample.memory.clone(), Op::WriteSync { file, offset: 0, data }).unwrap();
    }
    run(&mut sample.memory.clone(), Op::SyncDir { dir: "snapshots".to_owned() }).unwrap();
    (sample.memory, name)
}

#[test]
fn a_snapshot_of_a_newer_format_or_another_cluster_is_refused_and_nothing_touched() {
    for other in [false, true] {
        let of = if other { ClusterId::new("south").unwrap() } else { cluster() };
        let (memory, name) = with_snapshot(&of, if other { 1 } else { 2 }, true);
        let before = [&name, SEGMENT, "snapshots/own-1.part"].map(|file| memory.content(file));
        assert!(before.iter().all(Option::is_some));
        let errors = [open(memory.clone()).unwrap_err(), inspect(&mut memory.clone()).unwrap_err()];
        for error in errors {
            let newer = matches!(error, OpenError::NewerFormat { found: 2, known: 1, .. });
            let foreign = matches!(&error, OpenError::ForeignSnapshot { file, .. } if *file == name);
            assert_eq!((newer, foreign), (!other, other), "{error}");
        }
        assert_eq!([&name, SEGMENT, "snapshots/own-1.part"].map(|file| memory.content(file)), before);
    }
    let (memory, name) = with_snapshot(&cluster(), 2, false);
    assert_eq!(inspect(&mut memory.clone()).unwrap().bad_snapshots[0].0, name);
    assert!(open(memory.clone()).is_ok(), "a flipped number is no format");
    assert_eq!(memory.content("snapshots/own-1.part"), None);
}

/// What is in the way of one thing is found before another is tidied up.
#[test]
fn where_the_log_is_of_a_newer_format_no_snapshot_is_touched() {
    let (memory, _) = with_snapshot(&cluster(), 2, false);
    let mut newer = vec![0; memory.content(SEGMENT).unwrap().len()];
    newer[..12].copy_from_slice(&[&b"raft-wal"[..], &3_u32.to_le_bytes()].concat());
    memory.overwrite(SEGMENT, newer);
    assert!(matches!(open(memory.clone()), Err(OpenError::NewerFormat { .. })));
    assert!(memory.content("snapshots/own-1.part").is_some());
}

#[test]
fn the_segment_of_another_directory_is_not_taken_for_ours() {
    let (mine, theirs) = (MemoryDisk::new(), MemoryDisk::new());
    drop(open(mine.clone()).unwrap());
    let (storage, ..) =
        Storage::open_with(theirs.clone(), &cluster(), NodeId(1), Incarnation(8), SEGMENT_BYTES).unwrap();
    drop(storage);
    mine.overwrite(SEGMENT, theirs.content(SEGMENT).unwrap());
    assert!(matches!(open(mine.clone()), Err(OpenError::NoHardState { .. })));
}

/// A crash while a directory is being made is no lost member.
#[test]
fn a_directory_that_was_half_made_is_made() {
    for budget in 0..40 {
        let memory = MemoryDisk::new();
        let disk = super::super::testing::ManualDisk::with_budget(&memory, budget);
        let made = open(disk.clone()).is_ok();
        disk.crash(&mut fastrand::Rng::with_seed(budget));
        let again = open(memory.clone());
        assert!(again.is_ok(), "after {budget} operations: {:?}", again.err());
        if made {
            return;
        }
    }
    panic!("never made");
}

/// A snapshot takes the place of a log that has other entries there, and what follows goes with it as one batch.
#[test]
fn what_follows_a_snapshot_in_one_batch_is_found_again() {
    let mut storage = open(SimDisk::new()).unwrap().0;
    let run = |storage: &mut Storage<SimDisk>| {
        while let Some(Ran { done, .. }) =
            { storage.disk_mut().run_next(Queue::Log) }.or_else(|| storage.disk_mut().run_next(Queue::Aside))
        {
            assert!(done);
            storage.pump().unwrap();
        }
    };
    let old = persist(1, Some(vote(1, 1)), (1..=4).map(|index| entry(index, 1, b"old")).collect());
    storage.append(&old);
    storage.pump().unwrap();
    run(&mut storage);
    let base = Base { id: entry(3, 2, b"").id, chain: Chain(3) };
    let meta = SnapshotMeta { base, membership: Default::default() };
    let (bytes, id) = snapshot_file(meta);
    storage.receive_snapshot(id, 0, &bytes);
    run(&mut storage);
    // While this is written the others wait.
    storage.append(&persist(2, Some(vote(2, 2)), Vec::new()));
    storage.pump().unwrap();
    storage.append(&Persist { base: Some(base), prev_chain: base.chain, ..persist(3, None, Vec::new()) });
    let entries = vec![entry(4, 2, b"new"), entry(5, 2, b"new")];
    storage.append(&Persist { prev_chain: base.chain, ..persist(4, None, entries.clone()) });
    run(&mut storage);
    let mut disk = storage.into_disk();
    disk.crash(|_| false, 0);
    let (_, _, found) = open(disk).unwrap();
    assert_eq!((found.base, found.entries, found.repair), (base, entries, None));
}

/// The log's writes stand still while others commit, and a snapshot of what was applied is stored aside.
#[test]
fn a_snapshot_may_be_durable_before_its_term_is() {
    for damaged in [false, true] {
        snapshot_of_a_later_term(damaged);
    }
}

#[test]
fn a_vote_of_the_snapshots_own_term_stays_as_it_is() {
    let base = Base { id: entry(2, 3, b"").id, chain: Chain(2) };
    let behind = |term| behind_snapshot(vote(term, 2), base, NodeId(1));
    assert_eq!([2, 3, 4].map(behind), [Some(vote(3, 1)), None, None]);
}

fn snapshot_of_a_later_term(damaged: bool) {
    let mut storage = open(SimDisk::new()).unwrap().0;
    let old = (1..=4).map(|index| entry(index, 1, b"old")).collect();
    storage.append(&persist(1, Some(vote(1, 2)), old));
    storage.flush().unwrap();
    // Its header says that the first was durable.
    storage.append(&persist(2, Some(vote(2, 2)), Vec::new()));
    storage.flush().unwrap();
    let base = Base { id: entry(2, 3, b"").id, chain: Chain(2) };
    let meta = SnapshotMeta { base, membership: Default::default() };
    let (bytes, id) = snapshot_file(meta);
    storage.receive_snapshot(id, 0, &bytes);
    while storage.disk_mut().run_next(Queue::Aside).is_some() {
        storage.pump().unwrap();
    }
    let mut disk = storage.into_disk();
    if damaged {
        let payload = disk.durable(SEGMENT).unwrap().windows(3).position(|bytes| bytes == b"old").unwrap();
        disk.fault(Fault::Rot { file: SEGMENT.to_owned(), offset: payload as u64, bit: 0 });
    }
    for _ in 0..2 {
        disk.crash(|_| false, 0);
        let (storage, identity, found) = open(disk).unwrap();
        // What it acknowledged in that term nobody knows: no log that ends in it is enough.
        let least = crate::LogId { term: crate::Term(4), index: LogIndex(0) };
        assert_eq!((found.base, found.repair), (base, damaged.then_some(Repair { least })));
        assert_eq!(found.hard_state, vote(3, 1), "no vote in it is given that may have been given before");
        disk = storage.into_disk();
        disk.crash(|_| false, 0);
        let durable = crate::storage::durable_log::DurableLog::of(&disk, &identity);
        assert_eq!(durable.hard_state(), found.hard_state, "it may speak in it");
    }
}

fn snapshot_file(meta: SnapshotMeta) -> (Bytes, crate::consensus::snapshot::SnapshotId) {
    let mut bytes = Vec::new();
    let id = body::write(&cluster(), meta, b"", &Bytes::new(), |block| {
        bytes.extend_from_slice(&block);
        Ok(())
    });
    (bytes.into(), id.unwrap())
}
