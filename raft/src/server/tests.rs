//! One server, given its inputs by hand.

mod applying;
mod snapshots;

use std::collections::BTreeMap;

use super::*;
use crate::bootstrap::first_state;
use crate::consensus::Start;
use crate::consensus::config::Config;
use crate::consensus::entry::Entry;
use crate::consensus::message::Message;
use crate::consensus::message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, HeartbeatReply, PreVoteReply, RequestVoteReply,
};
use crate::consensus::types::{Incarnation, Membership};
use crate::consensus::types::{LogId, NodeId};
use crate::state_machine::testing::Echo;

/// A cluster of one.
fn alone(max_uncommitted_bytes: usize) -> Server<Echo> {
    let (hard_state, first) =
        first_state(&Membership { voters: BTreeMap::from([(NodeId(1), Incarnation(1))]) });
    let config = Config { max_uncommitted_bytes, ..Config::lan() };
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(NodeId(1), config, 1, Timestamp::default(), start).unwrap();
    Server::new(raft, Echo)
}

fn step(server: &mut Server<Echo>, millis: u64, input: Input) -> Vec<Output> {
    let (now, mut outputs) = (Timestamp::from_millis(millis), Vec::new());
    server.step(now, input).unwrap();
    server.drain(now, &mut outputs).unwrap();
    outputs
}

fn persisted(server: &mut Server<Echo>, outputs: &[Output]) -> Vec<Output> {
    let id = outputs.iter().find_map(|o| if let Output::Persist(p) = o { Some(p.id) } else { None });
    step(server, 301, Input::Persisted(id.unwrap()))
}

/// Node 1 of three: it leads term 2, and its no-op stands at index 2.
fn leader() -> Server<Echo> {
    let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
    let (hard_state, first) = first_state(&Membership { voters });
    let start = Start { hard_state, entries: vec![first], ..Start::default() };
    let raft = Raft::new(NodeId(1), Config::lan(), 1, Timestamp::default(), start).unwrap();
    let mut server = Server::new(raft, Echo);
    step(&mut server, 301, Input::Tick);
    let pre_vote = PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    let campaign = step(&mut server, 301, hears(Message::PreVoteReply(pre_vote)));
    persisted(&mut server, &campaign);
    let vote = RequestVoteReply { term: Term(2), granted: true };
    let elected = step(&mut server, 301, hears(Message::RequestVoteReply(vote)));
    persisted(&mut server, &elected);
    server
}

fn hears(message: Message) -> Input {
    Input::Message { from: NodeId(2), message }
}

fn append(index: u64, term: u64, commit: u64) -> Input {
    let at = |index, term| LogId { term: Term(term), index: LogIndex(index) };
    let entries = vec![Entry::new(at(index, term), EntryKind::Command, Bytes::new())];
    let (prev_log, leader_commit) = (at(index - 1, 2), LogIndex(commit));
    hears(Message::AppendEntries(AppendEntries { term: Term(term), id: 1, prev_log, leader_commit, entries }))
}

fn replies(outputs: &[Output]) -> Vec<Reply> {
    let reply = |o: &Output| if let Output::Reply { reply, .. } = o { Some(reply.clone()) } else { None };
    outputs.iter().filter_map(reply).collect()
}

#[test]
fn what_a_leader_accepted_is_unknown_once_it_leads_no_more() {
    let propose = || Input::Propose { ticket: Ticket(1), tag: None, command: Bytes::new() };
    let mut server = leader();
    step(&mut server, 301, propose());
    assert_eq!(replies(&step(&mut server, 301, append(4, 3, 0))), [Reply::Unknown]);
    // Another leader's entry is committed in its place before anything is handed over.
    let mut server = leader();
    step(&mut server, 301, propose());
    let outputs = step(&mut server, 301, append(3, 3, 3));
    assert_eq!(server.last_applied(), LogIndex(3));
    assert_eq!(replies(&outputs), [Reply::Unknown]);
}

