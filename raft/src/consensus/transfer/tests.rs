//! One transfer and the pace of all, to the byte and to the millisecond.

use super::*;
use crate::consensus::types::{LogId, LogIndex, Term};

const MS: fn(u64) -> Timestamp = Timestamp::from_millis;

/// Pieces of 10 bytes, 25 of which may be unanswered.
fn config() -> Config {
    Config {
        snapshot_chunk_bytes: 10,
        snapshot_window_bytes: 25,
        snapshot_bytes_per_second: None,
        ..Config::lan()
    }
}

/// A transfer of 45 bytes that has been probed, the answer being `there`.
fn begun(there: u64) -> Transfer {
    let last = LogId { term: Term(1), index: LogIndex(5) };
    let mut transfer = Transfer::new(MS(0), SnapshotId { last, length: 45, hash: [7; 32] });
    assert_eq!(transfer.probe_due(&config(), MS(0)), MS(0));
    assert!(transfer.may_read(&config()));
    transfer.probed(MS(0));
    assert!(!transfer.may_read(&config()));
    assert!(!transfer.answered(MS(10), there), "it begins for the first time");
    transfer
}

fn reads(transfer: &mut Transfer, now: u64) -> Vec<(u64, usize)> {
    let mut reads = Vec::new();
    while transfer.may_read(&config()) && reads.len() < 10 {
        reads.push(transfer.read(MS(now), &config()));
    }
    reads
}

#[test]
fn pieces_fill_the_window_and_the_last_is_what_is_left() {
    let mut transfer = begun(0);
    assert_eq!(
        reads(&mut transfer, 10),
        [(0, 10), (10, 10), (20, 10)],
        "25 bytes are not yet there after two"
    );
    assert_eq!([0, 10, 5, 30].map(|at| transfer.awaited(at)), [Some(10), Some(10), None, None]);
    assert!(!transfer.answered(MS(20), 10));
    assert_eq!(reads(&mut transfer, 20), [(30, 10)]);
    transfer.answered(MS(30), 40);
    assert_eq!(reads(&mut transfer, 30), [(40, 5)]);
    assert_eq!((transfer.awaited(40), transfer.there()), (Some(5), 40));
}

#[test]
fn a_full_window_takes_no_more() {
    let config = Config { snapshot_window_bytes: 20, ..config() };
    let mut transfer = begun(0);
    transfer.read(MS(10), &config);
    assert!(transfer.may_read(&config));
    transfer.read(MS(10), &config);
    assert!(!transfer.may_read(&config), "20 bytes are unanswered");
}

#[test]
fn an_answer_frees_what_it_covers_whole() {
    let mut transfer = begun(0);
    reads(&mut transfer, 10);
    transfer.answered(MS(20), 15);
    assert_eq!([0, 10, 20].map(|at| transfer.awaited(at)), [None, Some(10), Some(10)]);
    transfer.answered(MS(20), 20);
    assert_eq!(transfer.awaited(10), None);
}

#[test]
fn only_a_probe_takes_a_transfer_back() {
    let mut transfer = begun(20);
    reads(&mut transfer, 10);
    assert!(!transfer.answered(MS(20), 20) && !transfer.answered(MS(20), 0), "out of order");
    assert_eq!((transfer.there(), transfer.awaited(20)), (20, Some(10)));
    transfer.probed(MS(200));
    assert!(!transfer.answered(MS(210), 10), "some of it is there");
    assert_eq!((transfer.there(), transfer.awaited(20)), (10, None));
    assert_eq!(reads(&mut transfer, 210)[0], (10, 10));
    transfer.probed(MS(400));
    assert!(transfer.answered(MS(410), 0), "all of it is gone");
    assert_eq!(reads(&mut transfer, 410)[0], (0, 10));
}

#[test]
fn a_probe_is_due_an_election_timeout_after_something_moved_and_later_with_every_loss() {
    let (config, timeout) = (config(), 150);
    let due = |transfer: &Transfer, heard| transfer.probe_due(&config, MS(heard));
    let mut transfer = begun(20);
    assert_eq!(due(&transfer, 0), MS(10 + timeout));
    assert_eq!(due(&begun(0), 0), MS(10 + 2 * timeout), "that it has nothing is no news");
    reads(&mut transfer, 30);
    transfer.answered(MS(40), 30);
    assert_eq!(due(&transfer, 0), MS(40 + timeout));
    transfer.read(MS(50), &config);
    assert_eq!(due(&transfer, 0), MS(40 + timeout), "others are under way");
    transfer.answered(MS(60), 45);
    for (lost, doubled) in [2, 4, 8, 16, 16, 16].into_iter().enumerate() {
        transfer.probed(MS(1000));
        assert_eq!(due(&transfer, 1000), MS(1000 + doubled * timeout), "{} in a row", lost + 1);
        assert_eq!(due(&transfer, 1001), MS(1000 + timeout), "the peer is there again");
    }
}

#[test]
fn the_first_piece_after_a_pause_begins_the_wait_anew() {
    let mut transfer = begun(0);
    reads(&mut transfer, 10);
    transfer.answered(MS(20), 30);
    transfer.read(MS(90), &config());
    assert_eq!(transfer.probe_due(&config(), MS(0)), MS(90 + 150));
}

#[test]
fn what_cannot_be_read_waits_as_what_was_lost() {
    let mut transfer = begun(0);
    reads(&mut transfer, 10);
    transfer.answered(MS(20), 10);
    for doubled in [2, 4, 8, 16, 16] {
        transfer.unreadable(MS(500));
        assert!(!transfer.may_read(&config()) && transfer.awaited(10).is_none());
        assert_eq!(transfer.probe_due(&config(), MS(0)), MS(500 + doubled * 150));
    }
}

#[test]
fn a_pace_is_kept_and_a_late_clock_makes_up_for_two_milliseconds() {
    let spent = |now: Timestamp| {
        let mut pace = Pace { due: MS(100) };
        pace.spend(now, 500, Some(100_000));
        pace.due()
    };
    // 500 bytes take 5 ms.
    assert_eq!(spent(MS(100)), MS(105));
    assert_eq!(spent(MS(102)), MS(105));
    let late = MS(102) + Duration::from_nanos(1);
    assert_eq!(spent(late), late + Duration::from_millis(5));
}

#[test]
fn without_a_rate_nothing_waits() {
    for rate in [None, Some(0)] {
        let mut pace = Pace { due: MS(100) };
        pace.spend(MS(500), 1 << 30, rate);
        assert_eq!(pace.due(), MS(100));
    }
}
