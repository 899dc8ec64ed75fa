//! The sending side.

use super::*;
use crate::consensus::progress::Mode;

/// Pieces of 10 bytes, 3 of them unanswered.
pub(super) fn small() -> Config {
    Config {
        snapshot_chunk_bytes: 10,
        snapshot_window_bytes: 30,
        snapshot_bytes_per_second: None,
        ..Config::lan()
    }
}

/// A leader of term 2 whose log begins behind 5, with a snapshot of 100 bytes up to there.
fn leader(config: Config) -> Solo {
    let (snapshot, meta) = snapshot(id(5, 1), 100);
    let hard_state = HardState { current_term: Term(1), voted_for: None };
    let membership = Some(meta.membership);
    let start =
        Start { hard_state, base: meta.base, membership, snapshot: Some(snapshot), ..Start::default() };
    let mut node = Solo::start(config, start);
    node.lead_and_commit();
    node
}

fn the_snapshot() -> SnapshotId {
    snapshot(id(5, 1), 100).0
}

fn pieces(outputs: &[Output]) -> Vec<(u64, usize)> {
    let piece = |(to, m)| match m {
        Message::InstallSnapshot(m) => {
            assert_eq!((to, m.term), (N3, Term(2)));
            Some((m.offset, m.data.len()))
        }
        _ => None,
    };
    sends(outputs).into_iter().filter_map(piece).collect()
}

fn reads(outputs: &[Output]) -> Vec<(u64, usize)> {
    let read = |o: &Output| match o {
        Output::ReadSnapshot { to, offset, length, .. } => {
            assert_eq!(*to, N3);
            Some((*offset, *length))
        }
        _ => None,
    };
    outputs.iter().filter_map(read).collect()
}

/// Node 3's log ends long before this one begins.
fn behind(node: &mut Solo) -> Vec<Output> {
    let outcome = AppendOutcome::Conflict { term: None, first: LogIndex(2) };
    let reply = AppendEntriesReply { term: Term(2), id: 1, outcome };
    node.hears(N3, Message::AppendEntriesReply(reply))
}

fn says(node: &mut Solo, outcome: SnapshotOutcome) -> Vec<Output> {
    let reply = InstallSnapshotReply { term: Term(2), snapshot: the_snapshot(), outcome };
    node.hears(N3, Message::InstallSnapshotReply(reply))
}

fn has(node: &mut Solo, there: u64) -> Vec<Output> {
    says(node, SnapshotOutcome::Next(there))
}

fn chunk(node: &mut Solo, offset: u64, data: Option<usize>) -> Vec<Output> {
    let data = data.map(|length| Bytes::from(vec![1; length]));
    node.step(Input::SnapshotChunk { to: N3, snapshot: the_snapshot(), offset, data })
}

/// Time passes and node 2 answers.
fn wait(node: &mut Solo, millis: u64) -> Vec<Output> {
    let mut outputs = Vec::new();
    for _ in 0..millis / 10 {
        outputs.extend(node.after(10));
        outputs.extend(node.beats(N2));
    }
    outputs
}

fn mode(node: &Solo) -> Mode {
    node.raft.progress().nth(1).unwrap().1.mode
}

#[test]
fn a_peer_behind_the_log_is_asked_what_it_has_and_sent_the_rest() {
    let mut node = leader(small());
    assert_eq!(pieces(&behind(&mut node)), [(0, 0)]);
    assert_eq!(mode(&node), Mode::Snapshot);
    assert_eq!(reads(&has(&mut node, 75)), [(75, 10), (85, 10), (95, 5)], "from where it was");
    for (offset, length) in [(75, 10), (85, 10), (95, 5)] {
        assert_eq!(pieces(&chunk(&mut node, offset, Some(length))), [(offset, length)]);
    }
    has(&mut node, 100);
    let goes_on = appends_to(&says(&mut node, SnapshotOutcome::Installed), N3);
    assert_eq!((goes_on[0].prev_log, goes_on[0].entries.len()), (id(5, 1), 1));
    assert_eq!(node.raft.progress().nth(1).unwrap().1.match_index, LogIndex(5));
}

