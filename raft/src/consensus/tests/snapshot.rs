//! Snapshots on their way from a leader to a peer that is far behind: the receiving side here, the
//! sending one in `sending`, both over a bad link in `lossy`.

mod lossy;
mod sending;

use super::*;
use crate::consensus::io::Misdeed;
use crate::consensus::message::{InstallSnapshot, InstallSnapshotReply, SnapshotOutcome};

fn alarm(outputs: &[Output]) -> Option<Misdeed> {
    outputs.iter().find_map(|o| if let Output::Alarm { misdeed, .. } = o { Some(*misdeed) } else { None })
}

fn outcomes(outputs: &[Output]) -> Vec<SnapshotOutcome> {
    let outcome = |(_, m)| if let Message::InstallSnapshotReply(m) = m { Some(m.outcome) } else { None };
    sends(outputs).into_iter().filter_map(outcome).collect()
}

fn written(outputs: &[Output]) -> Vec<(u64, usize)> {
    let write = |o: &Output| match o {
        Output::WriteSnapshot { offset, data, .. } => Some((*offset, data.len())),
        _ => None,
    };
    outputs.iter().filter_map(write).collect()
}

fn piece(term: u64, last: LogId, offset: u64, length: usize) -> Message {
    let data = Bytes::from(vec![1; length]);
    Message::InstallSnapshot(InstallSnapshot {
        term: Term(term),
        snapshot: snapshot(last, 100).0,
        offset,
        data,
    })
}

fn next(offset: u64) -> Vec<SnapshotOutcome> {
    vec![SnapshotOutcome::Next(offset)]
}

/// Node 1 in term 2 with entries of these terms from 2 on.
fn node(terms: &[u64]) -> Solo {
    Solo::new(3, 2, terms)
}

fn install(node: &mut Solo, last: LogId) -> Vec<Output> {
    let (id, meta) = snapshot(last, 100);
    node.step(Input::SnapshotInstalled { id, meta })
}

#[test]
fn pieces_are_taken_in_order_and_answered_once_written() {
    let mut node = node(&[]);
    let last = id(9, 2);
    assert_eq!(outcomes(&node.hears(N2, piece(2, last, 0, 0))), next(0), "a probe");
    let first = node.hears(N2, piece(2, last, 0, 40));
    assert_eq!((written(&first), outcomes(&first)), (vec![(0, 40)], vec![]));
    let lost = node.hears(N2, piece(2, last, 80, 20));
    assert_eq!(
        (written(&lost), outcomes(&lost)),
        (vec![], next(40)),
        "after a lost piece: from where it was"
    );
    assert_eq!(written(&node.hears(N2, piece(2, last, 0, 40))), [], "twice");
    let (snapshot, _) = snapshot(last, 100);
    assert_eq!(outcomes(&node.step(Input::SnapshotWritten { snapshot, end: 40 })), next(40));
    assert_eq!(written(&node.hears(N2, piece(2, last, 40, 60))), [(40, 60)]);
}

/// A leader that hears nothing probes, and sends another window from where the answer says.
#[test]
fn what_waits_for_a_slow_disk_is_bounded() {
    let mut node = node(&[]);
    let (snapshot, _) = snapshot(id(9, 2), 64 << 20);
    let data = Bytes::from(vec![1; 1 << 20]);
    let piece = |offset: u64| {
        Message::InstallSnapshot(InstallSnapshot { term: Term(2), snapshot, offset, data: data.clone() })
    };
    let window = Config::lan().snapshot_window_bytes as u64;
    let mut there = 0;
    for _ in 0..64 {
        let outputs = node.hears(N2, piece(there));
        there += written(&outputs).iter().map(|(_, length)| *length as u64).sum::<u64>();
        assert_eq!(outcomes(&outputs), if written(&outputs).is_empty() { next(there) } else { vec![] });
    }
    assert_eq!(there, 4 * window);
    assert_eq!(written(&node.hears(N2, piece(there))), []);
    node.step(Input::SnapshotWritten { snapshot, end: 1 << 20 });
    assert_eq!(written(&node.hears(N2, piece(there))), [(there, 1 << 20)], "it goes on with the disk");
}

