//! What a leader does at a limit, and just beyond it.

use super::*;
use crate::consensus::io::{Refusal, RoleName};
use crate::consensus::message::{PreVoteReply, RequestVoteReply};

fn leader(config: Config) -> Solo {
    let hard_state = HardState { current_term: Term(1), voted_for: None };
    let mut node = Solo::start(config, Start { hard_state, entries: entries(3, &[]), ..Start::default() });
    node.lead_and_commit();
    node
}

/// Campaigns and wins with these votes.
fn elected(node: &mut Solo, with: &[NodeId]) {
    node.after(301);
    let (term, asked) = (node.raft.term(), node.raft.term().next());
    let mut campaign = Vec::new();
    for from in with {
        let reply = PreVoteReply { term, asked, granted: true };
        campaign.extend(node.hears(*from, Message::PreVoteReply(reply)));
    }
    node.persisted(&campaign);
    for from in with {
        let vote = RequestVoteReply { term: asked, granted: true };
        node.hears(*from, Message::RequestVoteReply(vote));
    }
    assert_eq!(node.raft.leader(), Some(N1));
}

fn refusal(outputs: &[Output]) -> Option<Refusal> {
    outputs.iter().find_map(|o| if let Output::Refused { reason, .. } = o { Some(*reason) } else { None })
}

fn commits(outputs: &[Output]) -> Vec<u64> {
    let commit = |o: &Output| if let Output::Commit(index) = o { Some(index.0) } else { None };
    outputs.iter().filter_map(commit).collect()
}

/// An entry counts 32 bytes beside its content.
#[test]
fn proposals_are_refused_while_more_than_the_limit_is_not_committed() {
    let mut node = leader(Config { max_uncommitted_bytes: 64, ..Config::lan() });
    assert_eq!(node.raft.uncommitted_bytes(), 0, "its no-op is committed");
    for (ticket, data, bytes) in [(1, "", 32), (2, "", 64), (3, "x", 97)] {
        assert_eq!(refusal(&node.propose(ticket, data)), None, "{ticket}");
        assert_eq!(node.raft.uncommitted_bytes(), bytes);
    }
    assert_eq!(refusal(&node.propose(4, "")), Some(Refusal::Overloaded));
    assert_eq!((node.raft.uncommitted_bytes(), node.raft.last_log().index), (97, LogIndex(5)));
    // The first of the three is committed by the others.
    node.acks(N2, LogIndex(3));
    assert_eq!(commits(&node.acks(N3, LogIndex(3))), [3]);
    assert_eq!(node.raft.uncommitted_bytes(), 65);
    assert_eq!(refusal(&node.propose(4, "")), Some(Refusal::Overloaded));
    node.acks(N2, LogIndex(4));
    node.acks(N3, LogIndex(4));
    assert_eq!(node.raft.uncommitted_bytes(), 33);
    assert_eq!(refusal(&node.propose(4, "")), None);
}

#[test]
fn a_node_that_does_not_lead_has_nothing_uncommitted_of_its_own() {
    let mut node = leader(Config::lan());
    node.propose(1, "x");
    assert_eq!(node.raft.uncommitted_bytes(), 33);
    node.hears(N2, Message::Heartbeat(Heartbeat { term: Term(3), round: 0, leader_commit: LogIndex(0) }));
    assert_eq!(node.raft.uncommitted_bytes(), 0);
}

#[test]
fn what_is_committed_is_said_once() {
    let mut node = leader(Config::lan());
    let proposed = node.propose(1, "x");
    node.persisted(&proposed);
    assert_eq!(commits(&node.acks(N2, LogIndex(3))), [3]);
    for peer in [N2, N3] {
        assert_eq!(commits(&node.acks(peer, LogIndex(3))), [0; 0]);
    }
}

/// A tenth of a heartbeat after it is known, unless an append tells it before.
#[test]
fn followers_learn_of_a_commit_soon() {
    let mut node = leader(Config::lan());
    node.after(50);
    let proposed = node.propose(1, "x");
    node.persisted(&proposed);
    node.acks(N2, LogIndex(3));
    assert_eq!(node.raft.deadline(), node.now + Duration::from_millis(5));
    assert_eq!(sends(&node.after(4)), []);
    let told = node.after(1);
    assert_eq!(heartbeats_to(&told, N2)[0].leader_commit, LogIndex(3));
    assert!(heartbeats_to(&told, N3).is_empty(), "it has nothing to commit");
    assert_eq!(sends(&node.after(5)), [], "once");
}

/// Nobody waits for a no-op.
#[test]
fn what_no_client_waits_for_is_told_with_the_next_heartbeat() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    node.after(50);
    assert_eq!(commits(&node.acks(N2, LogIndex(2))), [2]);
    assert_eq!(sends(&node.after(49)), []);
    assert_eq!(heartbeats_to(&node.after(1), N2)[0].leader_commit, LogIndex(2));
}

#[test]
fn a_leader_that_nobody_answers_leads_for_two_election_timeouts() {
    let mut node = leader(Config::lan());
    // Both were heard, at the latest, when it was elected; it looks once in a timeout.
    node.after(150);
    assert_eq!(node.raft.role(), RoleName::Leader, "they may still answer");
    node.after(149);
    assert_eq!(node.raft.role(), RoleName::Leader);
    node.after(1);
    assert_eq!(node.raft.role(), RoleName::Follower);
}

#[test]
fn one_other_that_answers_is_enough_of_three_and_not_of_five() {
    for (voters, leads) in [(3, true), (5, false)] {
        let mut node = Solo::new(voters, 1, &[]);
        elected(&mut node, &[N2, N3]);
        for _ in 0..10 {
            node.after(50);
            node.beats(N2);
        }
        assert_eq!(node.raft.role() == RoleName::Leader, leads, "{voters}");
    }
}