#[test]
fn the_window_bounds_what_is_read_and_answers_free_it() {
    let mut node = leader(small());
    behind(&mut node);
    assert_eq!(reads(&has(&mut node, 0)).len(), 3);
    assert_eq!(reads(&wait(&mut node, 50)), []);
    assert_eq!(reads(&has(&mut node, 20)), [(30, 10), (40, 10)]);
}

#[test]
fn after_a_loss_it_goes_on_from_where_the_peer_is() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    has(&mut node, 10);
    assert_eq!(reads(&has(&mut node, 10)), [], "what came out of order says nothing new");
    let stalled = wait(&mut node, 200);
    assert_eq!((pieces(&stalled), reads(&stalled)), (vec![(0, 0)], vec![]), "a probe, no start over");
    assert_eq!(reads(&has(&mut node, 10)), [(10, 10), (20, 10), (30, 10)]);
}

#[test]
fn a_peer_that_lost_the_file_begins_again() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 70);
    has(&mut node, 100);
    assert_eq!(pieces(&wait(&mut node, 200)), [(0, 0)]);
    assert_eq!(reads(&has(&mut node, 0)), [(0, 10), (10, 10), (20, 10)]);
}

#[test]
fn a_silent_peer_gets_heartbeats_and_few_probes() {
    let mut node = leader(small());
    behind(&mut node);
    let outputs = wait(&mut node, 10_000);
    assert!(heartbeats_to(&outputs, N3).len() >= 190);
    assert!((3..10).contains(&pieces(&outputs).len()), "{}", pieces(&outputs).len());
}

#[test]
fn a_peer_that_is_heard_again_is_probed_soon() {
    let mut node = leader(small());
    behind(&mut node);
    wait(&mut node, 10_000);
    assert_eq!(pieces(&wait(&mut node, 300)), []);
    assert_eq!(pieces(&node.beats(N3)), [(0, 0)]);
}

#[test]
fn a_clock_that_wakes_late_costs_no_rate_and_makes_no_bursts() {
    let config = Config { snapshot_bytes_per_second: Some(10_000), ..small() };
    let mut node = leader(config);
    behind(&mut node);
    assert_eq!(reads(&has(&mut node, 0)), [(0, 10)]);
    assert_eq!(reads(&node.after(2)), [(10, 10), (20, 10)], "two are due");
    has(&mut node, 30);
    node.now = node.now + Duration::from_millis(50);
    assert!(reads(&has(&mut node, 30)).len() <= 3, "what was not asked for in time is not made up for");
}

/// Bytes asked for in each second of a transfer that is limited by the rate alone.
#[test]
fn the_rate_is_kept() {
    let config = Config { snapshot_bytes_per_second: Some(40), ..small() };
    let mut node = leader(config);
    behind(&mut node);
    let mut there = 0;
    let mut sent = 0;
    let mut outputs = has(&mut node, 0);
    for millis in (0..2000).step_by(50) {
        for (_, length) in reads(&outputs) {
            there += length as u64;
            sent += length;
        }
        assert!(sent <= 10 + 40 * millis / 1000, "{sent} bytes by {millis} ms");
        has(&mut node, there);
        outputs = node.after(50);
        node.beats(N2);
    }
    assert!(sent >= 70, "{sent}");
    assert!(node.raft.deadline() > node.now);
}

#[test]
fn the_next_piece_wakes_the_leader() {
    let config = Config { snapshot_bytes_per_second: Some(1000), ..small() };
    let mut node = leader(config);
    behind(&mut node);
    has(&mut node, 0);
    assert_eq!(node.raft.deadline(), node.now + Duration::from_millis(10));
    assert_eq!(reads(&node.after(10)), [(10, 10)]);
}

#[test]
fn a_newer_snapshot_does_not_end_a_transfer_that_can_be_read() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    let (newer, meta) = snapshot(id(6, 2), 200);
    node.step(Input::SnapshotStored { id: newer, meta });
    assert_eq!(node.raft.snapshot(), Some(newer));
    assert_eq!(pieces(&chunk(&mut node, 0, Some(10))), [(0, 10)]);
    let next = chunk(&mut node, 10, None);
    let probe = |o: &Output| matches!(o, Output::Send { message: Message::InstallSnapshot(m), .. } if m.snapshot == newer);
    assert!(next.iter().any(probe), "the old one is gone: {next:?}");
    assert_eq!(says(&mut node, SnapshotOutcome::Next(50)), [], "late, of the old one");
}

