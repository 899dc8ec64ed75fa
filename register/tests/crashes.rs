//! Processes that are killed: nothing that was acknowledged is lost, and what is not known is
//! called unknown.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use bytes::Bytes;
use common::load::under_load;
use common::{Cluster, LIMIT, SOON, runtime, wait_for};
use register::{Doubt, WriteError};

#[test]
fn a_killed_leader_takes_nothing_acknowledged_with_it() {
    let mut cluster = Cluster::started(3);
    let load = under_load(&mut cluster, |cluster, load| {
        for _ in 0..2 {
            load.goes_on();
            let leader = cluster.leader();
            cluster.kill(leader);
            load.goes_on();
            cluster.start(leader);
        }
        load.goes_on();
    });
    load.is_linearizable(&cluster);
    wait_for("all nodes to have applied the same", || {
        let all = cluster.statuses();
        let same = all.iter().all(|s| s.last_applied == all[0].last_applied);
        (all.len() == 3 && same).then_some(())
    });
}

/// Ten times in an ordinary test run, 200 times with `STORAGE_FULL=1` (`cargo xtask test storage --full`).
#[test]
fn nodes_killed_at_random_lose_nothing_acknowledged() {
    let kills = if std::env::var_os("STORAGE_FULL").is_some() { 200 } else { 10 };
    let mut cluster = Cluster::started(3);
    let load = under_load(&mut cluster, |cluster, load| {
        let mut rng = fastrand::Rng::with_seed(kills);
        for _ in 0..kills {
            let node = rng.u64(1..=3);
            cluster.kill(node);
            if rng.bool() {
                load.goes_on();
            }
            cluster.start(node);
            load.goes_on();
        }
    });
    let acknowledged = load.is_linearizable(&cluster);
    println!("{kills} kills, {acknowledged} writes acknowledged, the history is linearizable");
}

/// The page cache outlives them: power cuts are in `real_disks` and in `raft`'s tests of its storage.
#[test]
fn all_nodes_killed_at_once_lose_nothing_acknowledged() {
    let mut cluster = Cluster::started(3);
    let load = under_load(&mut cluster, |cluster, load| {
        load.goes_on();
        for node in cluster.nodes() {
            cluster.kill(node);
        }
        cluster.start_all();
        load.goes_on();
    });
    load.is_linearizable(&cluster);
}

#[test]
fn a_write_that_a_lonely_leader_took_is_unknown() {
    // Slow elections: the leader keeps its office for a second without followers.
    let mut cluster = Cluster::with_profile(3, "wan");
    cluster.start_all();
    let leader = cluster.leader();
    runtime().block_on(async {
        let client = cluster.client().await;
        client.put("k", "before", SOON).await.unwrap();
        for node in cluster.nodes().filter(|node| *node != leader) {
            cluster.kill(node);
        }
        let put = client.put("k", "after", std::time::Duration::from_secs(3)).await;
        assert_eq!(put, Err(WriteError::Unknown(Doubt::Unanswered)));
        for node in cluster.nodes().filter(|node| *node != leader) {
            cluster.start(node);
        }
        let held = client.get("k", LIMIT).await.unwrap().unwrap();
        let possible = [Bytes::from("before"), Bytes::from("after")];
        assert!(possible.contains(&held.value), "{held:?}");
    });
}
