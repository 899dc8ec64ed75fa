//! What a commit costs on the simulated disk: a measurement, not a check, so it runs only when asked for.
//! `cargo test -p raft --release --test sim_disk_rate -- --ignored --nocapture`
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::time::Instant;

use bytes::Bytes;
use raft::consensus::entry::Chain;
use raft::consensus::io::{Persist, PersistId};
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::{Queue, SimDisk};
use raft::storage::{SEGMENT_BYTES, Storage};
use raft::{ClusterId, Entry, EntryKind, HardState, Incarnation, LogId, LogIndex, NodeId, Term};

const COMMITS: u64 = 50_000;

#[test]
#[ignore = "a measurement"]
fn time_of_a_commit() {
    for (followed, segment) in [(false, SEGMENT_BYTES), (true, SEGMENT_BYTES), (true, 64 << 10)] {
        measure(followed, segment);
    }
}

/// One entry of 64 bytes after another; `followed` by a durable log or not.
fn measure(followed: bool, segment: u64) {
    let cluster = ClusterId::new("rate").unwrap();
    let opened = Storage::open_with(SimDisk::new(), &cluster, NodeId(1), Incarnation(1), segment);
    let (mut storage, identity, _) = opened.unwrap();
    let mut log = DurableLog::of(storage.disk(), &identity);
    let (term, data) = (Term(1), Bytes::from(vec![7; 64]));
    let hard_state = Some(HardState { current_term: term, voted_for: None });
    let mut chain = Chain::default();
    let begun = Instant::now();
    for index in 1..=COMMITS {
        let id = LogId { term, index: LogIndex(index) };
        let entry = Entry::new(id, EntryKind::Command, data.clone());
        let (base, repaired, prev_chain) = (None, false, chain);
        chain = prev_chain.then(&entry);
        let entries = vec![entry];
        storage.append(&Persist { id: PersistId(index), hard_state, base, repaired, prev_chain, entries });
        let mut durable = storage.pump().unwrap();
        while durable.is_none() {
            let disk = storage.disk_mut();
            let ran = disk.run_next(Queue::Log).or_else(|| disk.run_next(Queue::Aside)).unwrap();
            if followed {
                log.ran(&ran, storage.disk());
            }
            drop(ran);
            durable = storage.pump().unwrap();
        }
    }
    let each = begun.elapsed() / u32::try_from(COMMITS).unwrap();
    println!("segments of {segment:>8} bytes, followed {followed:>5}: {each:?} for a commit");
    assert!(!followed || log.holds(LogIndex(COMMITS)) == Some((term, chain)));
}
