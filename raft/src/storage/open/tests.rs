//! Wrong directories, damage, and what is cut off.

use super::super::record::{BATCH_HEADER, Batch, BatchHeader};
use super::super::testing::{SEGMENT, after, cluster, commit, entry, identity, open, persist, vote};
use super::super::{MemoryDisk, Recovered, Wal};
use super::*;
use crate::consensus::io::Persist;
use crate::consensus::types::{ClusterId, HardState, Incarnation, NodeId};

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
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let mut states = vec![Recovered::default()];
    let mut ends = vec![SEGMENT_HEADER];
    let writes = [
        persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"first"), entry(2, 1, &[1; 100])]),
        persist(2, None, vec![entry(3, 1, &[2; 200])]),
        persist(3, Some(HardState { voted_for: None, ..vote(2, 0) }), vec![]),
        persist(4, Some(vote(3, 2)), vec![entry(2, 3, b"replaces two"), entry(3, 3, &[])]),
        persist(5, None, vec![entry(4, 3, &[3; 60])]),
    ];
    for persist in &writes {
        commit(&mut wal, persist).unwrap();
        states.push(after(&states[states.len() - 1], persist));
        ends.push(memory.content(SEGMENT).unwrap().len());
    }
    if marked {
        wal.flush().unwrap();
    }
    drop(wal);
    let content = memory.content(SEGMENT).unwrap();
    Sample { memory, content, states, ends }
}

impl Sample {
    fn open_with(&self, content: Vec<u8>) -> Result<Recovered, OpenError> {
        self.memory.overwrite(SEGMENT, content);
        open(self.memory.clone()).map(|(_, _, recovered)| recovered)
    }
}

