//! Logs that are compacted under load, and nodes that come back by snapshot.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

mod common;

use std::time::Instant;

use common::{Cluster, LIMIT, runtime, wait_for};

/// Three nodes that take a snapshot every 256 KiB of log.
fn compacting() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.snapshot_every = Some(256 << 10);
    for node in cluster.nodes() {
        cluster.write_config(node, "");
    }
    cluster.start_all();
    cluster
}

/// Puts values of 4 KiB on a hundred keys.
fn put(cluster: &Cluster, numbers: std::ops::Range<u32>) {
    runtime().block_on(async {
        let client = cluster.client().await;
        for number in numbers {
            let value = format!("{number:04096}");
            client.put(format!("k{}", number % 100), value, LIMIT).await.unwrap();
        }
    });
}

fn caught_up(cluster: &Cluster) {
    wait_for("all nodes to have applied the same", || {
        let all = cluster.statuses();
        (all.len() == 3 && all.iter().all(|s| s.last_applied == all[0].last_applied)).then_some(())
    });
}

fn holds(cluster: &Cluster, newest: std::ops::Range<u32>) {
    runtime().block_on(async {
        let client = cluster.client().await;
        for number in newest {
            let held = client.get(format!("k{}", number % 100), LIMIT).await.unwrap().unwrap();
            assert_eq!(held.value, format!("{number:04096}"));
        }
    });
}

#[test]
fn a_node_that_was_away_comes_back_by_snapshot_while_clients_go_on() {
    let mut cluster = compacting();
    put(&cluster, 0..100);
    caught_up(&cluster);
    let away = cluster.nodes().find(|node| *node != cluster.leader()).unwrap();
    let there = cluster.statuses().iter().find(|s| s.node == away).unwrap().last_log_index;
    cluster.kill(away);
    put(&cluster, 100..600);
    wait_for("the log to be compacted", || {
        cluster.statuses().iter().all(|s| s.first_log_index > there + 1).then_some(())
    });
    cluster.start(away);
    put(&cluster, 600..700);
    caught_up(&cluster);
    let status = cluster.statuses().into_iter().find(|s| s.node == away).unwrap();
    assert!(status.first_log_index > there + 1, "{status:?}");
    // A majority that needs it holds all.
    let other = cluster.nodes().find(|node| *node != away).unwrap();
    cluster.kill(other);
    holds(&cluster, 600..700);
}

#[test]
fn a_cluster_killed_and_started_again_has_its_snapshots_and_what_came_after() {
    let mut cluster = compacting();
    put(&cluster, 0..500);
    wait_for("a snapshot", || cluster.statuses().iter().all(|s| s.snapshot_index > 0).then_some(()));
    for node in cluster.nodes() {
        cluster.kill(node);
    }
    let verified = cluster.cli(&["debug", "wal", "verify", cluster.data(1).to_str().unwrap()]);
    assert!(verified.code == Some(0) && verified.stdout.starts_with("the log is intact"), "{verified:?}");
    cluster.start_all();
    holds(&cluster, 400..500);
    put(&cluster, 500..510);
}

/// A member that slept through a million entries, with `STORAGE_FULL=1` (`cargo xtask test storage
/// --full`); through twenty thousand in an ordinary run.
#[test]
fn a_member_that_slept_long_catches_up() {
    let entries: u32 = if std::env::var_os("STORAGE_FULL").is_some() { 1_000_000 } else { 20_000 };
    let mut cluster = Cluster::started(3);
    put(&cluster, 0..10);
    caught_up(&cluster);
    let asleep = cluster.nodes().find(|node| *node != cluster.leader()).unwrap();
    cluster.kill(asleep);
    runtime().block_on(async {
        let client = cluster.client().await;
        let mut writers = Vec::new();
        for writer in 0..200 {
            let client = client.clone();
            writers.push(tokio::spawn(async move {
                for number in (writer..entries).step_by(200) {
                    client.put(format!("w{writer}"), number.to_string(), LIMIT).await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
    });
    let begun = Instant::now();
    cluster.start(asleep);
    caught_up(&cluster);
    let status = cluster.statuses().into_iter().find(|s| s.node == asleep).unwrap();
    println!(
        "{entries} entries: caught up in {:.1?}, its log begins at {}",
        begun.elapsed(),
        status.first_log_index
    );
}
