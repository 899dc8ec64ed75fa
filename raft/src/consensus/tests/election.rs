//! Elections (§5.2, §5.4.1), PreVote (dissertation §9.6), CheckQuorum (§6.2).

use super::*;
use crate::consensus::io::RoleName;
use crate::consensus::message::{
    AppendEntriesReply, AppendOutcome, HeartbeatReply, PreVote, PreVoteReply, RequestVoteReply,
};

fn heartbeat(term: u64) -> Message {
    Message::Heartbeat(Heartbeat { term: Term(term), round: 0, leader_commit: LogIndex(0) })
}

fn granted(outputs: &[Output]) -> Option<bool> {
    sends(outputs).iter().find_map(|(_, m)| match m {
        Message::RequestVoteReply(m) => Some(m.granted),
        Message::PreVoteReply(m) => Some(m.granted),
        _ => None,
    })
}

fn asks(node: &mut Solo, from: NodeId, message: Message) -> Option<bool> {
    let first = node.hears(from, message);
    let then = node.persisted(&first);
    granted(&[first, then].concat())
}

#[test]
fn a_log_is_more_up_to_date_by_its_last_term_first_and_its_length_second() {
    let cases = [
        (id(4, 2), true, "the same"),
        (id(5, 2), true, "longer"),
        (id(3, 2), false, "shorter"),
        (id(2, 3), true, "of a later term though shorter"),
        (id(9, 1), false, "of an earlier term though longer"),
    ];
    for (last, expected, what) in cases {
        let mut node = Solo::new(3, 3, &[1, 2, 2]);
        let pre_vote = Message::PreVote(PreVote { term: Term(4), last_log: last });
        assert_eq!(asks(&mut node, N2, pre_vote), Some(expected), "{what}");
        assert_eq!(asks(&mut node, N2, vote_request(4, last)), Some(expected), "{what}");
    }
}

#[test]
fn one_vote_per_term_first_come_first_served() {
    let mut node = Solo::new(3, 1, &[]);
    assert_eq!(asks(&mut node, N2, vote_request(2, id(1, 1))), Some(true));
    assert_eq!(asks(&mut node, N3, vote_request(2, id(1, 1))), Some(false));
    assert_eq!(asks(&mut node, N2, vote_request(2, id(1, 1))), Some(true), "asked again");
}

#[test]
fn a_lower_term_is_answered_with_ours() {
    let mut node = Solo::new(3, 7, &[]);
    let low = [
        vote_request(6, id(1, 1)),
        Message::PreVote(PreVote { term: Term(6), last_log: id(1, 1) }),
        heartbeat(6),
        Message::AppendEntries(append(6, id(1, 1), vec![], 0)),
    ];
    for message in low {
        let outputs = node.hears(N2, message.clone());
        let term = match &sends(&outputs)[0].1 {
            Message::RequestVoteReply(m) => m.term,
            Message::PreVoteReply(m) => m.term,
            Message::HeartbeatReply(m) => m.term,
            Message::AppendEntriesReply(m) => m.term,
            other => panic!("{other:?}"),
        };
        assert_eq!(term, Term(7), "{message:?}");
    }
}

#[test]
fn a_pre_vote_raises_no_term_and_binds_nobody() {
    let mut node = Solo::new(3, 1, &[]);
    let ask = Message::PreVote(PreVote { term: Term(2), last_log: id(1, 1) });
    let outputs = node.hears(N2, ask.clone());
    assert_eq!(persists(&outputs), []);
    assert_eq!(granted(&outputs), Some(true));
    assert_eq!(granted(&node.hears(N3, ask)), Some(true));
    assert_eq!(asks(&mut node, N3, vote_request(2, id(1, 1))), Some(true));
}

#[test]
fn a_leader_that_is_heard_is_protected_from_pre_votes_and_votes() {
    let mut node = Solo::new(3, 1, &[]);
    node.hears(N2, heartbeat(1));
    node.after(149);
    let ask = Message::PreVote(PreVote { term: Term(2), last_log: id(1, 1) });
    assert_eq!(asks(&mut node, N3, ask.clone()), Some(false));
    assert_eq!(asks(&mut node, N3, vote_request(9, id(1, 1))), Some(false));
    assert_eq!(node.raft.term(), Term(1), "a protected node does not take the term either");
    let transfer = RequestVote { term: Term(9), last_log: id(1, 1), leadership_transfer: true };
    assert_eq!(asks(&mut node, N3, Message::RequestVote(transfer)), Some(true));
    let mut node = Solo::new(3, 1, &[]);
    node.hears(N2, heartbeat(1));
    node.now = node.now + Duration::from_millis(150);
    assert_eq!(asks(&mut node, N3, ask), Some(true));
}

