//! A node's disk in memory, and its log opened there.

use raft::storage::disk::{Disk, Op};
use raft::storage::{Identity, MemoryDisk, OpenError, Recovered, Storage};
use raft::{ClusterId, Incarnation, NodeId};

/// Small, so that logs have many.
pub const SEGMENT_BYTES: u64 = 2048;

pub fn cluster() -> ClusterId {
    ClusterId::new("north").unwrap()
}

pub fn identity() -> Identity {
    Identity { cluster: cluster(), node: NodeId(1), incarnation: Incarnation(1) }
}

pub fn open(disk: &MemoryDisk) -> Result<(Storage<MemoryDisk>, Recovered), OpenError> {
    let Identity { cluster, node, incarnation } = identity();
    let (storage, _, recovered) =
        Storage::open_with(disk.clone(), &cluster, node, incarnation, SEGMENT_BYTES)?;
    Ok((storage, recovered))
}

/// A file's whole content, durable under its name.
pub fn put(disk: &MemoryDisk, file: &str, content: Vec<u8>) {
    let mut handle = disk.clone();
    handle.submit(Op::WriteSync { file: file.to_owned(), offset: 0, data: vec![0].into() });
    handle.submit(Op::SyncDir { dir: "wal".to_owned() });
    handle.submit(Op::SyncDir { dir: String::new() });
    disk.overwrite(file, content);
}

pub fn segment(number: u64) -> String {
    format!("wal/{number:010}.log")
}

/// Entries stand one behind the other, and what is opened once is found again. Records that no version ever wrote, under
/// a checksum that fits, may be told only the second time, when all that was not blank is gone. Nor is a node ever behind
/// the term of its own entries.
pub fn is_a_log(disk: &MemoryDisk) {
    let Ok((storage, first)) = open(disk) else { return };
    for (entry, index) in first.entries.iter().zip(first.base.id.index.0 + 1..) {
        assert_eq!(entry.id.index.0, index);
    }
    drop(storage);
    disk.lose_power();
    match open(disk) {
        Ok(_) if first.entries.iter().any(|entry| entry.id.term > first.hard_state.current_term) => {}
        Ok((_, again)) => assert_eq!(reached(again), reached(first)),
        Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
    }
}

/// What a record claims to be the end of the log may stand before entries that are there: to reach it again is then to
/// have them, which the next life's own records say.
fn reached(mut recovered: Recovered) -> Recovered {
    if let (Some(repair), Some(last)) = (&mut recovered.repair, recovered.entries.last()) {
        repair.least = repair.least.max(last.id);
    }
    recovered
}
