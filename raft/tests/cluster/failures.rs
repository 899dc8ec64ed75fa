//! Crashes: nothing acknowledged is lost.

use std::time::Duration;

use raft::NodeId;
use raft::driver::DiskState;

use crate::harness::{Cluster, incarnation, within};

#[tokio::test]
async fn what_was_acknowledged_survives_the_crash_of_every_node() {
    let mut cluster = Cluster::started(3);
    assert_eq!(cluster.commit("one").await, "1");
    assert_eq!(cluster.commit("two").await, "2");
    for id in 1..=3 {
        cluster.crash(NodeId(id)).await;
    }
    for id in 1..=3 {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    assert_eq!(cluster.commit("three").await, "3");
}

#[tokio::test]
async fn the_rest_goes_on_when_the_leader_crashes_and_it_comes_back() {
    let mut cluster = Cluster::started(3);
    assert_eq!(cluster.commit("one").await, "1");
    for expected in ["2", "3", "4"] {
        let leader = cluster.leader().await;
        cluster.crash(leader).await;
        assert_eq!(cluster.commit("more").await, expected);
        cluster.start(leader, incarnation(leader));
    }
    assert_eq!(cluster.commit("last").await, "5");
}

/// A disk that does nothing for long: its node leads no more, and takes part again once it goes on.
#[tokio::test]
async fn a_leader_whose_disk_hangs_is_followed_by_another() {
    let cluster = Cluster::started(3);
    assert_eq!(cluster.commit("one").await, "1");
    let hung = cluster.leader().await;
    cluster.disk(hung).hold();
    // Whatever becomes of it: there is something to be written.
    let _ = cluster.handle(hung).propose("hangs".into()).await;
    within(async {
        while cluster.leader().await == hung {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    cluster.commit("meanwhile").await;
    assert_eq!(cluster.status(hung).await.disk.state, DiskState::Slow);
    cluster.disk(hung).release();
    within(async {
        let committed = cluster.status(cluster.leader().await).await.commit_index;
        while cluster.status(hung).await.last_applied < committed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(cluster.status(hung).await.disk.state, DiskState::Ok);
}
