//! What of the log is dropped, and what peers still need.

use super::*;
use crate::consensus::StartError;

fn stored(node: &mut Solo, last: LogId) -> Option<LogIndex> {
    let (id, meta) = snapshot(last, 100);
    compacted(&node.step(Input::SnapshotStored { id, meta }))
}

fn compacted(outputs: &[Output]) -> Option<LogIndex> {
    outputs.iter().find_map(|o| if let Output::Compact(upto) = o { Some(*upto) } else { None })
}

/// A follower of term 2 with entries up to 5, of which `commit` are committed.
fn follower(commit: u64) -> Solo {
    let mut node = Solo::new(3, 2, &[1, 2, 2, 2]);
    node.appended(N2, append(2, id(5, 2), vec![], commit));
    node
}

/// A leader of term 2, all up to its no-op at 6 committed with node 2.
fn leader() -> Solo {
    let mut node = Solo::new(3, 1, &[1, 1, 1, 1]);
    node.lead_and_commit();
    assert_eq!(node.raft.commit_index(), LogIndex(6));
    node
}

#[test]
fn a_follower_drops_at_once_what_its_snapshot_holds() {
    let mut node = follower(4);
    assert_eq!(stored(&mut node, id(3, 2)), Some(LogIndex(3)));
    assert_eq!((node.raft.log().base().id, node.raft.last_log()), (id(3, 2), id(5, 2)));
    assert_eq!(compacted(&node.after(1)), None, "once");
}

#[test]
fn nothing_is_dropped_that_is_not_committed_or_not_of_this_log() {
    let mut node = follower(4);
    assert_eq!(stored(&mut node, id(5, 2)), None, "not committed");
    assert_eq!(stored(&mut node, id(3, 1)), None, "another entry");
    assert_eq!(stored(&mut node, id(9, 2)), None, "beyond the log");
    assert_eq!(stored(&mut node, id(4, 2)), Some(LogIndex(4)));
    assert_eq!(stored(&mut node, id(3, 2)), None, "older than the last");
    assert_eq!(node.raft.snapshot().map(|s| s.last), Some(id(4, 2)));
}

#[test]
fn nothing_is_dropped_that_is_not_durable_here() {
    let mut node = Solo::new(3, 2, &[]);
    let entries = vec![command(2, 2), command(3, 2)];
    let appended = node.hears(N2, Message::AppendEntries(append(2, id(1, 1), entries, 3)));
    assert_eq!(node.raft.commit_index(), LogIndex(3));
    assert_eq!(stored(&mut node, id(3, 2)), Some(LogIndex(1)));
    assert_eq!(compacted(&node.persisted(&appended)), Some(LogIndex(3)));
}

#[test]
fn a_slow_peer_in_reach_keeps_the_log_and_one_out_of_reach_does_not() {
    let mut node = leader();
    node.acks(N3, LogIndex(2));
    assert_eq!(stored(&mut node, id(5, 1)), Some(LogIndex(2)));
    assert_eq!(compacted(&node.after(0)), None, "the same again");
    assert_eq!(compacted(&node.acks(N3, LogIndex(4))), Some(LogIndex(4)), "as it catches up");
    assert_eq!(compacted(&node.after(150)), None, "not yet");
    node.beats(N2);
    assert_eq!(compacted(&node.after(1)), Some(LogIndex(5)), "silent for an election timeout");
}

#[test]
fn a_snapshot_that_comes_late_does_not_take_the_place_of_a_newer_one() {
    let mut node = leader();
    node.acks(N3, LogIndex(2));
    stored(&mut node, id(5, 1));
    stored(&mut node, id(4, 1));
    assert_eq!(node.raft.snapshot().map(|s| s.last), Some(id(5, 1)));
}

/// Every step is followed by a look at this node's own state.
#[test]
fn a_log_that_lost_what_is_not_committed_stops_the_node() {
    use crate::consensus::invariants::Broken;
    let mut node = follower(2);
    node.raft.log.compact(LogIndex(3));
    let broken = Broken::BaseBeyondCommit { base: LogIndex(3), commit: LogIndex(2) };
    assert_eq!(node.raft.step(node.now, Input::Tick), Err(broken));
}

#[test]
fn a_peer_that_is_sent_a_snapshot_without_one_stops_the_node() {
    use crate::consensus::{invariants::Broken, progress::Mode, role::Role};
    let mut node = leader();
    if let Role::Leader(leader) = &mut node.raft.role {
        leader.peers.get_mut(&N2).unwrap().mode = Mode::Snapshot;
    }
    let broken = Broken::SnapshotAndLog { peer: N2 };
    assert_eq!(node.raft.step(node.now, Input::Tick), Err(broken));
}

#[test]
fn kept_log_is_bounded_in_bytes() {
    // An entry counts 32 bytes beside its content, which is three bytes here.
    for (most, kept) in [(104, 2), (105, 3)] {
        let config = Config { max_kept_log_bytes: most, ..Config::lan() };
        let hard_state = HardState { current_term: Term(1), voted_for: None };
        let start = Start { hard_state, entries: entries(3, &[1, 1, 1, 1]), ..Start::default() };
        let mut node = Solo::start(config, start);
        node.lead_and_commit();
        node.acks(N3, LogIndex(2));
        assert_eq!(stored(&mut node, id(4, 1)), Some(LogIndex(2)), "two entries are kept");
        let dropped = Some(LogIndex(5)).filter(|_| kept < 3);
        assert_eq!(stored(&mut node, id(5, 1)), dropped, "{kept} entries are at most {most} bytes");
    }
}