#[test]
fn only_what_was_taken_of_this_file_is_answered() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(9, 2), 0, 40));
    let (other, _) = snapshot(id(8, 2), 100);
    assert_eq!(outcomes(&node.step(Input::SnapshotWritten { snapshot: other, end: 40 })), []);
    let (this, _) = snapshot(id(9, 2), 100);
    assert_eq!(outcomes(&node.step(Input::SnapshotWritten { snapshot: this, end: 41 })), []);
}

#[test]
fn another_leader_goes_on_with_the_same_file_and_begins_another() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(9, 2), 0, 40));
    let probed = node.hears(N3, piece(3, id(9, 2), 0, 0));
    assert_eq!(outcomes(&node.persisted(&probed)), next(40));
    assert_eq!(outcomes(&node.hears(N3, piece(3, id(10, 2), 0, 0))), next(0));
}

#[test]
fn a_late_piece_of_a_leaders_older_snapshot_ends_no_transfer() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(9, 2), 0, 40));
    for (offset, length) in [(0, 0), (0, 40), (40, 40)] {
        let late = node.hears(N2, piece(2, id(8, 2), offset, length));
        assert_eq!((outcomes(&late), written(&late)), (vec![], vec![]));
    }
    assert_eq!(written(&node.hears(N2, piece(2, id(9, 2), 40, 60))), [(40, 60)]);
    // The next leader may have no newer one.
    let next_leaders = node.hears(N3, piece(3, id(8, 2), 0, 40));
    assert_eq!(written(&next_leaders), [(0, 40)]);
}

#[test]
fn a_file_that_fails_begins_again() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(9, 2), 0, 100));
    let (snapshot, _) = snapshot(id(9, 2), 100);
    node.step(Input::SnapshotFailed { snapshot });
    assert_eq!(outcomes(&node.step(Input::SnapshotWritten { snapshot, end: 100 })), [], "too late");
    assert_eq!(outcomes(&node.hears(N2, piece(2, id(9, 2), 0, 0))), next(0));
}

#[test]
fn a_leader_of_an_earlier_term_sends_in_vain() {
    let mut node = node(&[]);
    let late = node.hears(N2, piece(1, id(9, 1), 0, 40));
    assert_eq!(written(&late), []);
    let reply = |o: &(NodeId, Message)| matches!(&o.1, Message::InstallSnapshotReply(m) if m.term == Term(2));
    assert!(sends(&late).iter().all(reply) && sends(&late).len() == 1, "it learns the term");
}

#[test]
fn a_snapshot_from_the_leader_is_a_sign_of_life() {
    let mut node = node(&[]);
    for _ in 0..10 {
        node.after(100);
        node.hears(N2, piece(2, id(9, 2), 0, 0));
    }
    assert_eq!(node.raft.leader(), Some(N2));
}

#[test]
fn snapshots_and_pieces_that_cannot_be_are_refused() {
    let mut node = node(&[2, 2]);
    node.appended(N2, append(2, id(3, 2), vec![], 3));
    for wrong in [
        piece(2, id(9, 2), 90, 11),
        piece(2, id(9, 2), 101, 0),
        piece(2, id(9, 2), u64::MAX, 1),
        piece(2, id(9, 3), 0, 1),
        piece(2, id(0, 0), 0, 1),
    ] {
        let outputs = node.hears(N2, wrong);
        assert!(matches!(alarm(&outputs), Some(Misdeed::BrokenSnapshot { .. })), "{outputs:?}");
        assert_eq!(written(&outputs), []);
    }
    let (mut empty, _) = snapshot(id(9, 2), 0);
    empty.length = 0;
    let message = InstallSnapshot { term: Term(2), snapshot: empty, offset: 0, data: Bytes::new() };
    assert!(alarm(&node.hears(N2, Message::InstallSnapshot(message))).is_some());
    let replaces = alarm(&node.hears(N2, piece(2, id(3, 1), 0, 1)));
    let expected = Misdeed::TruncatesCommitted { committed: id(3, 2), claimed: Term(1) };
    assert_eq!(replaces, Some(expected));
}

