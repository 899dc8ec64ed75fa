//! A node whose log lost durable entries.

use super::*;
use crate::consensus::message::{PreVote, PreVoteReply, RequestVoteReply};
use crate::consensus::snapshot::Repair;

/// Node 1 in term 2; of its log up to (5, 2) only two entries are left.
fn damaged(least: LogId) -> Solo {
    let hard_state = HardState { current_term: Term(2), voted_for: None };
    let repair = Some(Repair { least });
    Solo::start(Config::lan(), Start { hard_state, entries: entries(3, &[1]), repair, ..Start::default() })
}

fn outcomes(outputs: &[Output]) -> Vec<AppendOutcome> {
    let outcome = |(_, m)| if let Message::AppendEntriesReply(m) = m { Some(m.outcome) } else { None };
    sends(outputs).into_iter().filter_map(outcome).collect()
}

#[test]
fn a_repairing_node_votes_only_for_a_log_that_holds_what_it_lost() {
    for (candidate, granted) in [(id(4, 2), false), (id(9, 1), false), (id(5, 2), true), (id(3, 3), true)] {
        let mut node = damaged(id(5, 2));
        node.after(200);
        let asked = node.hears(N2, Message::PreVote(PreVote { term: Term(4), last_log: candidate }));
        let reply = PreVoteReply { term: Term(2), asked: Term(4), granted };
        assert_eq!(sends(&asked), [(N2, Message::PreVoteReply(reply))]);
        let first = node.hears(N2, vote_request(4, candidate));
        let reply = RequestVoteReply { term: Term(4), granted };
        assert_eq!(sends(&node.persisted(&first)), [(N2, Message::RequestVoteReply(reply))], "{candidate}");
    }
}

#[test]
fn a_repairing_node_never_campaigns() {
    let mut node = damaged(id(5, 2));
    for _ in 0..10 {
        assert_eq!(sends(&node.after(301)), []);
    }
    assert!(node.raft.deadline() > node.now, "and is not asked all the time");
}

#[test]
fn an_append_beyond_the_damage_is_told_where_it_begins() {
    let mut node = damaged(id(5, 2));
    let outputs = node.appended(N2, append(2, id(5, 2), vec![], 1));
    assert_eq!(outcomes(&outputs), [AppendOutcome::Repairing { from: LogIndex(3) }]);
}

#[test]
fn the_repair_is_over_when_the_durable_log_reaches_what_was_lost() {
    let mut node = damaged(id(5, 2));
    node.appended(N2, append(2, id(2, 1), vec![command(3, 2), command(4, 2)], 1));
    assert!(node.raft.repair().is_some());
    let last = node.hears(N2, Message::AppendEntries(append(2, id(4, 2), vec![command(5, 2)], 1)));
    assert!(node.raft.repair().is_some(), "in memory only");
    assert!(!persists(&last)[0].repaired);
    let over = node.persisted(&last);
    assert!(persists(&over)[0].repaired);
    assert_eq!(node.raft.repair(), None);
    node.persisted(&over);
    let campaign = node.after(301);
    assert!(sends(&campaign).iter().any(|(_, m)| matches!(m, Message::PreVote(_))));
    assert!(persists(&campaign).is_empty(), "said once");
}

fn repairing(node: &mut Solo, from: u64) -> Vec<Output> {
    let outcome = AppendOutcome::Repairing { from: LogIndex(from) };
    let reply = AppendEntriesReply { term: node.raft.term(), id: 99, outcome };
    node.hears(N2, Message::AppendEntriesReply(reply))
}

/// Nodes 2's match, and next.
fn progress(node: &Solo) -> (u64, u64) {
    let (peer, p) = node.raft.progress().next().unwrap();
    assert_eq!(peer, N2);
    (p.match_index.0, p.next_index.0)
}

#[test]
fn what_a_peer_lost_is_sent_again_however_far_it_had_matched() {
    let mut node = Solo::new(3, 1, &[1, 1, 1, 1]);
    node.lead_and_commit();
    assert_eq!(progress(&node), (6, 7));
    let again = appends_to(&repairing(&mut node, 3), N2);
    assert_eq!((again[0].prev_log, again[0].entries.len()), (id(2, 1), 4));
    assert_eq!(progress(&node).0, 2);
    assert_eq!(node.raft.commit_index(), LogIndex(6), "what is committed stays so");
    node.acks(N2, LogIndex(6));
    assert_eq!(progress(&node), (6, 7));
}

