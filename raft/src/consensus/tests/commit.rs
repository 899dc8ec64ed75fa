//! Commitment (§5.3, §5.4).

use super::*;
use crate::consensus::message::{AppendEntriesReply, AppendOutcome, PreVoteReply, RequestVoteReply};

/// §5.4.2, Figure 8: an entry of an old term on a majority may still be replaced, so it is not
/// committed by counting.
#[test]
fn figure_8_an_entry_of_an_old_term_is_not_committed_by_counting() {
    let last_old = LogIndex(3);
    let mut node = Solo::new(5, 4, &[2, 2]);
    node.after(301);
    let asked = node.raft.term().next();
    let campaign = [N2, N3].map(|peer| {
        let granted = PreVoteReply { term: Term(4), asked, granted: true };
        node.hears(peer, Message::PreVoteReply(granted))
    });
    node.persisted(&campaign.concat());
    let elected = [N2, N3].map(|peer| {
        let vote = RequestVoteReply { term: asked, granted: true };
        node.hears(peer, Message::RequestVoteReply(vote))
    });
    assert_eq!(node.raft.leader(), Some(N1));
    let matched = |index| {
        let outcome = AppendOutcome::Matched(index);
        Message::AppendEntriesReply(AppendEntriesReply { term: asked, id: 1, outcome })
    };
    // (c) its old entries are on a majority.
    for peer in [N2, N3] {
        node.hears(peer, matched(last_old));
    }
    assert_eq!(node.raft.commit_index(), LogIndex(0), "an old term's entry is not committed by counting");
    // (e) so is an entry of its own term: everything before it is committed too.
    node.persisted(&elected.concat());
    for peer in [N2, N3] {
        node.hears(peer, matched(last_old.next()));
    }
    assert_eq!(node.raft.commit_index(), last_old.next());
}

#[test]
fn a_leader_counts_itself_only_when_its_own_disk_has_the_entry() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    let outcome = AppendOutcome::Matched(LogIndex(2));
    let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
    node.hears(N2, Message::AppendEntriesReply(ack));
    assert_eq!(node.raft.commit_index(), LogIndex(0), "one durable copy of three");
    node.persisted(&elected);
    assert_eq!(node.raft.commit_index(), LogIndex(2));
}

#[test]
fn two_followers_commit_what_the_leaders_own_disk_has_not() {
    let mut node = Solo::new(3, 1, &[]);
    node.lead();
    for peer in [N2, N3] {
        let outcome = AppendOutcome::Matched(LogIndex(2));
        let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
        node.hears(peer, Message::AppendEntriesReply(ack));
    }
    assert_eq!(node.raft.commit_index(), LogIndex(2));
}

#[test]
fn a_follower_commits_no_further_than_a_request_verified() {
    let mut node = Solo::new(3, 2, &[1, 1, 1]);
    // The leader has committed 4, but so far only 2 is known to be equal here.
    node.appended(N2, append(2, id(2, 1), vec![], 4));
    assert_eq!(node.raft.commit_index(), LogIndex(2));
    node.appended(N2, append(2, id(1, 1), vec![], 1));
    assert_eq!(node.raft.commit_index(), LogIndex(2), "never back");
}

#[test]
fn a_heartbeat_tells_a_peer_no_more_than_it_is_known_to_hold() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    let outcome = AppendOutcome::Matched(LogIndex(2));
    let ack = AppendEntriesReply { term: Term(2), id: 1, outcome };
    node.hears(N2, Message::AppendEntriesReply(ack));
    assert_eq!(node.raft.commit_index(), LogIndex(2));
    let outputs = node.after(50);
    assert_eq!(heartbeats_to(&outputs, N2)[0].leader_commit, LogIndex(2));
    assert_eq!(heartbeats_to(&outputs, N3)[0].leader_commit, LogIndex(0));
}

#[test]
fn the_first_append_of_a_term_is_its_first_sign_of_life() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    assert_eq!((appends_to(&elected, N3).len(), heartbeats_to(&elected, N3).len()), (1, 0));
    assert_eq!(heartbeats_to(&node.after(50), N3).len(), 1);
}

#[test]
fn followers_hear_of_a_committed_command_soon_and_of_a_no_op_by_the_next_heartbeat() {
    let mut node = Solo::new(3, 1, &[]);
    let elected = node.lead();
    node.persisted(&elected);
    let ack = |index| {
        let outcome = AppendOutcome::Matched(LogIndex(index));
        Message::AppendEntriesReply(AppendEntriesReply { term: Term(2), id: index - 1, outcome })
    };
    node.hears(N2, ack(2));
    assert_eq!(node.raft.commit_index(), LogIndex(2));
    assert_eq!(sends(&node.after(5)), [], "a no-op is no news");

    let proposed = node.propose(1, "x");
    node.persisted(&proposed);
    node.hears(N2, ack(3));
    let news = node.after(5);
    assert_eq!(heartbeats_to(&news, N2)[0].leader_commit, LogIndex(3));
    assert_eq!(heartbeats_to(&news, N3), [], "it has not answered: it holds nothing for certain");
}
