//! Rules about what a disk holds, each broken by hand.

use raft::consensus::entry::Chain;
use raft::consensus::message::{
    AppendEntriesReply, AppendOutcome, HeartbeatReply, InstallSnapshotReply, RequestVote, RequestVoteReply,
    SnapshotOutcome,
};
use raft::consensus::snapshot::{Base, Repair, SnapshotId};
use raft::consensus::{Raft, Start};
use raft::{Config, HardState, Incarnation, LogId, Membership};

use super::tests::{Bench, rule};
use super::*;
use crate::carrier::id_of;

/// A node of term 3 whose log begins behind an entry of a snapshot, or lacks what it had.
fn raft_with(base: u64, repair: Option<Repair>) -> Raft {
    let members = (0..3).map(|node| (id_of(node), Incarnation(1 + node as u128)));
    let membership = Some(Membership { voters: members.collect() });
    let hard_state = HardState { current_term: Term(3), voted_for: None };
    let id = LogId { term: Term(u64::from(base > 0)), index: LogIndex(base) };
    let base = Base { id, chain: Chain::default() };
    let start = Start { hard_state, base, membership, entries: Vec::new(), repair, snapshot: None };
    Raft::new(id_of(0), Config::lan(), 1, Timestamp::default(), start).unwrap()
}

#[test]
fn only_what_a_disk_lost_is_repaired() {
    let mut bench = Bench::new(3, [&[1], &[], &[]]);
    let least = LogId { term: Term(1), index: LogIndex(2) };
    let born = |bench: &Bench| rule(snapshots::Snapshots::new(3).born(&bench.view(0)));
    assert_eq!(born(&bench), None);
    bench.rafts[0] = raft_with(0, Some(Repair { least }));
    assert_eq!(born(&bench), Some("only what was lost is repaired"));
    let before = bench.durable[0].as_ref().clone();
    bench.damaged[0].add(before);
    assert_eq!(born(&bench), None);
    bench.damaged[0].set_unreadable(true);
    bench.damaged[0].made_good();
    assert_eq!(born(&bench), None, "what could not be read a life may have begun without");
    bench.damaged[0].set_unreadable(false);
    bench.damaged[0].made_good();
    assert_eq!(born(&bench), Some("only what was lost is repaired"));
}

#[test]
fn what_is_compacted_away_is_in_a_snapshot() {
    let mut bench = Bench::new(3, [&[1], &[], &[]]);
    let checked = |bench: &Bench| rule(snapshots::Snapshots::new(3).check(&bench.view(0)));
    assert_eq!(checked(&bench), None);
    bench.rafts[0] = raft_with(2, None);
    assert_eq!(checked(&bench), Some("what is compacted away is in a snapshot"));
}

#[test]
fn what_a_node_says_its_disk_has() {
    let bench = Bench::new(3, [&[1], &[], &[]]);
    let term = Term(3);
    let says = |node, message: Message| rule(truthful(&bench.view(node), 1, &message));
    let matched = |index| {
        let outcome = AppendOutcome::Matched(LogIndex(index));
        Message::AppendEntriesReply(AppendEntriesReply { term, id: 1, outcome })
    };
    let broken = Some("what a node says is durable");
    assert_eq!((says(0, matched(2)), says(0, matched(3))), (None, broken));
    let answer = |term| Message::HeartbeatReply(HeartbeatReply { term, round: 0, lacks: None });
    assert_eq!((says(0, answer(term)), says(0, answer(term.next()))), (None, broken));
    let vote = |granted| Message::RequestVoteReply(RequestVoteReply { term, granted });
    assert_eq!((says(0, vote(false)), says(0, vote(true))), (None, broken));
    let campaign = RequestVote { term, last_log: LogId::default(), leadership_transfer: false };
    assert_eq!(says(0, Message::RequestVote(campaign)), broken);
    let installed = |index| {
        let last = LogId { term: Term(1), index: LogIndex(index) };
        let snapshot = SnapshotId { last, length: 5, hash: [0; 32] };
        let outcome = SnapshotOutcome::Installed;
        Message::InstallSnapshotReply(InstallSnapshotReply { term, snapshot, outcome })
    };
    assert_eq!((says(0, installed(2)), says(0, installed(3))), (None, broken));
}

#[test]
fn what_a_later_leader_replaced_in_memory_was_acknowledged_rightly_while_the_disk_has_it() {
    let mut bench = Bench::new(4, [&[2, 2, 2], &[], &[]]);
    bench.rafts[0] = Bench::new(4, [&[2, 4], &[], &[]]).rafts.swap_remove(0);
    let matched = |term, index| {
        let outcome = AppendOutcome::Matched(LogIndex(index));
        let reply = AppendEntriesReply { term: Term(term), id: 1, outcome };
        rule(truthful(&bench.view(0), 1, &Message::AppendEntriesReply(reply)))
    };
    assert_eq!(matched(3, 4), None);
    let broken = Some("what a node says is durable");
    assert_eq!((matched(4, 4), matched(3, 5), matched(1, 4)), (broken, broken, broken));
}

#[test]
fn a_node_begins_as_its_disk_ended() {
    let mut bench = Bench::new(3, [&[1], &[], &[]]);
    assert_eq!(rule(begins_as_it_ended(&bench.view(0))), None);
    bench.rafts[0] = raft_with(0, None);
    assert_eq!(rule(begins_as_it_ended(&bench.view(0))), Some("what a node says is durable"));
    let claims = |said| {
        let mut claims = claims::Claims::new(3);
        let message = HeartbeatReply { term: said, round: 0, lacks: None };
        claims.leaves(0, &Message::HeartbeatReply(message));
        rule(claims.born(0, Term(3)))
    };
    assert_eq!((claims(Term(3)), claims(Term(4))), (None, Some("what a node says is durable")));
}