/// Without a new entry to send there is no request whose answer could say it.
#[test]
fn an_idle_leader_learns_what_a_peer_lost_from_an_answer_to_a_heartbeat() {
    let mut node = Solo::new(3, 1, &[1, 1, 1, 1]);
    node.lead_and_commit();
    let answer = |node: &mut Solo, lacks: Option<u64>| {
        let reply = HeartbeatReply { term: node.raft.term(), round: 0, lacks: lacks.map(LogIndex) };
        node.hears(N2, Message::HeartbeatReply(reply))
    };
    assert!(appends_to(&answer(&mut node, None), N2).is_empty());
    assert!(appends_to(&answer(&mut node, Some(7)), N2).is_empty(), "it holds all that there is");
    let again = appends_to(&answer(&mut node, Some(3)), N2);
    assert_eq!((again[0].prev_log, again[0].entries.len()), (id(2, 1), 4));
    assert!(appends_to(&answer(&mut node, Some(3)), N2).is_empty(), "it is on its way");
    node.acks(N2, LogIndex(6));
    assert_eq!(progress(&node), (6, 7));
}

#[test]
fn a_repairing_node_says_in_every_answer_what_it_lacks() {
    assert_eq!(answers_of(id(5, 2)), [Some(LogIndex(3))]);
    assert_eq!(answers_of(id(2, 2)), [Some(LogIndex(2))], "there stands what was replaced once");
    assert_eq!(answers_of(id(0, 6)), [Some(LogIndex(1))], "nobody knows where it ended");
}

#[test]
fn a_repairing_node_lacks_nothing_that_is_known_to_be_committed() {
    let mut node = damaged(id(0, 6));
    let all = append(5, id(0, 0), vec![command(1, 1), command(2, 1), command(3, 5)], 3);
    node.appended(N2, all);
    assert!(node.raft.repair().is_some(), "it may have acknowledged more of term 5");
    let heartbeat = Heartbeat { term: Term(5), round: 0, leader_commit: LogIndex(3) };
    let said = node.hears(N2, Message::Heartbeat(heartbeat));
    let lacks = |outputs: &[Output]| {
        sends(outputs).into_iter().find_map(|(_, message)| match message {
            Message::HeartbeatReply(reply) => Some(reply.lacks),
            _ => None,
        })
    };
    assert_eq!(lacks(&said), Some(Some(LogIndex(4))), "a leader with no more would send all again, for ever");
}

/// To a heartbeat: the log ends with 2, of term 1.
fn answers_of(least: LogId) -> Vec<Option<LogIndex>> {
    let mut node = damaged(least);
    let heartbeat = Heartbeat { term: Term(5), round: 0, leader_commit: LogIndex(0) };
    let answers = |outputs: &[Output]| -> Vec<Option<LogIndex>> {
        let of = |(_, message): (NodeId, Message)| match message {
            Message::HeartbeatReply(reply) => Some(reply.lacks),
            _ => None,
        };
        sends(outputs).into_iter().filter_map(of).collect()
    };
    let outputs = node.hears(N2, Message::Heartbeat(heartbeat));
    let durable = node.persisted(&outputs);
    [answers(&outputs), answers(&durable)].concat()
}

#[test]
fn only_repairing_lowers_a_match() {
    let mut node = Solo::new(3, 1, &[1, 1, 1, 1]);
    node.lead_and_commit();
    node.acks(N2, LogIndex(3));
    let outcome = AppendOutcome::Conflict { term: None, first: LogIndex(2) };
    for id in 0..5 {
        let reply = AppendEntriesReply { term: Term(2), id, outcome };
        node.hears(N2, Message::AppendEntriesReply(reply));
    }
    assert_eq!(progress(&node).0, 6);
    let stale = AppendOutcome::Repairing { from: LogIndex(1) };
    let reply = AppendEntriesReply { term: Term(1), id: 1, outcome: stale };
    node.hears(N2, Message::AppendEntriesReply(reply));
    assert_eq!(progress(&node).0, 6, "nor one of an earlier term");
}

#[test]
fn nonsense_about_the_damage_does_no_harm() {
    let mut node = Solo::new(3, 1, &[1, 1]);
    node.lead_and_commit();
    for from in [0, 1, 99, u64::MAX] {
        repairing(&mut node, from);
        node.acks(N2, LogIndex(4));
        assert_eq!(progress(&node), (4, 5), "{from}");
    }
}
