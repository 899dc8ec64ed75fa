//! A disk that is full, or slow.

use super::*;
use crate::consensus::io::{Refusal, RoleName, Room};
use crate::consensus::message::RequestVoteReply;

fn refusal(outputs: &[Output]) -> Option<Refusal> {
    outputs.iter().find_map(|o| if let Output::Refused { reason, .. } = o { Some(*reason) } else { None })
}

fn leader() -> Solo {
    let mut node = Solo::new(3, 1, &[]);
    node.lead_and_commit();
    node
}

#[test]
fn a_leader_without_room_steps_down_and_refuses() {
    let mut node = leader();
    node.step(Input::Room(Room::Full));
    assert_eq!((node.raft.role(), node.raft.leader()), (RoleName::Follower, None));
    assert_eq!(refusal(&node.propose(1, "x")), Some(Refusal::DiskFull));
    node.appended(N2, append(3, id(2, 2), vec![], 2));
    assert_eq!(refusal(&node.propose(2, "x")), Some(Refusal::NotLeader { leader: Some(N2) }));
}

#[test]
fn a_leader_that_falls_silent_is_forgotten_without_a_campaign() {
    let mut node = Solo::new(3, 2, &[]);
    node.step(Input::Room(Room::Full));
    node.appended(N2, append(2, id(1, 1), vec![], 1));
    assert_eq!(node.raft.leader(), Some(N2));
    node.after(301);
    assert_eq!(refusal(&node.propose(1, "x")), Some(Refusal::DiskFull));
}

#[test]
fn without_room_a_node_votes_and_does_not_campaign() {
    let mut node = leader();
    node.step(Input::Room(Room::Full));
    for _ in 0..5 {
        assert_eq!(sends(&node.after(301)), []);
    }
    let voted = node.hears(N3, vote_request(5, id(2, 2)));
    let reply = RequestVoteReply { term: Term(5), granted: true };
    assert_eq!(sends(&node.persisted(&voted)), [(N3, Message::RequestVoteReply(reply))]);
    node.step(Input::Room(Room::Ample));
    assert!(!sends(&node.after(301)).is_empty(), "as before");
}

#[test]
fn a_campaign_ends_with_the_room() {
    let mut node = Solo::new(3, 1, &[]);
    node.after(301);
    assert_eq!(node.raft.role(), RoleName::PreCandidate);
    let outputs = node.step(Input::Room(Room::Full));
    assert_eq!(node.raft.role(), RoleName::Follower);
    // Neither the term nor the leader changed.
    assert!(
        matches!(outputs[..], [Output::Role(change)] if change.role == RoleName::Follower),
        "{outputs:?}"
    );
}

#[test]
fn without_room_entries_wait_and_heartbeats_are_answered() {
    let mut node = Solo::new(3, 2, &[2]);
    node.step(Input::Room(Room::Full));
    let more = append(2, id(2, 2), vec![command(3, 2)], 1);
    assert_eq!(outcomes(&node.appended(N2, more.clone())), [AppendOutcome::NoRoom]);
    let replaced = append(2, id(1, 1), vec![command(2, 1)], 1);
    assert_eq!(outcomes(&node.appended(N2, replaced)), [AppendOutcome::NoRoom]);
    assert_eq!(node.raft.last_log(), id(2, 2));
    let known = append(2, id(1, 1), vec![command(2, 2)], 2);
    assert_eq!(sends(&node.appended(N2, known)).len(), 1, "what is there already needs no room");
    assert_eq!(node.raft.commit_index(), LogIndex(2));
    let heartbeat = Heartbeat { term: Term(2), round: 7, leader_commit: LogIndex(2) };
    let reply = HeartbeatReply { term: Term(2), round: 7, lacks: None };
    let beaten = node.hears(N2, Message::Heartbeat(heartbeat));
    assert_eq!(sends(&beaten), [(N2, Message::HeartbeatReply(reply))]);
    node.step(Input::Room(Room::Ample));
    assert_eq!(sends(&node.appended(N2, more)).len(), 1);
    assert_eq!(node.raft.last_log(), id(3, 2));
}

/// The others answer, the disk does not.
fn wait(node: &mut Solo, millis: u64) {
    for _ in 0..millis / 50 {
        node.after(50);
        node.beats(N2);
    }
}

#[test]
fn a_leader_whose_disk_is_slow_steps_down_and_stays_down_while_it_is() {
    let mut node = leader();
    let proposed = node.propose(1, "x");
    wait(&mut node, 850);
    assert_eq!(node.raft.role(), RoleName::Leader);
    wait(&mut node, 50);
    assert_eq!(node.raft.role(), RoleName::Follower);
    for _ in 0..5 {
        assert_eq!(sends(&node.after(301)), []);
    }
    node.persisted(&proposed);
    assert!(!sends(&node.after(301)).is_empty());
}

#[test]
fn a_leader_wakes_in_time_to_see_that_its_disk_is_slow() {
    let mut node = Solo::new(1, 1, &[]);
    let campaign = node.after(301);
    node.persisted(&campaign);
    assert_eq!(node.raft.role(), RoleName::Leader);
    for _ in 0..20 {
        node.now = node.raft.deadline();
        node.step(Input::Tick);
    }
    assert_eq!(node.raft.role(), RoleName::Follower);
}

fn outcomes(outputs: &[Output]) -> Vec<AppendOutcome> {
    let outcome = |(_, m): (NodeId, Message)| match m {
        Message::AppendEntriesReply(reply) => Some(reply.outcome),
        _ => None,
    };
    sends(outputs).into_iter().filter_map(outcome).collect()
}

#[test]
fn a_command_may_be_as_long_as_the_limit() {
    let config = Config { max_command_bytes: 3, ..Config::lan() };
    let hard_state = HardState { current_term: Term(1), voted_for: None };
    let mut node = Solo::start(config, Start { hard_state, entries: entries(3, &[]), ..Start::default() });
    node.lead_and_commit();
    assert_eq!(refusal(&node.propose(1, "abc")), None);
    assert_eq!(refusal(&node.propose(2, "abcd")), Some(Refusal::TooLarge { size: 4, limit: 3 }));
}
