//! What a program that embeds a node relies on.

use bytes::Bytes;
use raft::NodeId;
use raft::consensus::io::Refusal;
use raft::driver::{ApplyError, OutcomeError, ProposeError, ReadError, StopCause};
use raft::session::SessionTag;

use crate::harness::{Cluster, incarnation, within};

#[tokio::test]
async fn a_command_is_accepted_then_applied_and_read_back() {
    for size in [1, 2, 3] {
        let cluster = Cluster::started(size);
        assert_eq!(cluster.commit("one").await, "1");
        assert_eq!(cluster.commit("two").await, "2");
        let leader = cluster.handle(cluster.leader().await);
        assert_eq!(leader.read(Bytes::new()).await.unwrap(), "2");
    }
}

#[tokio::test]
async fn to_apply_is_to_wait_once_for_all_that_can_come_of_it() {
    let cluster = Cluster::started(3);
    cluster.commit("one").await;
    let leader = cluster.leader().await;
    let applied = cluster.handle(leader).apply(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(applied.response, "2");
    let other = cluster.nodes.keys().copied().find(|id| *id != leader).unwrap();
    let refused = cluster.handle(other).apply(Bytes::new()).await.unwrap_err();
    assert_eq!(refused, ApplyError::Refused(Refusal::NotLeader { leader: Some(leader) }));

    let alone = Cluster::started(1);
    alone.commit("one").await;
    let node = alone.handle(NodeId(1));
    let unknown = |answer| matches!(answer, Err(ApplyError::Outcome(OutcomeError::Stopped(_))));
    assert!(unknown(node.apply(Bytes::from_static(b"panic")).await), "it ended meanwhile");
    assert!(unknown(node.apply(Bytes::from_static(b"two")).await), "it had ended before");
}

#[tokio::test]
async fn a_repeat_under_a_session_takes_effect_once() {
    let cluster = Cluster::started(3);
    cluster.commit("zero").await;
    let leader = cluster.handle(cluster.leader().await);
    let session = leader.open_session().await.unwrap();
    let mut answers = Vec::new();
    for serial in [1, 2, 1, 2] {
        let tag = SessionTag { session, serial, floor: 0 };
        let accepted = leader.propose_in_session(tag, Bytes::from_static(b"x")).await.unwrap();
        answers.push(accepted.outcome().await.unwrap());
    }
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[1], answers[3]);
    assert_eq!(leader.read(Bytes::new()).await.unwrap(), "3");
    let unknown = SessionTag { session: raft::SessionId(1 << 40), serial: 1, floor: 0 };
    let accepted = leader.propose_in_session(unknown, Bytes::new()).await.unwrap();
    assert_eq!(accepted.outcome().await.unwrap_err(), OutcomeError::SessionExpired);
}

/// A client that outlives its cluster must not be told of somebody else's command in the next one.
#[tokio::test]
async fn a_session_of_one_cluster_is_none_in_another() {
    let mut sessions = Vec::new();
    for seed in [1 << 32, 2 << 32] {
        let mut cluster = Cluster::new(1, false);
        cluster.seed = seed;
        cluster.start(NodeId(1), incarnation(NodeId(1)));
        cluster.commit("one").await;
        let node = cluster.handle(NodeId(1));
        let session = node.open_session().await.unwrap();
        let tag = SessionTag { session, serial: 1, floor: 0 };
        node.propose_in_session(tag, Bytes::from_static(b"x")).await.unwrap().outcome().await.unwrap();
        for foreign in &sessions {
            let tag = SessionTag { session: *foreign, serial: 1, floor: 0 };
            let accepted = node.propose_in_session(tag, Bytes::from_static(b"y")).await.unwrap();
            assert_eq!(accepted.outcome().await.unwrap_err(), OutcomeError::SessionExpired);
        }
        sessions.push(session);
    }
}

