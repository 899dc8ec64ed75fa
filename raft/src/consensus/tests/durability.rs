//! What must be durable before it is said (Figure 2: "updated on stable storage before responding").

use super::*;
use crate::consensus::message::{AppendEntriesReply, AppendOutcome, PreVote, PreVoteReply, RequestVoteReply};

#[test]
fn a_vote_is_said_only_when_it_is_durable() {
    let mut node = Solo::new(3, 1, &[]);
    let outputs = node.hears(N2, vote_request(2, id(1, 1)));
    assert_eq!(sends(&outputs), []);
    let persist = &persists(&outputs)[0];
    assert_eq!(persist.hard_state, Some(HardState { current_term: Term(2), voted_for: Some(N2) }));
    let vote = Message::RequestVoteReply(RequestVoteReply { term: Term(2), granted: true });
    assert_eq!(sends(&node.persisted(&outputs)), [(N2, vote)]);
}

#[test]
fn a_vote_that_is_lost_with_its_node_was_never_said() {
    let mut node = Solo::new(3, 1, &[]);
    let said = node.hears(N2, vote_request(2, id(1, 1)));
    // The crash comes before the disk: the next life knows nothing and votes for another.
    let mut next = Solo::new(3, 1, &[]);
    let outputs = next.hears(N3, vote_request(2, id(1, 1)));
    let second = next.persisted(&outputs);
    let votes = [said, outputs, second].concat().iter().filter(|o| is_vote(o)).count();
    assert_eq!(votes, 1, "one vote per term");
}

fn is_vote(output: &Output) -> bool {
    matches!(output, Output::Send { message: Message::RequestVoteReply(m), .. } if m.granted)
}

#[test]
fn a_candidate_asks_only_when_its_own_vote_is_durable() {
    let mut node = Solo::new(3, 1, &[]);
    node.after(301);
    let granted = PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    let outputs = node.hears(N2, Message::PreVoteReply(granted));
    assert_eq!(sends(&outputs), []);
    assert_eq!(persists(&outputs)[0].hard_state.unwrap().voted_for, Some(N1));
    let asked = sends(&node.persisted(&outputs));
    assert_eq!(asked, [(N2, vote_request(2, id(1, 1))), (N3, vote_request(2, id(1, 1)))]);
}

#[test]
fn a_vote_won_before_the_own_one_is_durable_does_not_make_a_majority() {
    let mut node = Solo::new(3, 1, &[]);
    node.after(301);
    let granted = PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    let campaign = node.hears(N2, Message::PreVoteReply(granted));
    let vote = RequestVoteReply { term: Term(2), granted: true };
    // Nor do those of all others, which were not asked yet.
    for voter in [N2, N3] {
        node.hears(voter, Message::RequestVoteReply(vote));
        assert_eq!(node.raft.leader(), None);
    }
    node.persisted(&campaign);
    assert_eq!(node.raft.leader(), Some(N1));
}

#[test]
fn a_candidate_asks_only_when_the_log_that_it_advertises_is_durable() {
    let mut node = Solo::new(3, 1, &[]);
    let appended = node.hears(N3, Message::AppendEntries(append(1, id(1, 1), vec![command(2, 1)], 1)));
    node.after(301);
    let granted = PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    let campaign = node.hears(N2, Message::PreVoteReply(granted));
    let votes = |outputs: &[Output]| {
        sends(outputs).into_iter().filter(|(_, m)| *m == vote_request(2, id(2, 1))).count()
    };
    assert_eq!(votes(&campaign) + votes(&node.persisted(&appended)), 0);
    assert_eq!(votes(&node.persisted(&campaign)), 2);
}

#[test]
fn nothing_is_answered_in_a_term_that_is_not_durable() {
    let mut node = Solo::new(3, 1, &[]);
    let raised = node.hears(N2, vote_request(5, id(1, 1)));
    let pre_vote = PreVote { term: Term(1), last_log: id(1, 1) };
    let heartbeat = |term| Heartbeat { term: Term(term), round: 0, leader_commit: LogIndex(0) };
    for message in [
        vote_request(1, id(1, 1)),
        Message::PreVote(pre_vote),
        Message::AppendEntries(append(1, id(1, 1), vec![], 0)),
        Message::Heartbeat(heartbeat(1)),
        Message::Heartbeat(heartbeat(5)),
        Message::AppendEntries(append(5, id(1, 1), vec![], 0)),
        Message::AppendEntries(append(5, id(9, 5), vec![], 0)),
    ] {
        assert_eq!(sends(&node.hears(N3, message.clone())), [], "{message:?}");
    }
    assert_eq!(sends(&node.persisted(&raised)).len(), 8);
}

#[test]
fn a_follower_acknowledges_only_what_is_durable() {
    let mut node = Solo::new(3, 2, &[]);
    let first = node.hears(N2, Message::AppendEntries(append(2, id(1, 1), vec![command(2, 2)], 1)));
    let second = node.hears(N2, Message::AppendEntries(append(2, id(2, 2), vec![command(3, 2)], 1)));
    assert_eq!((sends(&first), sends(&second)), (vec![], vec![]));
    let matched = |index| {
        let outcome = AppendOutcome::Matched(LogIndex(index));
        vec![(N2, Message::AppendEntriesReply(AppendEntriesReply { term: Term(2), id: 1, outcome }))]
    };
    assert_eq!(sends(&node.persisted(&first)), matched(2));
    assert_eq!(sends(&node.persisted(&second)), matched(3));
}

#[test]
fn an_acknowledgement_that_a_truncation_overtook_is_never_said() {
    let mut node = Solo::new(3, 2, &[]);
    let doomed = node.hears(N2, Message::AppendEntries(append(2, id(1, 1), vec![command(2, 2)], 1)));
    let winner = node.hears(N3, Message::AppendEntries(append(3, id(1, 1), vec![command(2, 3)], 1)));
    assert_eq!(sends(&node.persisted(&doomed)), []);
    assert_eq!(node.raft.durable_index(), LogIndex(1));
    assert_eq!(sends(&node.persisted(&winner)).len(), 1);
    assert_eq!(node.raft.durable_index(), LogIndex(2));
}

#[test]
fn a_single_node_waits_for_its_own_disk() {
    let mut node = Solo::new(1, 1, &[]);
    let campaign = node.after(301);
    assert_eq!(node.raft.leader(), None, "its own vote is not durable yet");
    let elected = node.persisted(&campaign);
    assert_eq!(node.raft.leader(), Some(N1));
    assert_eq!(node.raft.commit_index(), LogIndex(0), "its no-op is not durable yet");
    only_persist(&elected);
    node.persisted(&elected);
    assert_eq!(node.raft.commit_index(), LogIndex(2));
}
