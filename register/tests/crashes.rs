//! Processes that are killed: nothing that was acknowledged is lost, and what is not known is
//! called unknown.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use common::{Cluster, LIMIT, SOON, runtime, wait_for};
use register::{Client, Doubt, WriteError};

/// What one writer knows of its key.
struct Written {
    key: String,
    /// The last number that was acknowledged.
    acknowledged: u64,
    /// The last that was attempted: it may have taken effect.
    attempted: u64,
}

/// Writes 1, 2, 3… to a key of its own until told to stop.
async fn write(client: Client, key: String, stop: Arc<AtomicBool>, total: Arc<AtomicU64>) -> Written {
    let mut written = Written { key, acknowledged: 0, attempted: 0 };
    while !stop.load(SeqCst) {
        written.attempted += 1;
        let value = written.attempted.to_string();
        match client.put(written.key.clone(), value, SOON).await {
            Ok(_) => {
                written.acknowledged = written.attempted;
                total.fetch_add(1, SeqCst);
            }
            Err(WriteError::Unknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    written
}

/// Writes on several keys while `disturb` runs, which is told how many writes were acknowledged.
fn write_while(cluster: &mut Cluster, disturb: impl FnOnce(&mut Cluster, &AtomicU64) + Send) -> Vec<Written> {
    let (stop, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let client_of = |cluster: &Cluster| {
        let certs = register::ClientCerts::in_dir(&cluster.certs(), "test");
        register::ClientConfig::new(cluster.pki.cluster.clone(), cluster.endpoints(), certs)
    };
    let config = client_of(cluster);
    std::thread::scope(|scope| {
        let writers = {
            let (stop, total) = (stop.clone(), total.clone());
            scope.spawn(move || {
                runtime().block_on(async {
                    let client = Client::connect(config).await.unwrap();
                    let writers: Vec<_> = (0..8)
                        .map(|i| {
                            tokio::spawn(write(client.clone(), format!("k{i}"), stop.clone(), total.clone()))
                        })
                        .collect();
                    let mut written = Vec::new();
                    for writer in writers {
                        written.push(writer.await.unwrap());
                    }
                    written
                })
            })
        };
        disturb(cluster, &total);
        stop.store(true, SeqCst);
        writers.join().unwrap()
    })
}

fn more_writes(total: &AtomicU64) {
    let target = total.load(SeqCst) + 50;
    wait_for("more writes", || (total.load(SeqCst) >= target).then_some(()));
}

fn nothing_is_lost(cluster: &Cluster, written: &[Written]) {
    runtime().block_on(async {
        let client = cluster.client().await;
        for Written { key, acknowledged, attempted } in written {
            let held = client.get(key.clone(), LIMIT).await.unwrap().unwrap();
            let value: u64 = std::str::from_utf8(&held.value).unwrap().parse().unwrap();
            assert!(
                (*acknowledged..=*attempted).contains(&value),
                "{key} holds {value}, acknowledged was {acknowledged}, attempted {attempted}"
            );
        }
    });
}

#[test]
fn a_killed_leader_takes_nothing_acknowledged_with_it() {
    let mut cluster = Cluster::started(3);
    let written = write_while(&mut cluster, |cluster, total| {
        for _ in 0..2 {
            more_writes(total);
            let leader = cluster.leader();
            cluster.kill(leader);
            more_writes(total);
            cluster.start(leader);
        }
        more_writes(total);
    });
    nothing_is_lost(&cluster, &written);
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
    let written = write_while(&mut cluster, |cluster, total| {
        let mut rng = fastrand::Rng::with_seed(kills);
        for _ in 0..kills {
            let node = rng.u64(1..=3);
            cluster.kill(node);
            if rng.bool() {
                more_writes(total);
            }
            cluster.start(node);
            more_writes(total);
        }
    });
    nothing_is_lost(&cluster, &written);
    let acknowledged: u64 = written.iter().map(|w| w.acknowledged).sum();
    println!("{kills} kills, {acknowledged} writes acknowledged, none lost");
}

#[test]
fn a_power_cut_of_all_nodes_loses_nothing_acknowledged() {
    let mut cluster = Cluster::started(3);
    let written = write_while(&mut cluster, |cluster, total| {
        more_writes(total);
        for node in cluster.nodes() {
            cluster.kill(node);
        }
        cluster.start_all();
        more_writes(total);
    });
    nothing_is_lost(&cluster, &written);
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
