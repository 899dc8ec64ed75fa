//! Disks that lie: a node whose log was damaged while it was down comes back and is repaired by the
//! others; one whose term and vote cannot be read does not.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::load::under_load;
use common::{Cluster, LIMIT, runtime, wait_for};

/// A cluster whose node 3 is down and has a sealed segment behind it; `keys` were written.
fn with_a_sealed_segment(keys: std::ops::Range<u32>) -> (Cluster, PathBuf) {
    let mut cluster = Cluster::started(3);
    let half = keys.start + (keys.end - keys.start) / 2;
    put(&cluster, keys.start..half);
    caught_up(&cluster);
    // Each life begins a segment of its own.
    cluster.terminate(3);
    cluster.start(3);
    put(&cluster, half..keys.end);
    caught_up(&cluster);
    cluster.terminate(3);
    let sealed = cluster.data(3).join("wal/0000000001.log");
    (cluster, sealed)
}

fn put(cluster: &Cluster, keys: std::ops::Range<u32>) {
    runtime().block_on(async {
        let client = cluster.client().await;
        for key in keys {
            client.put(format!("k{key}"), format!("v{key}"), LIMIT).await.unwrap();
        }
    });
}

fn caught_up(cluster: &Cluster) {
    wait_for("all nodes to have applied the same", || {
        let all = cluster.statuses();
        let same = all
            .iter()
            .all(|s| (s.last_applied, s.durable_index) == (all[0].last_applied, all[0].durable_index));
        (all.len() == 3 && same).then_some(())
    });
}

/// Changes bytes in the middle of what was written: enough to hit an entry, and not only a mark, whose
/// loss costs nothing.
fn damage(file: &PathBuf) {
    let mut content = fs::read(file).unwrap();
    let written = content.iter().rposition(|byte| *byte != 0).unwrap();
    content[written / 2..written / 2 + 1024].fill(0x55);
    fs::write(file, content).unwrap();
}

#[test]
fn a_damaged_segment_is_repaired_by_the_others_while_clients_go_on() {
    let mut cluster = Cluster::started(3);
    let dir = cluster.data(3);
    let dir = dir.to_str().unwrap().to_owned();
    let load = under_load(&mut cluster, |cluster, load| {
        load.goes_on();
        // Each life begins a segment of its own.
        cluster.terminate(3);
        cluster.start(3);
        load.goes_on();
        cluster.terminate(3);
        let verified = cluster.cli(&["debug", "wal", "verify", &dir]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        damage(&cluster.data(3).join("wal/0000000001.log"));
        let verified = cluster.cli(&["debug", "wal", "verify", &dir]);
        assert_eq!(verified.code, Some(10), "{verified:?}");
        assert!(verified.stdout.contains("wal/0000000001.log is damaged at byte"), "{verified:?}");
        let dumped = cluster.cli(&["debug", "wal", "dump", &dir]);
        assert!(dumped.code == Some(0) && dumped.stdout.contains("damaged"), "{dumped:?}");
        let state = cluster.cli(&["debug", "state", &dir]);
        assert!(state.code == Some(0) && state.stdout.contains("repairing"), "{state:?}");

        load.goes_on();
        cluster.start(3);
        wait_for("the repair to be over", || {
            cluster.statuses().iter().any(|s| s.node == 3 && s.disk.state == "ok").then_some(())
        });
        // A majority that needs the repaired node.
        let other = cluster.nodes().find(|node| *node != 3 && *node != cluster.leader()).unwrap_or(2);
        cluster.kill(other);
        load.goes_on();
    });
    load.is_linearizable(&cluster);
    cluster.terminate(3);
    let verified = cluster.cli(&["debug", "wal", "verify", &dir]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // The scrub may have found the damage, too, and a snapshot have taken its place.
    let told = ["nothing that counts is missing", "the log is intact"];
    assert!(told.iter().any(|told| verified.stdout.contains(told)), "{verified:?}");
}

#[test]
fn without_a_readable_term_and_vote_a_node_does_not_start() {
    let (cluster, sealed) = with_a_sealed_segment(0..20);
    for file in fs::read_dir(sealed.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        let length = fs::metadata(&file).unwrap().len();
        fs::write(&file, vec![0; usize::try_from(length).unwrap()]).unwrap();
    }
    let ended = cluster.start_and_end(3);
    assert_eq!(ended.code, Some(10), "{ended:?}");
    assert!(ended.stderr.contains("no readable term and vote"), "{ended:?}");
    cluster.put_works();
}

#[test]
fn looking_at_what_is_no_data_directory_makes_none() {
    let cluster = Cluster::new(1);
    let dir = cluster.dir.path().join("nothing");
    let state = cluster.cli(&["debug", "state", dir.to_str().unwrap()]);
    assert_eq!(state.code, Some(11), "{state:?}");
    assert!(!dir.exists());
}
