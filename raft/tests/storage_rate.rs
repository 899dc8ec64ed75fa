//! How fast the log commits on the file system of this directory: a measurement, not a check, so it
//! runs only when asked for.
//! `cargo test -p raft --release --test storage_rate -- --ignored --nocapture`
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raft::consensus::entry::Chain;
use raft::consensus::io::{Persist, PersistId};
use raft::storage::{DirectoryDisk, Storage};
use raft::{ClusterId, Entry, EntryKind, HardState, Incarnation, LogId, LogIndex, NodeId, Term};

const RUN: Duration = Duration::from_secs(2);

#[test]
#[ignore = "a measurement"]
fn commits_per_second() {
    for (size, depth) in [(100, 1), (100, 64), (4096, 1), (4096, 16)] {
        for pause in [Duration::ZERO, Duration::from_micros(300)] {
            measure(size, depth, pause);
        }
    }
}

/// `depth` writes of one entry of `size` bytes wait at any time; after each report, the one who
/// waits for it is busy elsewhere for `pause`.
fn measure(size: usize, depth: u64, pause: Duration) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cluster = ClusterId::new("rate").unwrap();
    let disk = DirectoryDisk::open(dir.path()).unwrap();
    let (mut wal, ..) = Storage::open(disk, &cluster, NodeId(1), Incarnation(1)).unwrap();
    let (waker, woken) = channel();
    wal.set_waker(Box::new(move || _ = waker.send(())));
    let data = Bytes::from(vec![7; size]);
    let term = Term(1);
    let hard_state = Some(HardState { current_term: term, voted_for: None });
    let (mut sent, mut durable) = (0, 0);
    let (mut chain, mut latencies) = (Chain::default(), Vec::new());
    let begun = Instant::now();
    let mut asked = begun;
    while begun.elapsed() < RUN {
        while sent < durable + depth {
            sent += 1;
            let id = LogId { term, index: LogIndex(sent) };
            let entries = vec![Entry::new(id, EntryKind::Command, data.clone())];
            let prev_chain = chain;
            chain = prev_chain.then(&entries[0]);
            wal.append(&Persist {
                id: PersistId(sent),
                hard_state,
                base: None,
                repaired: false,
                prev_chain,
                entries,
            });
        }
        match wal.pump().unwrap() {
            Some(PersistId(id)) => {
                latencies.push(asked.elapsed());
                durable = id;
                let until = Instant::now() + pause;
                while let Some(left) = until.checked_duration_since(Instant::now()).filter(|l| !l.is_zero()) {
                    wal.pump().unwrap();
                    let _ = woken.recv_timeout(left);
                }
                asked = Instant::now();
            }
            None => woken.recv().unwrap(),
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort();
    let quantile = |of: usize| latencies[latencies.len() * of / 100];
    println!(
        "{size:>6} bytes × {depth:>2} waiting, pause {pause:>5.0?}: {:>8.0} entries/s, p50 {:.0?} p99 {:.0?}, {:?}",
        durable as f64 / seconds,
        quantile(50),
        quantile(99),
        wal.stats(),
    );
}
