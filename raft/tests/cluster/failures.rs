//! Crashes: nothing acknowledged is lost.

use raft::NodeId;

use crate::harness::{Cluster, incarnation};

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