#[test]
fn an_installed_snapshot_replaces_a_log_that_does_not_hold_its_end() {
    for terms in [vec![], vec![1, 1, 1, 1, 1]] {
        let mut node = node(&terms);
        node.hears(N2, piece(2, id(4, 2), 0, 100));
        let installed = install(&mut node, id(4, 2));
        assert_eq!((node.raft.last_log(), node.raft.commit_index()), (id(4, 2), LogIndex(4)), "{terms:?}");
        assert_eq!(outcomes(&installed), [], "not before it is durable");
        assert!(node.raft.durable_index() < LogIndex(4));
        let persist = &persists(&installed)[0];
        assert_eq!((persist.base.map(|b| b.id), persist.entries.len()), (Some(id(4, 2)), 0));
        assert_eq!(outcomes(&node.persisted(&installed)), [SnapshotOutcome::Installed]);
        assert_eq!(node.raft.durable_index(), LogIndex(4));
        assert_eq!(node.raft.snapshot().map(|s| s.last), Some(id(4, 2)));
        let goes_on = node.appended(N2, append(2, id(4, 2), vec![command(5, 2)], 4));
        assert!(persists(&goes_on)[0].base.is_none() && persists(&goes_on)[0].entries.len() == 1);
    }
}

#[test]
fn entries_that_come_before_the_base_is_written_leave_with_it() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(4, 2), 0, 100));
    let (id4, meta) = snapshot(id(4, 2), 100);
    node.raft.step(node.now, Input::SnapshotInstalled { id: id4, meta: meta.clone() }).unwrap();
    let both = node.hears(N2, Message::AppendEntries(append(2, id(4, 2), vec![command(5, 2)], 4)));
    let persist = &persists(&both)[0];
    assert_eq!((persist.base, persist.prev_chain), (Some(meta.base), meta.base.chain));
    assert_eq!(persist.entries, [command(5, 2)]);
    assert_eq!(sends(&node.persisted(&both)).len(), 2, "installed and matched");
}

#[test]
fn a_write_from_before_the_installation_vouches_for_nothing_behind_it() {
    let mut node = node(&[]);
    let doomed: Vec<Entry> = (2..7).map(|index| command(index, 2)).collect();
    let early = node.hears(N2, Message::AppendEntries(append(2, id(1, 1), doomed, 1)));
    node.hears(N3, piece(3, id(4, 3), 0, 100));
    let installed = install(&mut node, id(4, 3));
    assert_eq!(outcomes(&node.persisted(&early)), []);
    assert!(node.raft.durable_index() < LogIndex(4));
    assert_eq!(outcomes(&node.persisted(&installed)), [SnapshotOutcome::Installed]);
}

#[test]
fn a_log_that_holds_the_snapshots_end_keeps_what_follows_it() {
    let mut node = node(&[1, 2, 2, 2]);
    node.hears(N2, piece(2, id(3, 2), 0, 100));
    let installed = install(&mut node, id(3, 2));
    assert_eq!((node.raft.log().base().id, node.raft.last_log()), (id(3, 2), id(5, 2)));
    assert_eq!(node.raft.durable_index(), LogIndex(5));
    assert!(persists(&installed).is_empty(), "the disk keeps its log");
    assert!(installed.contains(&Output::Compact(LogIndex(3))));
    assert_eq!(outcomes(&installed), [SnapshotOutcome::Installed]);
}

#[test]
fn a_snapshot_never_replaces_what_is_known_to_be_committed_as_far() {
    let mut node = node(&[2, 2, 2, 2]);
    node.appended(N2, append(2, id(5, 2), vec![], 4));
    let offered = node.hears(N2, piece(2, id(4, 2), 0, 100));
    assert_eq!((written(&offered), outcomes(&offered)), (vec![], vec![SnapshotOutcome::Installed]));
    let late = install(&mut node, id(3, 2));
    assert_eq!((node.raft.commit_index(), node.raft.last_log()), (LogIndex(4), id(5, 2)));
    assert_eq!(node.raft.log().base().id, id(0, 0));
    assert_eq!(outcomes(&late), [SnapshotOutcome::Installed]);
}