#[test]
fn a_read_waits_for_the_state_machine() {
    let mut server = leader();
    let ack = |id, index| {
        let outcome = AppendOutcome::Matched(LogIndex(index));
        hears(Message::AppendEntriesReply(AppendEntriesReply { term: Term(2), id, outcome }))
    };
    step(&mut server, 301, ack(1, 2));
    // More is committed at once than is applied at once.
    let last = 2 + 2 * APPLY_PER_DRAIN as u64 + 1;
    for ticket in 3..=last {
        let propose = Input::Propose { ticket: Ticket(ticket), tag: None, command: Bytes::new() };
        server.step(Timestamp::from_millis(301), propose).unwrap();
    }
    let proposed = step(&mut server, 301, Input::Tick);
    persisted(&mut server, &proposed);
    server.step(Timestamp::from_millis(301), ack(2, last)).unwrap();
    step(&mut server, 301, Input::Read { ticket: Ticket(1), query: Bytes::new() });
    let confirmed = hears(Message::HeartbeatReply(HeartbeatReply { term: Term(2), round: 1, lacks: None }));
    let read = Reply::Read(Bytes::new());
    assert!(!replies(&step(&mut server, 301, confirmed)).contains(&read));
    assert_eq!(server.last_applied(), LogIndex(last - 1));
    assert!(replies(&step(&mut server, 301, Input::Tick)).contains(&read));
}

#[test]
fn a_node_that_only_refuses_still_looks_at_the_clock() {
    let mut server = alone(1);
    let campaign = step(&mut server, 301, Input::Tick);
    persisted(&mut server, &campaign);
    let read = |ticket| Input::Read { ticket: Ticket(ticket), query: Bytes::new() };
    step(&mut server, 301, read(1));
    let due = server.deadline();
    step(&mut server, 10_000, read(2));
    assert!(server.deadline() > due);
}

#[test]
fn reads_that_wait_to_be_confirmed_are_bounded_in_bytes() {
    let mut server = alone(1000);
    let campaign = step(&mut server, 301, Input::Tick);
    // It leads, and its disk does not take the no-op that reads wait for.
    let elected = persisted(&mut server, &campaign);
    let query = Bytes::from(vec![7; 200]);
    let read = |ticket| Input::Read { ticket: Ticket(ticket), query: query.clone() };
    let answers: Vec<Output> = (0..10).flat_map(|ticket| step(&mut server, 301, read(ticket))).collect();
    let refused =
        |ticket| Output::Reply { ticket: Ticket(ticket), reply: Reply::Refused(Refusal::Overloaded) };
    assert_eq!(answers, (5..10).map(refused).collect::<Vec<_>>());
    let served = |ticket| Output::Reply { ticket: Ticket(ticket), reply: Reply::Read(query.clone()) };
    let outputs = persisted(&mut server, &elected);
    assert!((0..5).all(|ticket| outputs.contains(&served(ticket))), "{outputs:?}");
    assert_eq!(step(&mut server, 301, read(10)), [served(10)]);
}

#[test]
fn reads_wait_up_to_the_limit_and_the_one_that_goes_beyond_it_is_the_last() {
    // A read counts 32 bytes beside its question.
    for (limit, taken) in [(463, 2), (464, 3)] {
        let mut server = alone(limit);
        let campaign = step(&mut server, 301, Input::Tick);
        persisted(&mut server, &campaign);
        let query = Bytes::from(vec![7; 200]);
        let read = |ticket| Input::Read { ticket: Ticket(ticket), query: query.clone() };
        let answers: Vec<Output> = (0..4).flat_map(|ticket| step(&mut server, 301, read(ticket))).collect();
        assert_eq!(replies(&answers).len(), 4 - taken, "{limit}");
        assert_eq!(server.asking_bytes, taken * 232);
    }
}

/// What is committed and not applied does not wait for the clock.
#[test]
fn a_node_that_has_more_to_apply_wants_to_go_on_at_once() {
    let mut server = alone(1 << 20);
    let campaign = step(&mut server, 301, Input::Tick);
    let elected = persisted(&mut server, &campaign);
    persisted(&mut server, &elected);
    for ticket in 0..=APPLY_PER_DRAIN as u64 {
        let propose = Input::Propose { ticket: Ticket(ticket), tag: None, command: Bytes::new() };
        server.step(Timestamp::from_millis(301), propose).unwrap();
    }
    let proposed = step(&mut server, 301, Input::Tick);
    assert_eq!(server.deadline(), server.raft().deadline(), "nothing new is committed");
    assert!(server.deadline() > Timestamp::from_millis(301));
    persisted(&mut server, &proposed);
    assert_eq!(server.last_applied().next(), server.raft().commit_index());
    assert_eq!(server.deadline(), Timestamp::default());
    step(&mut server, 301, Input::Tick);
    assert_eq!(server.last_applied(), server.raft().commit_index());
    assert_eq!(server.deadline(), server.raft().deadline());
}