/// A peer that was sent pieces of one snapshot says nothing for `millis`; then a newer one is there.
fn silent_for(millis: u64) -> (Solo, Vec<Output>) {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    wait(&mut node, millis);
    node.acks(N2, LogIndex(6));
    let (newer, meta) = snapshot(id(6, 2), 200);
    let outputs = node.step(Input::SnapshotStored { id: newer, meta });
    (node, outputs)
}

fn is_sent(node: &Solo) -> LogIndex {
    node.raft.progress().nth(1).unwrap().1.sending.as_ref().unwrap().snapshot().last.index
}

#[test]
fn a_peer_that_is_gone_keeps_neither_log_nor_an_old_snapshot() {
    let patience = 10 * u64::try_from(Config::lan().election_min.as_millis()).unwrap();
    let (node, outputs) = silent_for(patience);
    assert_eq!(is_sent(&node), LogIndex(5), "it may be back, and has some of it");
    assert!(!outputs.contains(&Output::Compact(LogIndex(6))), "{outputs:?}");
    let (node, outputs) = silent_for(patience + 10);
    assert_eq!(is_sent(&node), LogIndex(6));
    assert!(outputs.contains(&Output::Compact(LogIndex(6))), "{outputs:?}");
}

#[test]
fn a_late_piece_of_an_earlier_snapshot_is_not_sent() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    let (newer, meta) = snapshot(id(6, 2), 200);
    node.step(Input::SnapshotStored { id: newer, meta });
    chunk(&mut node, 10, None);
    let reply = InstallSnapshotReply { term: Term(2), snapshot: newer, outcome: SnapshotOutcome::Next(0) };
    let again = node.hears(N3, Message::InstallSnapshotReply(reply));
    assert_eq!(reads(&again), [(0, 10), (10, 10), (20, 10)]);
    // Its receiver would take it for the beginning of another file.
    assert_eq!(pieces(&chunk(&mut node, 0, Some(10))), []);
}

#[test]
fn a_piece_that_cannot_be_read_is_tried_again_later() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    assert_eq!(chunk(&mut node, 0, None), []);
    assert_eq!(chunk(&mut node, 10, Some(10)), [], "given up with it");
    assert_eq!(pieces(&wait(&mut node, 100)), []);
    assert_eq!(pieces(&wait(&mut node, 700)).len(), 1);
    assert_eq!(reads(&has(&mut node, 0)).len(), 3);
    assert_eq!(pieces(&chunk(&mut node, 0, Some(9))), [], "not what was asked for");
}

#[test]
fn claims_about_the_transfer_are_checked() {
    let mut node = leader(small());
    behind(&mut node);
    assert_eq!(alarm(&has(&mut node, 100)), None, "all of it");
    let claimed = alarm(&has(&mut node, 101));
    assert_eq!(claimed, Some(Misdeed::BeyondSnapshot { claimed: 101, length: 100 }));
    let (other, _) = snapshot(id(6, 2), 100);
    let reply = InstallSnapshotReply { term: Term(2), snapshot: other, outcome: SnapshotOutcome::Installed };
    node.hears(N3, Message::InstallSnapshotReply(reply));
    let stale = InstallSnapshotReply { term: Term(1), snapshot: the_snapshot(), ..reply };
    node.hears(N3, Message::InstallSnapshotReply(stale));
    assert_eq!(mode(&node), Mode::Snapshot);
    assert_eq!(node.raft.progress().nth(1).unwrap().1.match_index, LogIndex(0));
}

#[test]
fn a_transfer_ends_with_the_leadership() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    node.hears(N2, Message::Heartbeat(Heartbeat { term: Term(3), round: 0, leader_commit: LogIndex(0) }));
    assert_eq!(pieces(&chunk(&mut node, 0, Some(10))), []);
    let mut node = leader(small());
    behind(&mut node);
    let reply =
        InstallSnapshotReply { term: Term(9), snapshot: the_snapshot(), outcome: SnapshotOutcome::Next(0) };
    node.hears(N3, Message::InstallSnapshotReply(reply));
    assert_eq!((node.raft.term(), node.raft.leader()), (Term(9), None));
}