#[test]
fn every_flipped_bit_is_named_or_only_costs_what_was_not_known_durable() {
    for marked in [true, false] {
        let sample = sample(marked);
        let known_durable = sample.ends[if marked { 5 } else { 4 }];
        for at in 0..sample.content.len() {
            for bit in 0..8 {
                let mut content = sample.content.clone();
                content[at] ^= 1 << bit;
                let place = format!("marked {marked} byte {at} bit {bit}");
                match sample.open_with(content) {
                    Err(OpenError::Damaged { file, offset, .. }) => {
                        assert!(at < known_durable, "{place}");
                        assert_eq!(file, SEGMENT);
                        assert!(offset <= at as u64, "{place}: {offset}");
                    }
                    Ok(recovered) => {
                        assert!(at >= known_durable, "{place}: accepted {recovered:?}");
                        let expected = &sample.states[if marked { 5 } else { 4 }];
                        assert_eq!(&recovered, expected, "{place}");
                    }
                    Err(error) => panic!("{place}: {error}"),
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
        if whole == 0 {
            assert!(matches!(result, Err(OpenError::Damaged { offset: 0, .. })), "cut at {length}");
        } else {
            assert_eq!(result.as_ref(), Ok(&sample.states[whole - 1]), "cut at {length}");
        }
    }
}

#[test]
fn damage_says_where_it_is_and_leaves_the_file_alone() {
    let sample = sample(true);
    let mut content = sample.content.clone();
    content[sample.ends[1] + BATCH_HEADER + 3] ^= 1;
    let error = sample.open_with(content.clone()).unwrap_err();
    let expected = OpenError::Damaged {
        directory: "the disk in memory".to_owned(),
        file: SEGMENT.to_owned(),
        offset: sample.ends[1] as u64,
        index: LogIndex(2),
        what: "the batch there is not what was written",
    };
    assert_eq!(error, expected);
    assert!(error.to_string().contains("replace this member"), "{error}");
    assert_eq!(sample.memory.content(SEGMENT), Some(content));
}

/// A batch that stands behind a torn one may be intact, since sectors persist in any order.
#[test]
fn an_intact_batch_behind_the_cut_never_comes_back() {
    let memory = MemoryDisk::new();
    drop(open(memory.clone()).unwrap());
    let torn = persist(1, Some(vote(1, 1)), vec![entry(1, 1, b"torn")]);
    let behind = persist(2, Some(vote(2, 2)), vec![entry(2, 2, b"never acknowledged")]);
    let seed = Seed::new(&identity(), FIRST);
    let start = SEGMENT_HEADER as u64;
    let header = BatchHeader { previous: seed.chain(), sequence: 0, offset: start, synced: start };
    let (mut first, crc) = sealed(&torn, header, seed);
    let offset = start + first.len() as u64;
    let (second, _) =
        sealed(&behind, BatchHeader { previous: crc, sequence: 1, offset, synced: start }, seed);
    first[BATCH_HEADER + 5] ^= 1;
    let head = memory.content(SEGMENT).unwrap();
    memory.overwrite(SEGMENT, [head, first, second].concat());

    let (mut wal, _, recovered) = open(memory.clone()).unwrap();
    assert_eq!(recovered, Recovered::default());
    // The very same write again: its batch has the same bytes, and the one behind would fit.
    commit(&mut wal, &torn).unwrap();
    memory.crash();
    let (_, _, recovered) = open(memory.clone()).unwrap();
    assert_eq!(recovered.entries, torn.entries);
}

fn sealed(persist: &Persist, header: BatchHeader, seed: Seed) -> (Vec<u8>, u32) {
    let mut batch = Batch::new();
    persist.hard_state.iter().for_each(|state| batch.hard_state(state));
    persist.entries.iter().for_each(|entry| batch.entry(entry));
    batch.seal(header, seed)
}

/// What an overwritten log left behind is intact and at home, but does not follow.
#[test]
fn an_intact_batch_that_does_not_follow_is_not_part_of_the_log() {
    let sample = sample(false);
    let seed = Seed::new(&identity(), FIRST);
    let scan = scan(&Bytes::from(sample.content.clone()), seed).unwrap();
    let (offset, synced) = (scan.end, scan.synced);
    let good = BatchHeader { previous: scan.previous, sequence: scan.sequence, offset, synced };
    let old = persist(9, Some(vote(9, 9)), Vec::new());
    for (header, follows) in [
        (good, true),
        (BatchHeader { previous: good.previous ^ 1, ..good }, false),
        (BatchHeader { sequence: good.sequence - 1, ..good }, false),
        (BatchHeader { sequence: good.sequence + 1, ..good }, false),
        (BatchHeader { offset: offset + 8, ..good }, false),
    ] {
        let content = [sample.content.clone(), sealed(&old, header, seed).0].concat();
        let expected = if follows { after(&sample.states[5], &old) } else { sample.states[5].clone() };
        assert_eq!(sample.open_with(content), Ok(expected), "{header:?}");
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
    sample.memory.crash();
    assert_eq!(open(sample.memory.clone()).unwrap().2, sample.states[5]);
}

#[test]
fn entries_without_a_term_as_recent_are_refused() {
    for hard_state in [None, Some(vote(1, 1))] {
        let memory = MemoryDisk::new();
        let (mut wal, ..) = open(memory.clone()).unwrap();
        commit(&mut wal, &persist(1, hard_state, vec![entry(1, 2, b"a")])).unwrap();
        drop(wal);
        let error = open(memory.clone()).unwrap_err();
        assert!(matches!(error, OpenError::NoHardState { index: LogIndex(1), .. }), "{error}");
    }
}

#[test]
fn a_gap_between_entries_is_damage() {
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    commit(&mut wal, &persist(1, Some(vote(1, 1)), vec![entry(2, 1, b"a")])).unwrap();
    drop(wal);
    assert!(matches!(open(memory.clone()), Err(OpenError::Damaged { .. })));
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
    let (_, identity, _) = Wal::open(memory.clone(), &cluster(), node, Incarnation(1)).unwrap();
    assert_eq!(identity.incarnation, Incarnation(1));
    let (_, identity, _) = Wal::open(memory.clone(), &cluster(), node, Incarnation(2)).unwrap();
    assert_eq!(identity.incarnation, Incarnation(1));
}

#[test]
fn the_wrong_cluster_or_node_is_refused_and_nothing_touched() {
    let sample = sample(false);
    let before = (sample.memory.content(SEGMENT), sample.memory.content("identity"));
    let other = ClusterId::new("south").unwrap();
    let error = Wal::open(sample.memory.clone(), &other, NodeId(1), Incarnation(8)).unwrap_err();
    assert!(matches!(error, OpenError::WrongCluster { .. }), "{error}");
    let error = Wal::open(sample.memory.clone(), &cluster(), NodeId(2), Incarnation(8)).unwrap_err();
    assert!(matches!(error, OpenError::WrongNode { .. }), "{error}");
    assert_eq!((sample.memory.content(SEGMENT), sample.memory.content("identity")), before);
}

#[test]
fn a_lost_or_damaged_identity_never_becomes_a_new_one() {
    let sample = sample(false);
    sample.memory.overwrite("identity", b"raft data directory\nformat 1\n".to_vec());
    assert!(matches!(open(sample.memory.clone()), Err(OpenError::DamagedIdentity { .. })));
    sample.memory.lose("identity");
    assert!(matches!(open(sample.memory.clone()), Err(OpenError::MissingIdentity { .. })));
    assert_eq!(sample.memory.content(SEGMENT), Some(sample.content));
}

#[test]
fn a_lost_segment_or_a_strange_one_is_damage() {
    let sample = sample(false);
    let strange = Op::Write { file: "wal/strange.log".to_owned(), offset: 0, data: Bytes::new() };
    run(&mut sample.memory.clone(), strange).unwrap();
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(&error, OpenError::Damaged { file, .. } if file == "wal/strange.log"), "{error}");
    sample.memory.lose("wal/strange.log");
    sample.memory.lose(SEGMENT);
    let error = open(sample.memory.clone()).unwrap_err();
    assert!(matches!(&error, OpenError::Damaged { file, .. } if file == SEGMENT), "{error}");
}

#[test]
fn the_segment_of_another_directory_is_not_taken_for_ours() {
    let (mine, theirs) = (MemoryDisk::new(), MemoryDisk::new());
    drop(open(mine.clone()).unwrap());
    drop(Wal::open(theirs.clone(), &cluster(), NodeId(1), Incarnation(8)).unwrap());
    mine.overwrite(SEGMENT, theirs.content(SEGMENT).unwrap());
    assert!(matches!(open(mine.clone()), Err(OpenError::Damaged { .. })));
}
