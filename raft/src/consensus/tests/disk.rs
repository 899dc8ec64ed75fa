//! Nodes whose disk is damaged, full or slow.

use super::*;
use crate::consensus::io::{Refusal, RoleName, Room};
use crate::consensus::message::{
    AppendEntriesReply, AppendOutcome, Heartbeat, PreVote, PreVoteReply, RequestVoteReply,
};
use crate::consensus::snapshot::Repair;

/// Node 1 of three in term 3: of its log, which ended with `least`, only entries of `terms` are left.
fn damaged(terms: &[u64], least: LogId) -> Solo {
    let hard_state = HardState { current_term: Term(3), voted_for: None };
    let now = Timestamp::default();
    let repair = Some(Repair { least });
    let start = Start { hard_state, entries: entries(3, terms), repair, ..Start::default() };
    Solo { raft: Raft::new(N1, Config::lan(), 1, now, start).unwrap(), now }
}

fn granted(outputs: &[Output]) -> Vec<bool> {
    let answer = |(_, m): (NodeId, Message)| match m {
        Message::RequestVoteReply(RequestVoteReply { granted, .. })
        | Message::PreVoteReply(PreVoteReply { granted, .. }) => Some(granted),
        _ => None,
    };
    sends(outputs).into_iter().filter_map(answer).collect()
}

fn outcomes(outputs: &[Output]) -> Vec<AppendOutcome> {
    let outcome = |(_, m): (NodeId, Message)| match m {
        Message::AppendEntriesReply(AppendEntriesReply { outcome, .. }) => Some(outcome),
        _ => None,
    };
    sends(outputs).into_iter().filter_map(outcome).collect()
}

#[test]
fn a_damaged_node_votes_only_for_a_log_that_holds_what_it_lost() {
    for (last_log, expected) in [(id(4, 2), false), (id(9, 2), false), (id(5, 3), true), (id(2, 4), true)] {
        let mut node = damaged(&[2, 2], id(5, 3));
        let asked = node.hears(N2, Message::PreVote(PreVote { term: Term(4), last_log }));
        assert_eq!(granted(&asked), [expected], "pre-vote for {last_log}");
        let asked = node.hears(N2, vote_request(4, last_log));
        let said = node.persisted(&asked);
        assert_eq!(granted(&said), [expected], "vote for {last_log}");
    }
}

#[test]
fn a_damaged_node_never_campaigns() {
    let mut node = damaged(&[2, 2], id(5, 3));
    for _ in 0..10 {
        let outputs = node.after(301);
        assert_eq!(sends(&outputs), []);
        assert_eq!(node.raft.role(), RoleName::Follower);
    }
}

#[test]
fn a_damaged_node_is_repaired_by_what_the_leader_sends_and_says_so_once_it_is_durable() {
    let mut node = damaged(&[2, 2], id(5, 3));
    let beyond = node.appended(N2, append(3, id(5, 3), vec![command(6, 3)], 5));
    assert_eq!(outcomes(&beyond), [AppendOutcome::Repairing { from: LogIndex(4) }]);
    let some = node.appended(N2, append(3, id(3, 2), vec![command(4, 3)], 5));
    assert_eq!(outcomes(&some), [AppendOutcome::Matched(LogIndex(4))]);
    assert!(node.raft.repair().is_some());
    let rest = node.hears(N2, Message::AppendEntries(append(3, id(4, 3), vec![command(5, 3)], 5)));
    assert!(node.raft.repair().is_some(), "not durable yet");
    let over = node.persisted(&rest);
    assert_eq!(node.raft.repair(), None);
    assert!(persists(&over)[0].repaired, "{over:?}");
}

#[test]
fn what_was_replaced_before_the_damage_conflicts_like_anything_missing() {
    let mut node = damaged(&[1, 1, 1], id(4, 3));
    let outputs = node.appended(N2, append(3, id(4, 3), vec![command(5, 3)], 4));
    assert_eq!(outcomes(&outputs), [AppendOutcome::Repairing { from: LogIndex(1) }]);
}

/// A heartbeat's commit index goes by what matched before the damage.
#[test]
fn a_heartbeat_commits_nothing_of_a_damaged_log() {
    let mut node = damaged(&[1, 1, 1], id(4, 3));
    let heartbeat = Heartbeat { term: Term(3), round: 0, leader_commit: LogIndex(4) };
    node.hears(N2, Message::Heartbeat(heartbeat));
    assert_eq!(node.raft.commit_index(), LogIndex(0));
    node.appended(N2, append(3, id(1, 1), vec![command(2, 2), command(3, 3)], 3));
    assert_eq!(node.raft.commit_index(), LogIndex(3), "what an append verified");
}

#[test]
fn a_leader_sends_again_what_a_peer_had_acknowledged_and_lost() {
    let mut leader = Solo::new(3, 1, &[1, 1, 1]);
    leader.lead();
    let reply = |id, outcome| Message::AppendEntriesReply(AppendEntriesReply { term: Term(2), id, outcome });
    leader.hears(N2, reply(1, AppendOutcome::Matched(LogIndex(5))));
    let outputs = leader.propose(1, "x");
    let sent = appends_to(&outputs, N2);
    let answer = reply(sent[0].id, AppendOutcome::Repairing { from: LogIndex(3) });
    let again = leader.hears(N2, answer.clone());
    let again = appends_to(&again, N2);
    assert_eq!(again[0].prev_log, id(2, 1));
    assert_eq!(again[0].entries.first().map(|e| e.id), Some(id(3, 1)));
    let matched: Vec<_> = leader.raft.progress().map(|(_, p)| p.match_index).collect();
    assert_eq!(matched[0], LogIndex(2));
    leader.hears(N2, reply(again[0].id, AppendOutcome::Matched(LogIndex(6))));
    leader.hears(N2, answer);
    let matched: Vec<_> = leader.raft.progress().map(|(_, p)| p.match_index).collect();
    assert_eq!(matched[0], LogIndex(6), "an old answer is no news");
}

