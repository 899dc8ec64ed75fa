//! ReadIndex (dissertation §6.4).

use super::*;
use crate::consensus::io::Refusal;
use crate::consensus::message::{AppendEntriesReply, AppendOutcome, HeartbeatReply};

fn read(node: &mut Solo, ticket: u64) -> Vec<Output> {
    node.step(Input::Read { ticket: Ticket(ticket) })
}

fn granted(outputs: &[Output]) -> Vec<u64> {
    let grant = |o: &Output| if let Output::ReadGranted { ticket, .. } = o { Some(ticket.0) } else { None };
    outputs.iter().filter_map(grant).collect()
}

fn confirm(node: &mut Solo, from: NodeId, round: u64) -> Vec<Output> {
    let term = node.raft.term();
    node.hears(from, Message::HeartbeatReply(HeartbeatReply { term, round, lacks: None }))
}

/// A leader of three whose no-op is committed.
fn leader() -> Solo {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    commit_noop(&mut node);
    node
}

fn commit_noop(node: &mut Solo) -> Vec<Output> {
    let outcome = AppendOutcome::Matched(LogIndex(2));
    let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
    node.hears(N2, Message::AppendEntriesReply(ack))
}

#[test]
fn a_read_needs_a_round_that_started_after_it() {
    let mut node = leader();
    let first = read(&mut node, 1);
    let round = heartbeats_to(&first, N2)[0].round;
    read(&mut node, 2);
    let outputs = confirm(&mut node, N2, round);
    assert_eq!(granted(&outputs), [1]);
    let next = heartbeats_to(&outputs, N2)[0].round;
    assert_eq!(granted(&confirm(&mut node, N3, round)), [0; 0], "an answer to the earlier round");
    assert_eq!(granted(&confirm(&mut node, N3, next)), [2]);
}

#[test]
fn a_read_waits_for_an_entry_of_the_leaders_own_term() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    assert_eq!(sends(&read(&mut node, 1)), [], "no round before the no-op is committed");
    let outputs = commit_noop(&mut node);
    let round = heartbeats_to(&outputs, N2)[0].round;
    let outputs = confirm(&mut node, N2, round);
    assert!(outputs.contains(&Output::ReadGranted { ticket: Ticket(1), index: LogIndex(2) }));
}

#[test]
fn reads_that_wait_share_a_round() {
    let mut node = leader();
    let round = heartbeats_to(&read(&mut node, 1), N2)[0].round;
    for ticket in 2..50 {
        assert_eq!(sends(&read(&mut node, ticket)), []);
    }
    let outputs = confirm(&mut node, N2, round);
    let next = heartbeats_to(&outputs, N2)[0].round;
    assert_eq!(granted(&confirm(&mut node, N2, next)).len(), 48);
}

#[test]
fn a_lost_round_is_asked_again_by_the_next_heartbeat() {
    let mut node = leader();
    let round = heartbeats_to(&read(&mut node, 1), N2)[0].round;
    let outputs = node.after(50);
    assert_eq!(heartbeats_to(&outputs, N3)[0].round, round);
    assert_eq!(granted(&confirm(&mut node, N3, round)), [1]);
}

/// Appends stand in for heartbeats, but they carry no round.
#[test]
fn a_lost_round_is_asked_again_however_busy_the_log_is() {
    let mut node = leader();
    let round = heartbeats_to(&read(&mut node, 1), N2)[0].round;
    let mut asked = Vec::new();
    for ticket in 2..12 {
        asked.extend(heartbeats_to(&node.after(10), N2));
        let proposed = node.propose(ticket, "x");
        for append in appends_to(&proposed, N2) {
            let outcome = AppendOutcome::Matched(LogIndex(append.prev_log.index.0 + 1));
            let ack = AppendEntriesReply { term: Term(2), id: append.id, outcome };
            node.hears(N2, Message::AppendEntriesReply(ack));
        }
    }
    assert_eq!(asked.first().map(|h| h.round), Some(round));
}

#[test]
fn a_leader_that_steps_down_refuses_its_reads() {
    let mut node = leader();
    read(&mut node, 1);
    read(&mut node, 2);
    let outputs =
        node.hears(N3, Message::HeartbeatReply(HeartbeatReply { term: Term(9), round: 1, lacks: None }));
    let reason = Refusal::NotLeader { leader: None };
    for ticket in [1, 2] {
        assert!(outputs.contains(&Output::Refused { ticket: Ticket(ticket), reason }), "{ticket}");
    }
}

/// Each term counts its rounds from the beginning.
#[test]
fn a_round_of_an_earlier_term_confirms_nothing() {
    let mut node = leader();
    let round = heartbeats_to(&read(&mut node, 1), N2)[0].round;
    let stale = HeartbeatReply { term: Term(1), round, lacks: None };
    assert_eq!(granted(&node.hears(N2, Message::HeartbeatReply(stale))), [0; 0]);
    assert_eq!(granted(&confirm(&mut node, N2, round)), [1]);
}

/// It may be answered to the same leader, which counts its rounds from the beginning in a later term.
#[test]
fn a_late_heartbeat_of_an_earlier_term_is_answered_without_its_round() {
    let mut node = Solo::new(3, 3, &[]);
    let round = |node: &mut Solo, term| {
        let heartbeat = Heartbeat { term: Term(term), round: 7, leader_commit: LogIndex(0) };
        let outputs = node.hears(N2, Message::Heartbeat(heartbeat));
        let written = node.persisted(&outputs);
        let replies = [sends(&outputs), sends(&written)].concat();
        replies.iter().find_map(|(_, message)| match message {
            Message::HeartbeatReply(reply) => Some((reply.term, reply.round)),
            _ => None,
        })
    };
    assert_eq!(round(&mut node, 5), Some((Term(5), 7)));
    assert_eq!(round(&mut node, 4), Some((Term(5), 0)));
    assert_eq!(round(&mut node, 5), Some((Term(5), 7)));
}

#[test]
fn a_round_that_nobody_started_confirms_nothing() {
    let mut node = leader();
    confirm(&mut node, N2, 1 << 40);
    let outputs = read(&mut node, 1);
    assert_eq!(granted(&outputs), [0; 0]);
}