#[test]
fn each_sign_of_life_protects_a_leader_anew() {
    for sign in [heartbeat(1), Message::AppendEntries(append(1, id(1, 1), vec![], 0))] {
        let mut node = Solo::new(3, 1, &[]);
        for _ in 0..10 {
            node.hears(N2, sign.clone());
            node.after(100);
            assert_eq!(asks(&mut node, N3, vote_request(9, id(1, 1))), Some(false));
            assert_eq!(node.raft.role(), RoleName::Follower);
        }
    }
}

#[test]
fn a_leader_is_not_disturbed_by_a_candidate() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    assert_eq!(asks(&mut node, N3, vote_request(9, id(9, 9))), Some(false));
    assert_eq!((node.raft.role(), node.raft.term()), (RoleName::Leader, Term(2)));
}

#[test]
fn a_vote_of_an_earlier_term_does_not_count() {
    let mut node = Solo::new(3, 1, &[]);
    node.after(301);
    let granted = PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    let campaign = node.hears(N2, Message::PreVoteReply(granted));
    node.persisted(&campaign);
    let stale = RequestVoteReply { term: Term(1), granted: true };
    node.hears(N3, Message::RequestVoteReply(stale));
    assert_eq!(node.raft.role(), RoleName::Candidate);
}

#[test]
fn a_higher_term_in_any_reply_is_taken() {
    let mut node = Solo::new(3, 1, &[]);
    node.after(301);
    let reply = PreVoteReply { term: Term(5), asked: Term(2), granted: false };
    let outputs = node.hears(N2, Message::PreVoteReply(reply));
    assert_eq!((node.raft.role(), node.raft.term()), (RoleName::Follower, Term(5)));
    assert_eq!(persists(&outputs).len(), 1);
}

#[test]
fn a_pre_vote_of_an_earlier_question_does_not_count() {
    let mut node = Solo::new(5, 3, &[]);
    node.after(301);
    let stale = PreVoteReply { term: Term(3), asked: Term(3), granted: true };
    node.hears(N2, Message::PreVoteReply(stale));
    node.hears(N3, Message::PreVoteReply(stale));
    assert_eq!(node.raft.role(), RoleName::PreCandidate);
}

#[test]
fn a_leader_without_a_majority_steps_down_and_one_with_it_does_not() {
    let mut node = Solo::new(3, 1, &[]);
    node.lead();
    for _ in 0..10 {
        node.after(50);
        let alive = HeartbeatReply { term: Term(2), round: 0, lacks: None };
        node.hears(N3, Message::HeartbeatReply(alive));
    }
    assert_eq!(node.raft.role(), RoleName::Leader);
    for _ in 0..7 {
        node.after(50);
    }
    assert_eq!(node.raft.role(), RoleName::Follower);
}

/// An append is answered only when it is durable, a heartbeat at once.
#[test]
fn a_leader_outlasts_followers_whose_disks_are_slow() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    node.now = node.now + Duration::from_millis(49);
    let outcome = AppendOutcome::Matched(LogIndex(2));
    let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
    node.hears(N2, Message::AppendEntriesReply(ack));
    for ticket in 0..12 {
        node.now = node.now + Duration::from_millis(30);
        let outputs = node.propose(ticket, "x");
        for Heartbeat { term, round, .. } in heartbeats_to(&outputs, N2) {
            node.hears(N2, Message::HeartbeatReply(HeartbeatReply { term, round, lacks: None }));
        }
    }
    assert_eq!(node.raft.role(), RoleName::Leader);
}

#[test]
fn a_node_that_was_cut_off_comes_back_without_an_election() {
    let mut net = Net::new(3);
    net.elect(N1, &[N1, N2, N3]);
    let term = net.raft(N1).term();
    for _ in 0..40 {
        net.wait(25);
        for n in [N1, N2, N3] {
            net.step(n, Input::Tick);
        }
        net.deliver_among(&[N1, N2]);
    }
    assert_eq!(net.raft(N3).role(), RoleName::PreCandidate);
    for _ in 0..8 {
        net.wait(25);
        for n in [N1, N2, N3] {
            net.step(n, Input::Tick);
        }
        net.deliver_among(&[N1, N2, N3]);
    }
    assert_eq!((net.raft(N1).role(), net.raft(N1).term()), (RoleName::Leader, term));
    assert_eq!(net.raft(N3).leader(), Some(N1));
}

/// Clients and drivers know the leader by that.
#[test]
fn a_leader_that_is_heard_for_the_first_time_in_its_term_is_announced_once() {
    let mut node = Solo::new(3, 3, &[]);
    let told = |outputs: &[Output]| {
        let role = |o: &Output| if let Output::Role(change) = o { Some(change.leader) } else { None };
        outputs.iter().filter_map(role).collect::<Vec<_>>()
    };
    assert_eq!(told(&node.hears(N2, heartbeat(3))), [Some(N2)], "of the term that it was in already");
    assert_eq!(told(&node.hears(N2, heartbeat(3))), []);
    assert_eq!(told(&node.hears(N3, heartbeat(4))), [Some(N3)]);
}
