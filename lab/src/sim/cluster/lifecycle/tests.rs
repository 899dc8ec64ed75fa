//! What is right when a life ends, and when the next begins.

use std::time::Duration;

use raft::pump::Ask;
use raft::storage::memory::{Fault as DiskFault, SyncFailure};
use register::machine::Register;

use super::super::testing::{Nodes, leader, pass, started};
use super::*;
use crate::sim::invariants::begins_as_it_ended;

fn rule(cluster: &Nodes) -> Option<&'static str> {
    cluster.violation().map(|violation| violation.rule)
}

#[test]
fn only_a_disk_that_failed_ends_a_node() {
    let failed = StopCause::Storage("the disk failed".to_owned());
    let mut cluster = started(3);
    cluster.stop(0, &failed);
    assert_eq!(rule(&cluster), Some("a node goes on"));
    let mut cluster = started(3);
    let (leader, syncs) = (leader(&cluster), cluster.node(leader(&cluster)).disk().unwrap().syncs());
    cluster.disk_fault(leader, DiskFault::Sync(syncs, SyncFailure::CacheKeepsNew));
    cluster.ask(leader, Ask::OpenSession).unwrap();
    pass(&mut cluster, Duration::from_millis(10));
    assert_eq!((&cluster.ended[..], rule(&cluster)), (&[leader][..], None));
    // In its next life that is no reason any more.
    cluster.start(leader, Register::new()).unwrap();
    cluster.stop(leader, &failed);
    assert_eq!(rule(&cluster), Some("a node goes on"));
}

#[test]
fn only_a_disk_that_failed_keeps_a_node_from_starting() {
    let mut cluster = started(3);
    cluster.kill(0);
    let mut full = cluster.clone();
    let disk = cluster.nodes[0].disk_mut().unwrap();
    disk.overwrite("identity", Vec::new());
    assert!(cluster.start(0, Register::new()).is_err());
    assert_eq!(rule(&cluster), Some("a whole disk is enough to start"));
    full.disk_fault(0, DiskFault::Reads(2));
    assert!(full.start(0, Register::new()).is_err());
    assert_eq!(rule(&full), None);
}

#[test]
fn what_was_durable_must_be_there_or_replaced_by_what_was_not() {
    let mut cluster = started(3);
    let (old, early) = (leader(&cluster), cluster.durable[leader(&cluster)].clone());
    for other in (0..3).filter(|node| *node != old) {
        cluster.links.cut(old, other);
    }
    for _ in 0..3 {
        cluster.ask(old, Ask::OpenSession).unwrap();
    }
    pass(&mut cluster, Duration::from_millis(10));
    let before = cluster.durable[old].clone();
    assert!(before.last().index > early.last().index);
    for settled in [true, false] {
        assert!(lost(0, &before, &early, settled, false).is_some(), "nothing only cuts off");
        assert_eq!(lost(0, &early, &before, settled, false), None);
    }
    // Another in a later term, before it has an entry of that term, and then.
    let later = |cluster: &Nodes| {
        let term = |node: &usize| cluster.durable[*node].hard_state().current_term;
        (0..3).find(|node| term(node) > before.hard_state().current_term)
    };
    let voted = loop {
        cluster.step();
        if let Some(node) = later(&cluster) {
            break node;
        }
    };
    let after = cluster.durable[voted].clone();
    assert_eq!(after.last(), early.last());
    assert!(lost(0, &before, &after, false, false).is_some(), "a later term cuts nothing off");
    while cluster.durable[voted].last() == early.last() {
        cluster.step();
    }
    let after = cluster.durable[voted].clone();
    assert_eq!(lost(0, &before, &after, false, false), None, "replaced");
    assert!(lost(0, &before, &after, true, false).is_some(), "there was nothing to replace it");
}

/// Its own may be ahead of its log, and one that was received is a promise only once the log begins behind it.
#[test]
fn of_a_damaged_snapshot_only_what_the_log_had_promised_must_be_there() {
    let mut cluster = started(3);
    cluster.kill(0);
    let after = cluster.durable[0].clone();
    let id = raft::LogId { term: after.last().term, index: LogIndex(after.last().index.0 + 4) };
    let base = raft::consensus::snapshot::Base { id, ..Default::default() };
    let meta = raft::consensus::snapshot::SnapshotMeta { base, ..Default::default() };
    let (mut bytes, state) = (Vec::new(), bytes::Bytes::from_static(b"state"));
    let written =
        raft::storage::snapshot::body::write(&cluster.settings.cluster, meta, b"", &state, |block| {
            bytes.extend_from_slice(&block);
            Ok(())
        });
    written.unwrap();
    let file = format!("snapshots/{:020}-{:020}.snap", id.index.0, id.term.0);
    cluster.nodes[0].disk_mut().unwrap().put(&file, bytes);
    cluster.refresh(0);
    let before = cluster.durable[0].clone();
    assert_eq!((before.last(), before.promised()), (id, after.last()));
    assert!(lost(0, &before, &after, true, false).is_some(), "there was no damage");
    assert_eq!(lost(0, &before, &after, true, true), None);
}

#[test]
fn what_was_durable_must_be_there_when_a_node_has_started() {
    let mut cluster = started(1);
    let mut late = cluster.clone();
    cluster.ask(0, Ask::OpenSession).unwrap();
    pass(&mut cluster, Duration::from_millis(10));
    late.kill(0);
    late.durable[0] = cluster.durable[0].clone();
    late.start(0, Register::new()).unwrap();
    assert_eq!(rule(&late), Some("what is durable survives"));
}

#[test]
fn a_node_begins_with_the_log_that_its_disk_has() {
    let mut cluster = started(1);
    let early = cluster.durable.clone();
    cluster.ask(0, Ask::OpenSession).unwrap();
    pass(&mut cluster, Duration::from_millis(10));
    assert_eq!(early[0].hard_state(), cluster.durable[0].hard_state());
    for (durable, begins) in [(cluster.durable.clone(), true), (early, false)] {
        let view = view(&cluster.nodes, &durable, &cluster.damaged, 0).unwrap();
        assert_eq!(begins_as_it_ended(&view).is_ok(), begins);
    }
}
