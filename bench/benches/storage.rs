//! The log against the disk it stands on: commits per second and bytes per second beside the raw sync and
//! write rates of the same place, and reading a log cold beside reading its bytes. Everything is synced;
//! no network, no TLS. Run on a real disk: the files stand under `target/`.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::expect_used, reason = "a bench that cannot go on should say why")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use raft::consensus::entry::Chain;
use raft::consensus::io::{Persist, PersistId};
use raft::storage::{DirectoryDisk, Storage};
use raft::{ClusterId, Entry, EntryKind, HardState, Incarnation, LogId, LogIndex, NodeId, Term};

/// Bytes of the raw file that is overwritten.
const FILE: u64 = 256 << 20;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory under target/")
}

/// A log that is appended to, and compacted so that its segments are used again.
struct Log {
    storage: Storage<DirectoryDisk>,
    woken: Receiver<()>,
    last: u64,
    durable: u64,
    chain: Chain,
}

impl Log {
    fn open(dir: &std::path::Path) -> Log {
        let disk = DirectoryDisk::open(dir).expect("a data directory");
        let cluster = ClusterId::new("bench").expect("a name");
        let (mut storage, ..) = Storage::open(disk, &cluster, NodeId(1), Incarnation(1)).expect("a log");
        let (waker, woken) = channel();
        storage.set_waker(Box::new(move || _ = waker.send(())));
        Log { storage, woken, last: 0, durable: 0, chain: Chain::default() }
    }

    fn append(&mut self, data: &Bytes) {
        self.last += 1;
        let id = LogId { term: Term(1), index: LogIndex(self.last) };
        let entry = Entry::new(id, EntryKind::Command, data.clone());
        let prev_chain = self.chain;
        self.chain = prev_chain.then(&entry);
        let hard_state = (self.last == 1).then_some(HardState { current_term: Term(1), voted_for: None });
        let id = PersistId(self.last);
        self.storage.append(&Persist {
            id,
            hard_state,
            base: None,
            repaired: false,
            prev_chain,
            entries: vec![entry],
        });
    }

    /// Waits until everything is durable.
    fn settle(&mut self) {
        self.wait_for(self.last);
    }

    fn wait_for(&mut self, index: u64) {
        loop {
            if let Some(PersistId(durable)) = self.storage.pump().expect("a disk that works") {
                self.durable = durable;
            }
            if self.durable >= index {
                return;
            }
            self.woken.recv().expect("a disk that answers");
        }
    }

    fn forget(&mut self) {
        self.storage.compact(LogIndex(self.last));
    }
}

/// A file whose blocks are written, as the log's segments are.
fn prewritten(dir: &std::path::Path) -> File {
    let file =
        OpenOptions::new().write(true).create(true).truncate(true).open(dir.join("raw")).expect("a file");
    let zeros = vec![0; 1 << 20];
    for offset in (0..FILE).step_by(zeros.len()) {
        file.write_all_at(&zeros, offset).expect("room");
    }
    file.sync_all().expect("a disk that works");
    file
}

/// One entry, one sync.
fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit of one entry (fsync)");
    let dir = directory();
    for size in [64_usize, 4096] {
        let raw = prewritten(dir.path());
        let block = vec![7; size];
        let mut offset = 0;
        group.bench_function(BenchmarkId::new("raw overwrite + fdatasync", size), |b| {
            b.iter(|| {
                offset = (offset + 4096) % (FILE - 4096);
                raw.write_all_at(&block, offset).expect("room");
                raw.sync_data().expect("a disk that works");
            });
        });
        let mut log = Log::open(&dir.path().join(format!("log{size}")));
        let data = Bytes::from(vec![7; size]);
        group.bench_function(BenchmarkId::new("log", size), |b| {
            b.iter(|| {
                log.append(&data);
                log.settle();
                log.forget();
            });
        });
    }
    group.finish();
}

/// Large batches: bytes per second.
fn bandwidth(c: &mut Criterion) {
    let mut group = c.benchmark_group("bandwidth of large batches (fsync)");
    let dir = directory();
    const BATCH: usize = 4 << 20;
    group.throughput(Throughput::Bytes(BATCH as u64));
    let raw = prewritten(dir.path());
    let block = vec![7; BATCH];
    let mut offset = 0;
    group.bench_function("raw overwrite + fdatasync, 4 MiB", |b| {
        b.iter(|| {
            offset = (offset + BATCH as u64) % (FILE - BATCH as u64);
            raw.write_all_at(&block, offset).expect("room");
            raw.sync_data().expect("a disk that works");
        });
    });
    let mut log = Log::open(&dir.path().join("log"));
    let data = Bytes::from(vec![7; 64 << 10]);
    // The next batch is filled while one is written, as a loaded node does.
    group.bench_function("log, 64 entries of 64 KiB", |b| {
        b.iter(|| {
            let written = log.last;
            (0..BATCH / data.len()).for_each(|_| log.append(&data));
            log.wait_for(written);
            log.forget();
        });
        log.settle();
    });
    group.finish();
}

/// Reading a log of 1 GiB from the disk, cold where this process may drop the cache.
fn recovery(c: &mut Criterion) {
    let gib: u64 = if std::env::args().any(|arg| arg == "--test") { 1 << 26 } else { 1 << 30 };
    let dir = directory();
    let path = dir.path().join("log");
    let mut log = Log::open(&path);
    let data = Bytes::from(vec![7; 1024]);
    while log.storage.stats().bytes < gib {
        (0..4096).for_each(|_| log.append(&data));
        log.settle();
    }
    log.storage.flush().expect("a disk that works");
    let entries = log.last;
    drop(log);
    let mut group = c.benchmark_group("recovery of 1 GiB, 1 KiB entries, cold");
    group.sample_size(10).throughput(Throughput::Bytes(gib));
    group.bench_function("raw sequential read", |b| {
        b.iter_custom(|n| (0..n).map(|_| read_files(&path)).sum());
    });
    group.bench_function("log", |b| {
        b.iter_custom(|n| {
            let mut took = Duration::ZERO;
            for _ in 0..n {
                drop_caches();
                let begun = Instant::now();
                let disk = DirectoryDisk::open(&path).expect("a data directory");
                let cluster = ClusterId::new("bench").expect("a name");
                let (_, _, recovered) =
                    Storage::open(disk, &cluster, NodeId(1), Incarnation(1)).expect("a log");
                took += begun.elapsed();
                assert_eq!(recovered.entries.len() as u64, entries);
            }
            took
        });
    });
    group.finish();
}

fn read_files(path: &std::path::Path) -> Duration {
    drop_caches();
    let mut buffer = vec![0; 1 << 20];
    let begun = Instant::now();
    for file in std::fs::read_dir(path.join("wal")).expect("a log") {
        let mut file = File::open(file.expect("a segment").path()).expect("a segment");
        while file.read(&mut buffer).expect("a disk that works") > 0 {}
    }
    begun.elapsed()
}

/// Needs root; without it the figures are those of a warm cache, and the report says so.
fn drop_caches() {
    if std::fs::write("/proc/sys/vm/drop_caches", "1").is_err() {
        eprintln!("the page cache could not be dropped: this is a warm read");
    }
}

criterion_group!(benches, commits, bandwidth, recovery);
criterion_main!(benches);
