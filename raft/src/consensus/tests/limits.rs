//! What a node does at a limit, and just beyond it: a leader, then those that follow or campaign.

use super::*;
use crate::consensus::io::{Misdeed, Refusal, RoleName};
use crate::consensus::message::{InstallSnapshot, PreVote, PreVoteReply, RequestVoteReply};

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

fn answers(node: &mut Solo, from: NodeId, message: Message) -> Vec<Message> {
    let heard = node.hears(from, message);
    let written = node.persisted(&heard);
    [sends(&heard), sends(&written)].concat().into_iter().map(|(_, message)| message).collect()
}

fn beat(term: u64) -> Message {
    Message::Heartbeat(Heartbeat { term: Term(term), round: 0, leader_commit: LogIndex(0) })
}

#[test]
fn nobody_campaigns_for_the_term_that_is() {
    let mut node = Solo::new(3, 2, &[]);
    let asked = Message::PreVote(PreVote { term: Term(2), last_log: id(1, 1) });
    let reply = PreVoteReply { term: Term(2), asked: Term(2), granted: false };
    assert_eq!(answers(&mut node, N3, asked), [Message::PreVoteReply(reply)]);
}

#[test]
fn a_late_candidate_of_this_term_takes_no_leader_away() {
    let mut node = Solo::new(3, 2, &[]);
    node.hears(N2, beat(2));
    node.now = node.now + Duration::from_millis(150);
    answers(&mut node, N3, vote_request(2, id(1, 1)));
    assert_eq!((node.raft.leader(), node.raft.term()), (Some(N2), Term(2)));
}

#[test]
fn a_majority_of_five_is_three() {
    let mut node = Solo::new(5, 1, &[]);
    node.after(301);
    let reply = || Message::PreVoteReply(PreVoteReply { term: Term(1), asked: Term(2), granted: true });
    node.hears(N2, reply());
    node.hears(N2, reply());
    assert_eq!(node.raft.role(), RoleName::PreCandidate, "one is heard once");
    let campaign = node.hears(N3, reply());
    assert_eq!(node.raft.role(), RoleName::Candidate);
    node.persisted(&campaign);
    let vote = || Message::RequestVoteReply(RequestVoteReply { term: Term(2), granted: true });
    node.hears(N2, vote());
    node.hears(N2, vote());
    assert_eq!(node.raft.role(), RoleName::Candidate);
    node.hears(N3, vote());
    assert_eq!(node.raft.role(), RoleName::Leader);
}

/// The last of what is committed is committed.
#[test]
fn nobody_appends_behind_another_than_the_last_committed_entry() {
    let mut node = Solo::new(3, 3, &[2, 2]);
    node.appended(N2, append(3, id(3, 2), vec![], 2));
    for (index, refused) in [(2, true), (3, false)] {
        let outputs = node.hears(N2, Message::AppendEntries(append(3, id(index, 3), vec![], 2)));
        let misdeed = Misdeed::TruncatesCommitted { committed: id(2, 2), claimed: Term(3) };
        let alarm = Output::Alarm { peer: N2, misdeed };
        assert_eq!(outputs.contains(&alarm), refused, "{index}: {outputs:?}");
    }
}

/// Its node took it again, since the first had rotted.
#[test]
fn another_file_of_the_same_end_takes_the_place_of_the_first() {
    let mut node = Solo::new(3, 2, &[]);
    let mut written = |length| {
        let (snapshot, _) = snapshot(id(9, 2), length);
        let data = Bytes::from_static(b"a piece");
        let piece = InstallSnapshot { term: Term(2), snapshot, offset: 0, data };
        let outputs = node.hears(N2, Message::InstallSnapshot(piece));
        outputs.iter().any(|o| matches!(o, Output::WriteSnapshot { snapshot: of, .. } if *of == snapshot))
    };
    assert_eq!([100, 101, 101].map(&mut written), [true, true, false]);
}

/// Each look at this node's own state is one that can fail.
#[test]
fn what_is_durable_ends_with_what_was_submitted_and_that_with_the_log() {
    use crate::consensus::invariants::Broken;
    let mut node = Solo::new(3, 2, &[2, 2]);
    assert_eq!(node.raft.step(node.now, Input::Tick), Ok(()));
    // What was submitted stands behind the end of the log, what is durable does not.
    node.hears(N2, Message::AppendEntries(append(2, id(3, 2), vec![command(4, 2)], 1)));
    assert_eq!((node.raft.durable_index(), node.raft.log.last().index), (LogIndex(3), LogIndex(4)));
    node.raft.log.truncate_after(LogIndex(3));
    let (durable, submitted, last) = (LogIndex(3), LogIndex(4), LogIndex(3));
    let broken = Broken::DurableBeyondLog { durable, submitted, last };
    assert_eq!(node.raft.step(node.now, Input::Tick), Err(broken));
}