#[test]
fn a_peer_that_turns_out_to_have_the_log_needs_no_snapshot() {
    let mut node = leader(small());
    behind(&mut node);
    let outputs = node.acks(N3, LogIndex(5));
    assert_eq!(mode(&node), Mode::Replicate);
    assert_eq!(appends_to(&outputs, N3).len(), 1);
}

#[test]
fn a_log_that_went_on_without_the_peer_needs_another_snapshot() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    // Node 3 may keep no more than nothing: the log goes on to 8, and a snapshot with it.
    node.raft.config.max_kept_log_bytes = 0;
    for ticket in 0..2 {
        let proposed = node.propose(ticket, "x");
        node.persisted(&proposed);
    }
    node.acks(N2, LogIndex(8));
    let (newer, meta) = snapshot(id(8, 2), 200);
    node.step(Input::SnapshotStored { id: newer, meta });
    assert_eq!(node.raft.log().base().id, id(8, 2));
    let outputs = says(&mut node, SnapshotOutcome::Installed);
    let probe = |o: &Output| matches!(o, Output::Send { message: Message::InstallSnapshot(m), .. } if m.snapshot == newer);
    assert!(outputs.iter().any(probe), "{outputs:?}");
}

/// What is in flight of the log is lost with the log, and nobody waits for it.
#[test]
fn requests_in_flight_do_not_disturb_a_transfer() {
    let mut node = leader(Config { max_in_flight: 1, max_kept_log_bytes: 0, ..small() });
    node.acks(N3, LogIndex(6));
    for ticket in 0..3 {
        let proposed = node.propose(ticket, "x");
        node.persisted(&proposed);
    }
    node.acks(N2, LogIndex(9));
    let (newer, meta) = snapshot(id(9, 2), 200);
    node.step(Input::SnapshotStored { id: newer, meta });
    assert_eq!(mode(&node), Mode::Snapshot);
    wait(&mut node, 500);
    assert_eq!(mode(&node), Mode::Snapshot);
}

#[test]
fn a_peer_that_repairs_is_looked_at_anew() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 50);
    let outcome = AppendOutcome::Repairing { from: LogIndex(2) };
    let reply = AppendEntriesReply { term: Term(2), id: 1, outcome };
    let outputs = node.hears(N3, Message::AppendEntriesReply(reply));
    assert_eq!(pieces(&outputs), [(0, 0)]);
}

/// Whatever else it may be, the file may have rotted here.
#[test]
fn a_peer_that_wants_it_from_the_beginning_again_is_sent_the_newest() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    chunk(&mut node, 0, Some(10));
    wait(&mut node, 700);
    assert_eq!(node.raft.snapshot_doubts(), 0);
    assert_eq!(reads(&has(&mut node, 0)), [(0, 10), (10, 10), (20, 10)], "there is no other");
    assert_eq!(node.raft.snapshot_doubts(), 1);
    let (newer, meta) = snapshot(id(6, 2), 200);
    node.step(Input::SnapshotStored { id: newer, meta });
    wait(&mut node, 700);
    let outputs = has(&mut node, 0);
    let probe = |o: &Output| matches!(o, Output::Send { message: Message::InstallSnapshot(m), .. } if m.snapshot == newer);
    assert!(outputs.iter().any(probe), "{outputs:?}");
}

#[test]
fn one_of_the_same_end_takes_the_place_of_one_that_rotted() {
    let mut node = leader(small());
    let (again, meta) = snapshot(id(5, 1), 300);
    node.step(Input::SnapshotStored { id: again, meta });
    assert_eq!(node.raft.snapshot(), Some(again));
}

#[test]
fn each_piece_that_cannot_be_read_is_a_reason_to_doubt_the_file() {
    let mut node = leader(small());
    behind(&mut node);
    has(&mut node, 0);
    chunk(&mut node, 0, Some(10));
    assert_eq!(node.raft.snapshot_doubts(), 0);
    chunk(&mut node, 10, None);
    assert_eq!(node.raft.snapshot_doubts(), 1);
}