#[test]
fn a_log_that_holds_all_again_when_it_is_read_is_repaired() {
    let mut node = damaged(&[2, 3, 3], id(3, 3));
    assert_eq!(node.raft.repair(), None);
    assert!(persists(&node.after(0))[0].repaired);
}

#[test]
fn a_leader_whose_disk_is_full_steps_down_and_leads_again_when_there_is_room() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    node.step(Input::Room(Room::Full));
    assert_eq!((node.raft.role(), node.raft.leader()), (RoleName::Follower, None));
    for _ in 0..4 {
        assert_eq!(sends(&node.after(301)), [], "it does not campaign");
    }
    let refused = node.propose(7, "x");
    assert_eq!(refused, [Output::Refused { ticket: Ticket(7), reason: Refusal::DiskFull }]);
    node.step(Input::Room(Room::Ample));
    assert!(!sends(&node.after(301)).is_empty());
}

#[test]
fn a_full_disk_still_votes_and_follows_but_takes_nothing_new() {
    let mut node = Solo::new(3, 2, &[2]);
    node.step(Input::Room(Room::Full));
    let asked = node.hears(N2, vote_request(3, id(2, 2)));
    assert_eq!(granted(&node.persisted(&asked)), [true]);
    let new = node.appended(N2, append(3, id(2, 2), vec![command(3, 3)], 2));
    assert_eq!((outcomes(&new), node.raft.last_log()), (vec![AppendOutcome::NoRoom], id(2, 2)));
    assert_eq!(node.raft.leader(), Some(N2));
    let old = node.appended(N2, append(3, id(1, 1), vec![command(2, 2)], 2));
    assert_eq!(outcomes(&old), [AppendOutcome::Matched(LogIndex(2))]);
    let reason = Refusal::NotLeader { leader: Some(N2) };
    assert_eq!(node.propose(7, "x"), [Output::Refused { ticket: Ticket(7), reason }]);
    node.step(Input::Room(Room::Ample));
    let again = node.appended(N2, append(3, id(2, 2), vec![command(3, 3)], 2));
    assert_eq!(outcomes(&again), [AppendOutcome::Matched(LogIndex(3))]);
}

#[test]
fn a_leader_refuses_what_no_majority_has_room_for() {
    let mut leader = Solo::new(3, 1, &[]);
    let elected = leader.lead();
    leader.persisted(&elected);
    let sent = leader.propose(1, "x");
    leader.persisted(&sent);
    let answer = |leader: &mut Solo, from, id, outcome| {
        let reply = AppendEntriesReply { term: Term(2), id, outcome };
        leader.hears(from, Message::AppendEntriesReply(reply))
    };
    answer(&mut leader, N2, 1, AppendOutcome::NoRoom);
    assert!(matches!(leader.propose(2, "y")[0], Output::Accepted { .. }), "two of three have room");
    answer(&mut leader, N3, 1, AppendOutcome::NoRoom);
    let refused = Output::Refused { ticket: Ticket(3), reason: Refusal::DiskFull };
    assert_eq!(leader.propose(3, "z")[0], refused);
    answer(&mut leader, N3, 1, AppendOutcome::Matched(LogIndex(2)));
    assert!(
        leader.propose(4, "z").iter().any(|o| matches!(o, Output::Accepted { .. })),
        "one has room again"
    );
}

#[test]
fn an_old_word_of_a_full_disk_stops_nothing() {
    let mut leader = Solo::new(3, 1, &[]);
    let elected = leader.lead();
    leader.persisted(&elected);
    let sent = leader.propose(1, "x");
    leader.persisted(&sent);
    let both = |leader: &mut Solo, id, outcome: AppendOutcome| {
        for from in [N2, N3] {
            let reply = AppendEntriesReply { term: Term(2), id, outcome };
            leader.hears(from, Message::AppendEntriesReply(reply));
        }
    };
    let accepts = |leader: &mut Solo, ticket| {
        let outputs = leader.propose(ticket, "y");
        leader.persisted(&outputs);
        outputs.iter().any(|output| matches!(output, Output::Accepted { .. }))
    };
    let last = leader.raft.last_log().index;
    both(&mut leader, 2, AppendOutcome::Matched(last));
    assert!(accepts(&mut leader, 2));
    both(&mut leader, 1, AppendOutcome::NoRoom);
    assert!(accepts(&mut leader, 3), "what was asked later was taken");
    let last = leader.raft.last_log().index;
    both(&mut leader, 3, AppendOutcome::Matched(last));
    both(&mut leader, 9, AppendOutcome::NoRoom);
    assert!(accepts(&mut leader, 4), "it was taken all the same: there is nothing left to ask them");
}

#[test]
fn a_leader_that_waits_too_long_for_its_disk_steps_down() {
    let mut node = Solo::new(1, 1, &[]);
    let campaign = node.after(301);
    let elected = node.persisted(&campaign);
    node.persisted(&elected);
    let stuck = node.propose(1, "x");
    node.after(899);
    assert_eq!(node.raft.role(), RoleName::Leader);
    assert!(node.raft.deadline() <= node.now + Duration::from_millis(1), "it will look again in time");
    node.after(1);
    assert_eq!(node.raft.role(), RoleName::Follower);
    node.after(301);
    assert_eq!(node.raft.role(), RoleName::Follower, "nor does it campaign");
    node.persisted(&stuck);
    node.after(301);
    assert_ne!(node.raft.role(), RoleName::Follower);
}