#[tokio::test]
async fn a_follower_refuses_and_names_the_leader() {
    let cluster = Cluster::started(3);
    cluster.commit("one").await;
    let leader = cluster.leader().await;
    let other = cluster.nodes.keys().copied().find(|id| *id != leader).unwrap();
    let named = Some(leader);
    within(async {
        loop {
            let refused = cluster.handle(other).propose(Bytes::new()).await.unwrap_err();
            let ProposeError::Refused(Refusal::NotLeader { leader }) = refused else { panic!("{refused}") };
            if leader == named {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(cluster.handle(other).read(Bytes::new()).await, Err(ReadError::Refused(_))));
}

#[tokio::test]
async fn what_no_queue_could_take_is_too_large_and_not_to_be_tried_again() {
    let cluster = Cluster::started(1);
    let (handle, huge) = (cluster.handle(NodeId(1)), Bytes::from(vec![0; 65 << 20]));
    let refused = handle.propose(huge.clone()).await.unwrap_err();
    assert!(matches!(refused, ProposeError::Refused(Refusal::TooLarge { .. })), "{refused}");
    let refused = handle.read(huge).await.unwrap_err();
    assert!(matches!(refused, ReadError::Refused(Refusal::TooLarge { .. })), "{refused}");
}

#[tokio::test]
async fn a_stopped_node_says_so_for_ever() {
    let mut cluster = Cluster::started(1);
    cluster.commit("one").await;
    let handle = cluster.handle(NodeId(1));
    let cause = cluster.nodes.remove(&NodeId(1)).unwrap().stop().await;
    assert_eq!(cause, StopCause::Requested);
    for _ in 0..2 {
        let refused = handle.propose(Bytes::new()).await.unwrap_err();
        assert!(
            matches!(refused, ProposeError::Stopped(ref s) if s.cause == StopCause::Requested),
            "{refused}"
        );
        assert_eq!(handle.status().await.unwrap_err().cause, StopCause::Requested);
    }
}

#[tokio::test]
async fn a_node_that_ended_with_a_full_queue_says_so_too() {
    let mut cluster = Cluster::started(1);
    cluster.commit("one").await;
    let handle = cluster.handle(NodeId(1));
    let large = Bytes::from(vec![0; 40 << 20]);
    let mut queued = std::pin::pin!(handle.propose(large.clone()));
    tokio::select! {
        biased;
        answer = &mut queued => panic!("the loop did not run yet: {answer:?}"),
        () = std::future::ready(()) => {}
    }
    cluster.crash(NodeId(1)).await;
    assert!(matches!(queued.await, Err(ProposeError::Stopped(_))));
    let refused = handle.propose(large.clone()).await.unwrap_err();
    assert!(matches!(refused, ProposeError::Stopped(_)), "{refused}");
    let refused = handle.read(large).await.unwrap_err();
    assert!(matches!(refused, ReadError::Stopped(_)), "{refused}");
}

#[tokio::test]
async fn a_panic_in_a_query_is_told_and_the_node_goes_on() {
    let cluster = Cluster::started(1);
    cluster.commit("one").await;
    let handle = cluster.handle(NodeId(1));
    let told = handle.read(Bytes::from_static(b"panic")).await.unwrap_err();
    assert!(matches!(&told, ReadError::Panicked(panic) if panic.contains("told to panic")), "{told}");
    assert_eq!(handle.read(Bytes::new()).await.unwrap(), "1");
}

#[tokio::test]
async fn a_panic_in_the_state_machine_stops_the_node_and_names_the_entry() {
    let cluster = Cluster::started(1);
    cluster.commit("one").await;
    let handle = cluster.handle(NodeId(1));
    let accepted = handle.propose(Bytes::from_static(b"panic")).await.unwrap();
    let index = accepted.id.index;
    assert!(matches!(accepted.outcome().await, Err(OutcomeError::Stopped(_))));
    let StopCause::ApplyPanicked { index: at, panic } = handle.stopped().await else {
        panic!("another cause")
    };
    assert_eq!(at, index);
    assert!(panic.contains("told to panic"), "{panic}");
}
