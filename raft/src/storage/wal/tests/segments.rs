//! When a segment is full, when the next one is made, and what is counted.

use super::*;
use crate::storage::record::ENTRY_HEADER;
use crate::storage::testing::SEGMENT_BYTES;

/// The bytes of the first segment, which has no room reserved.
fn end(memory: &MemoryDisk) -> u64 {
    memory.content(SEGMENT).unwrap().len() as u64
}

#[test]
fn the_next_segment_is_made_when_less_than_a_quarter_of_this_one_is_left() {
    for (wanted, made) in [(SEGMENT_BYTES / 4 * 3, false), (SEGMENT_BYTES / 4 * 3 + 1, true)] {
        let memory = MemoryDisk::new();
        let (mut wal, ..) = open(memory.clone()).unwrap();
        let data = wanted - end(&memory) - (BATCH_HEADER + ENTRY_HEADER) as u64;
        let data = vec![7; usize::try_from(data).unwrap()];
        commit(&mut wal, &persist(1, Some(vote(1, 1)), vec![entry(1, 1, &data)])).unwrap();
        assert_eq!(end(&memory), wanted);
        assert_eq!(memory.content("wal/0000000002.log").is_some(), made, "{wanted}");
        wal.pump().unwrap();
        assert_eq!((wal.has_room(), wal.stats().segments), (made, 1 + u64::from(made)));
    }
}

/// To its last byte, with no room for a mark.
#[test]
fn a_segment_takes_what_just_fits() {
    let length = (BATCH_HEADER + ENTRY_HEADER) as u64;
    for (left, segments) in [(0, 1), (BATCH_HEADER as u64 - 1, 1), (BATCH_HEADER as u64, 1)] {
        let memory = MemoryDisk::new();
        let (mut wal, ..) = open(memory.clone()).unwrap();
        let data = vec![7; usize::try_from(SEGMENT_BYTES - left - length - end(&memory)).unwrap()];
        commit(&mut wal, &persist(1, Some(vote(1, 1)), vec![entry(1, 1, &data)])).unwrap();
        wal.flush().unwrap();
        let marked = left == BATCH_HEADER as u64;
        assert_eq!((wal.stats().marks, wal.stats().batches), (u64::from(marked), segments));
        assert_eq!(end(&memory), if marked { SEGMENT_BYTES } else { SEGMENT_BYTES - left });
        assert_eq!(wal.scrubbed().count(), 0, "it is the first one still");
    }
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let data = vec![7; usize::try_from(SEGMENT_BYTES + 1 - length - end(&memory)).unwrap()];
    wal.append(&persist(1, Some(vote(1, 1)), vec![entry(1, 1, &data)]));
    wal.flush().unwrap();
    assert_eq!(wal.scrubbed().count(), 1, "a byte more goes to the next one");
}

#[test]
fn what_is_counted_is_what_stands_on_the_disk() {
    let memory = MemoryDisk::new();
    let (mut wal, ..) = open(memory.clone()).unwrap();
    let fresh = WalStats { segments: 1, ..WalStats::default() };
    assert_eq!(wal.stats(), fresh, "what opening took is not counted");
    let files = || (1..).map(|n| memory.content(&file_of(Segment(n)))).map_while(|content| content);
    let bytes = || files().map(|content| content.len() as u64).sum::<u64>();
    let (before, mut held) = (bytes(), Recovered::default());
    for id in 1..=12 {
        let next = linked(&held, persist(id, Some(vote(id, 1)), vec![entry(id, id, &[1; 300])]));
        held = after(&held, &next);
        wal.append(&next);
        wal.flush().unwrap();
        wal.pump().unwrap();
        wal.pump().unwrap();
        let counted = WalStats {
            batches: id,
            syncs: id,
            bytes: bytes() - before,
            marks: wal.stats().marks,
            segments: files().count() as u64,
        };
        assert_eq!(wal.stats(), counted);
    }
    assert!(wal.stats().segments > 3);
    drop(wal);
    let (wal, ..) = open(memory.clone()).unwrap();
    let segments = files().count() as u64;
    assert_eq!(wal.stats(), WalStats { segments, ..fresh });
}
