//! Logs that are compacted: nodes that restart from a snapshot, and nodes that are sent one.

use bytes::Bytes;
use raft::driver::DiskState;
use raft::session::SessionTag;
use raft::{Config, NodeId};

use crate::harness::{Cluster, incarnation, within};

/// Three nodes that take a snapshot every few dozen commands, and keep no more log than that.
fn compacting() -> Cluster {
    let mut cluster = Cluster::new(3, false);
    cluster.config = Config { snapshot_min_log_bytes: 2000, max_kept_log_bytes: 1, ..Config::lan() };
    for id in 1..=3 {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    cluster
}

/// Commits until the leader's log no longer begins before `index`.
async fn compact_beyond(cluster: &Cluster, index: u64) -> u64 {
    let mut last = 0;
    loop {
        last = cluster.commit("some command that takes its place in the log").await.parse().unwrap_or(last);
        if cluster.status(cluster.leader().await).await.first_index.0 > index {
            return last;
        }
    }
}

async fn caught_up(cluster: &Cluster, id: NodeId) {
    within(async {
        loop {
            let leader = cluster.status(cluster.leader().await).await;
            if cluster.status(id).await.last_applied == leader.last_applied {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_is_compacted_and_a_cluster_restarts_from_its_snapshots() {
    let mut cluster = compacting();
    let count = compact_beyond(&cluster, 100).await;
    for id in 1..=3 {
        cluster.crash(NodeId(id)).await;
    }
    for id in 1..=3 {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    assert_eq!(cluster.commit("one more").await, (count + 1).to_string());
    for id in 1..=3 {
        assert!(cluster.status(NodeId(id)).await.snapshot.is_some());
    }
}

#[tokio::test]
async fn a_node_whose_entries_were_compacted_away_comes_back_by_snapshot() {
    let mut cluster = compacting();
    compact_beyond(&cluster, 1).await;
    let behind = NodeId(3);
    caught_up(&cluster, behind).await;
    let there = cluster.status(behind).await.last_log.index.0;
    cluster.crash(behind).await;
    let count = compact_beyond(&cluster, there + 50).await;
    cluster.start(behind, incarnation(behind));
    caught_up(&cluster, behind).await;
    assert!(cluster.status(behind).await.first_index.0 > there);
    // It holds all, and counts: another may go.
    let other = if cluster.leader().await == NodeId(1) { NodeId(2) } else { NodeId(1) };
    cluster.crash(other).await;
    assert_eq!(cluster.commit("one more").await, (count + 1).to_string());
    // What it was sent is durable.
    cluster.crash(behind).await;
    cluster.start(behind, incarnation(behind));
    assert_eq!(cluster.commit("and one").await, (count + 2).to_string());
}

#[tokio::test]
async fn a_command_that_a_snapshot_holds_still_takes_effect_once() {
    let mut cluster = compacting();
    let leader = cluster.handle(cluster.leader().await);
    let session = leader.open_session().await.unwrap();
    let tag = SessionTag { session, serial: 1, floor: 0 };
    let command = Bytes::from_static(b"once");
    let first = leader.propose_in_session(tag, command.clone()).await.unwrap().outcome().await.unwrap();
    compact_beyond(&cluster, 60).await;
    for id in 1..=3 {
        cluster.crash(NodeId(id)).await;
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    let again = within(async {
        loop {
            let leader = cluster.handle(cluster.leader().await);
            if let Ok(accepted) = leader.propose_in_session(tag, command.clone()).await
                && let Ok(applied) = accepted.outcome().await
            {
                return applied;
            }
        }
    })
    .await;
    assert_eq!((again.index, again.response), (first.index, first.response));
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over_and_what_is_missing_comes_from_the_leader() {
    let mut cluster = compacting();
    let count = compact_beyond(&cluster, 200).await;
    let damaged = NodeId(3);
    caught_up(&cluster, damaged).await;
    let newest = cluster.status(damaged).await.snapshot.unwrap();
    cluster.crash(damaged).await;
    let file = format!("snapshots/{:020}-{:020}.snap", newest.index.0, newest.term.0);
    let mut content = cluster.disk(damaged).content(&file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    cluster.disk(damaged).overwrite(&file, content);
    cluster.start(damaged, incarnation(damaged));
    // The leader has nothing to send: it learns from the answers to its heartbeats.
    caught_up(&cluster, damaged).await;
    within(async {
        while cluster.status(damaged).await.disk.state != DiskState::Ok {
            cluster.commit("more").await;
        }
    })
    .await;
    let other = if cluster.leader().await == NodeId(1) { NodeId(2) } else { NodeId(1) };
    cluster.crash(other).await;
    let after: u64 = cluster.commit("one more").await.parse().unwrap();
    assert!(after > count);
}