#[test]
fn what_follows_a_snapshot_on_its_way_is_kept() {
    let mut node = leader();
    node.after(100);
    node.beats(N2);
    node.after(51);
    assert_eq!(stored(&mut node, id(4, 1)), Some(LogIndex(4)), "node 3 is out of reach");
    node.beats(N3);
    let conflict = AppendOutcome::Conflict { term: None, first: LogIndex(2) };
    let reply = AppendEntriesReply { term: node.raft.term(), id: 1, outcome: conflict };
    node.hears(N3, Message::AppendEntriesReply(reply));
    assert_eq!(node.raft.progress().nth(1).unwrap().1.mode, crate::consensus::progress::Mode::Snapshot);
    assert_eq!(stored(&mut node, id(6, 2)), None, "5 and 6 follow the snapshot that node 3 gets");
    let (snapshot, _) = snapshot(id(4, 1), 100);
    let outcome = crate::consensus::message::SnapshotOutcome::Installed;
    let term = node.raft.term();
    let installed = crate::consensus::message::InstallSnapshotReply { term, snapshot, outcome };
    node.hears(N3, Message::InstallSnapshotReply(installed));
    assert_eq!(compacted(&node.acks(N3, LogIndex(6))), Some(LogIndex(6)));
}

#[test]
fn an_append_that_begins_before_the_base_is_taken_from_the_base_on() {
    let mut node = follower(4);
    stored(&mut node, id(4, 2));
    let late = vec![command(2, 1), command(3, 2)];
    let again = vec![command(4, 2), command(5, 2), command(6, 2)];
    for (prev, entries, matched) in [(id(1, 1), late, 3), (id(3, 2), again, 6)] {
        let outputs = node.appended(N2, append(2, prev, entries, 4));
        let outcome = AppendOutcome::Matched(LogIndex(matched));
        let reply = AppendEntriesReply { term: Term(2), id: 1, outcome };
        assert_eq!(sends(&outputs), [(N2, Message::AppendEntriesReply(reply))]);
    }
    assert_eq!(node.raft.last_log(), id(6, 2));
}

#[test]
fn a_truncation_back_to_the_base_keeps_the_membership() {
    let mut node = follower(3);
    stored(&mut node, id(3, 2));
    node.appended(N3, append(3, id(3, 2), vec![command(4, 3)], 3));
    assert_eq!(node.raft.last_log(), id(4, 3));
    assert_eq!(*node.raft.membership(), voters(3));
    assert_eq!(node.raft.membership_at(LogIndex(4)), Some(voters(3)));
}

#[test]
fn a_truncation_falls_back_to_the_membership_at_the_base() {
    let mut node = follower(3);
    stored(&mut node, id(3, 2));
    let data = Bytes::from(postcard::to_allocvec(&voters(2)).unwrap());
    let change = Entry::new(id(6, 2), EntryKind::Membership, data);
    node.appended(N2, append(2, id(5, 2), vec![change], 3));
    assert_eq!(*node.raft.membership(), voters(2));
    node.appended(N2, append(3, id(3, 2), vec![command(4, 3)], 3));
    assert_eq!(*node.raft.membership(), voters(3));
}

#[test]
fn a_node_starts_from_its_snapshot_alone() {
    let (snapshot, meta) = snapshot(id(9, 2), 100);
    let hard_state = HardState { current_term: Term(3), voted_for: None };
    let membership = Some(meta.membership);
    let start =
        Start { hard_state, base: meta.base, membership, snapshot: Some(snapshot), ..Start::default() };
    let node = Solo::start(Config::lan(), start.clone());
    assert_eq!((node.raft.commit_index(), node.raft.last_log()), (LogIndex(9), id(9, 2)));
    assert_eq!(*node.raft.membership(), voters(3));
    let astray = Start { base: Base { id: id(8, 2), ..Base::default() }, ..start };
    let refused = Raft::new(N1, Config::lan(), 1, Timestamp::default(), astray);
    assert!(matches!(refused, Err(StartError::SnapshotOutsideLog { .. })));
}

/// Storage begins in the snapshot's term, durably.
#[test]
fn a_snapshot_of_a_term_that_is_not_durable_is_refused() {
    let (snapshot, meta) = snapshot(id(9, 4), 1000);
    let hard_state = HardState { current_term: Term(2), voted_for: Some(N3) };
    let membership = Some(meta.membership);
    let start =
        Start { hard_state, base: meta.base, membership, snapshot: Some(snapshot), ..Start::default() };
    let refused = Raft::new(N1, Config::lan(), 1, Timestamp::default(), start);
    let expected = (Term(4), Term(2));
    assert!(
        matches!(refused, Err(StartError::TermBehindLog { log, current }) if (log, current) == expected),
        "{:?}",
        refused.err()
    );
}

#[test]
fn the_membership_at_an_index_is_the_newest_up_to_there() {
    let data = Bytes::from(postcard::to_stdvec(&voters(5)).unwrap());
    let second = Entry::new(id(3, 2), EntryKind::Membership, data);
    let hard_state = HardState { current_term: Term(2), voted_for: None };
    let entries = [entries(3, &[2]), vec![second, command(4, 2)]].concat();
    let node = Solo::start(Config::lan(), Start { hard_state, entries, ..Start::default() });
    let at = |index| node.raft.membership_at(LogIndex(index));
    assert_eq!([1, 2, 3, 4].map(at), [3, 3, 5, 5].map(|count| Some(voters(count))));
}
