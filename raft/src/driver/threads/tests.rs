//! A state machine that panics.

use std::time::Duration;

use super::*;
use crate::consensus::types::{Incarnation, LogIndex, NodeId};
use crate::storage::MemoryDisk;

/// It can neither be written nor read.
struct Panics;

impl Snapshot for Panics {
    fn write_to(&self, _: &mut dyn io::Write) -> io::Result<()> {
        panic!("on purpose")
    }
}

impl StateMachine for Panics {
    type Snapshot = Panics;

    fn apply(&mut self, _: LogIndex, command: &Bytes) -> Bytes {
        command.clone()
    }

    fn query(&self, query: &Bytes) -> Bytes {
        query.clone()
    }

    fn snapshot(&self) -> Panics {
        Panics
    }

    fn restore(_: &mut dyn io::Read) -> io::Result<Panics> {
        panic!("on purpose")
    }
}

fn parts() -> (Threads<Panics>, Arc<Notify>, Storage<MemoryDisk>) {
    let wake = Arc::new(Notify::new());
    let cluster = ClusterId::new("north").unwrap();
    let disk = MemoryDisk::new();
    let (storage, ..) = Storage::open_with(disk, &cluster, NodeId(1), Incarnation(7), 4096).unwrap();
    (Threads::new(wake.clone()), wake, storage)
}

/// Looks again only when the loop is woken.
async fn woken(wake: &Notify, mut finds: impl FnMut() -> bool) {
    let mut wakes = 0..1000;
    while !finds() {
        assert!(wakes.next().is_some(), "the loop is woken for nothing");
        tokio::time::timeout(Duration::from_secs(10), wake.notified()).await.expect("nothing wakes the loop");
    }
}

#[tokio::test]
async fn a_panic_wakes_the_loop_at_once() {
    let (mut threads, wake, mut storage) = parts();
    let (meta, view) = (SnapshotMeta::default(), Panics);
    threads.take(&mut storage, Frozen { meta: meta.clone(), sessions: Bytes::new(), view });
    woken(&wake, || threads.carry(&mut storage) && threads.taking.is_none()).await;

    let mut file = Vec::new();
    let sessions = Sessions::default().encode();
    let id = body::write(storage.cluster(), meta.clone(), &sessions, &Bytes::new(), |block| {
        file.extend_from_slice(&block);
        Ok(())
    });
    let id = id.unwrap();
    threads.restore(&mut storage, id, meta);
    // Read for an earlier try.
    threads.piece(id, 1, None);
    threads.piece(id, 0, Some(file.into()));
    assert!(threads.carry(&mut storage));
    let mut restored = None;
    woken(&wake, || {
        restored = threads.restored();
        restored.is_some()
    })
    .await;
    assert!(matches!(restored, Some(Err((of, why))) if of == id && why.contains("panicked")));
}
