//! Blank nodes, and nodes that should be blank no more.

use raft::driver::StopCause;
use raft::wire::Kind;
use raft::{Incarnation, NodeId};

use crate::harness::{Cluster, incarnation, within};

async fn exchanged() -> Cluster {
    let mut cluster = Cluster::new(3, true);
    for id in 1..=3 {
        cluster.start(NodeId(id), incarnation(NodeId(id)));
    }
    cluster.commit("one").await;
    cluster
}

#[tokio::test]
async fn blank_nodes_find_each_other() {
    let cluster = exchanged().await;
    let status = cluster.status(cluster.leader().await).await;
    let voters = status.membership.unwrap().voters;
    assert_eq!(voters, (1..=3).map(|id| (NodeId(id), incarnation(NodeId(id)))).collect());
}

#[tokio::test]
async fn a_wiped_member_is_refused_and_the_rest_goes_on() {
    let mut cluster = exchanged().await;
    cluster.crash(NodeId(2)).await;
    cluster.wipe(NodeId(2));
    cluster.start(NodeId(2), Incarnation(77));
    let cause = cluster.handle(NodeId(2)).stopped().await;
    let StopCause::Bootstrap(why) = cause else { panic!("{cause}") };
    assert!(why.contains("node 2 under incarnation"), "{why}");
    cluster.nodes.remove(&NodeId(2));
    assert_eq!(cluster.commit("two").await, "2");
}

#[tokio::test]
async fn a_node_that_its_membership_does_not_name_ends_and_writes_nothing() {
    let mut cluster = Cluster::new(1, false);
    cluster.wipe(NodeId(2));
    for _ in 0..2 {
        cluster.start(NodeId(2), incarnation(NodeId(2)));
        let cause = within(cluster.handle(NodeId(2)).stopped()).await;
        assert!(matches!(cause, StopCause::Bootstrap(_)), "{cause}");
        cluster.nodes.remove(&NodeId(2)).unwrap().crash().await;
    }
}

#[tokio::test]
async fn a_node_that_knows_only_itself_never_begins() {
    let mut cluster = Cluster::new(3, true);
    cluster.start(NodeId(1), incarnation(NodeId(1)));
    cluster.start(NodeId(2), incarnation(NodeId(2)));
    // Both have heard each other several times, and neither has a log: the third is missing.
    for id in [1, 2] {
        let wire = cluster.nodes[&NodeId(id)].wire();
        within(async {
            while wire.get(Kind::IntroductionReply).frames < 5 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let status = cluster.status(NodeId(id)).await;
        assert_eq!((status.membership, status.last_log.index.0), (None, 0));
    }
    cluster.start(NodeId(3), incarnation(NodeId(3)));
    assert_eq!(cluster.commit("one").await, "1");
}