#[test]
fn what_is_held_already_is_acknowledged_when_it_is_durable() {
    let mut node = node(&[]);
    let entries = vec![command(2, 2), command(3, 2)];
    let appended = node.hears(N2, Message::AppendEntries(append(2, id(1, 1), entries, 3)));
    assert_eq!(outcomes(&node.hears(N2, piece(2, id(3, 2), 0, 0))), []);
    assert_eq!(outcomes(&node.persisted(&appended)), [SnapshotOutcome::Installed]);
}

#[test]
fn a_leaders_own_log_is_never_replaced() {
    let mut node = node(&[2]);
    node.hears(N2, piece(2, id(9, 2), 0, 100));
    node.lead();
    let last = node.raft.last_log();
    install(&mut node, id(9, 2));
    assert_eq!((node.raft.last_log(), node.raft.leader()), (last, Some(N1)));
}

#[test]
fn a_leader_whose_log_holds_the_snapshot_takes_it_in() {
    let mut node = node(&[2]);
    let elected = node.lead();
    node.persisted(&elected);
    assert!(node.raft.uncommitted_bytes() > 32);
    let outputs = install(&mut node, id(2, 2));
    assert!(outputs.contains(&Output::Commit(LogIndex(2))));
    assert_eq!(node.raft.uncommitted_bytes(), 32, "its no-op");
}

#[test]
fn a_snapshot_that_contradicts_itself_changes_nothing() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(9, 2), 0, 100));
    let (id9, _) = snapshot(id(9, 2), 100);
    let (_, meta) = snapshot(id(8, 2), 100);
    let outputs = node.step(Input::SnapshotInstalled { id: id9, meta });
    assert_eq!((outcomes(&outputs), node.raft.commit_index()), (vec![], LogIndex(0)));
    let later = node.appended(N2, append(2, id(1, 1), vec![command(2, 2)], 1));
    assert_eq!(outcomes(&later), [], "nor is it acknowledged with a later write");
}

#[test]
fn a_candidate_whose_log_is_replaced_campaigns_no_more() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(4, 2), 0, 100));
    node.after(301);
    assert_eq!(node.raft.role(), crate::consensus::io::RoleName::PreCandidate);
    install(&mut node, id(4, 2));
    assert_eq!(node.raft.role(), crate::consensus::io::RoleName::Follower);
}

#[test]
fn an_installed_snapshot_brings_its_membership() {
    let mut node = node(&[]);
    node.hears(N2, piece(2, id(4, 2), 0, 100));
    let (id4, mut meta) = snapshot(id(4, 2), 100);
    meta.membership = voters(4);
    node.step(Input::SnapshotInstalled { id: id4, meta });
    assert_eq!(*node.raft.membership(), voters(4));
    node.appended(N2, append(2, id(4, 2), vec![command(5, 2)], 4));
    node.appended(N3, append(3, id(4, 2), vec![command(5, 3)], 4));
    assert_eq!(*node.raft.membership(), voters(4), "nor does a truncation lose it");
}

#[test]
fn an_installed_snapshot_ends_a_repair() {
    let hard_state = HardState { current_term: Term(2), voted_for: None };
    let repair = Some(crate::consensus::snapshot::Repair { least: id(5, 2) });
    let start = Start { hard_state, entries: entries(3, &[]), repair, ..Start::default() };
    let mut node = Solo::start(Config::lan(), start);
    node.hears(N2, piece(2, id(6, 2), 0, 100));
    let installed = install(&mut node, id(6, 2));
    assert!(!persists(&installed)[0].repaired);
    assert!(persists(&node.persisted(&installed))[0].repaired);
}

#[test]
fn without_room_no_snapshot_is_received() {
    let mut node = node(&[]);
    node.step(Input::Room(crate::consensus::io::Room::Full));
    assert_eq!(written(&node.hears(N2, piece(2, id(9, 2), 0, 40))), []);
    assert_eq!(node.raft.leader(), Some(N2));
}
