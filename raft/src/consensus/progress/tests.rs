//! When a peer is asked again, and from where.

use super::*;

fn replicating() -> Progress {
    let mut p = Progress::new(Timestamp::default(), LogIndex(5));
    let id = p.sent(Timestamp::default(), LogIndex(5), 1);
    p.matched(Timestamp::default(), id, LogIndex(5));
    p
}

#[test]
fn the_window_fills_and_frees() {
    let config = Config { max_in_flight: 2, ..Config::lan() };
    let mut p = replicating();
    let first = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.sent(Timestamp::default(), LogIndex(7), 1);
    assert!(!p.may_send(&config));
    p.matched(Timestamp::default(), first, LogIndex(6));
    assert!(p.may_send(&config));
    assert_eq!((p.match_index, p.next_index), (LogIndex(6), LogIndex(8)));
}

#[test]
fn a_lost_request_frees_the_window_and_waits_for_a_sign_of_life() {
    let config = Config::lan();
    let mut p = replicating();
    p.sent(Timestamp::default(), LogIndex(6), 1);
    p.give_up_lost(Timestamp::from_millis(99), &config);
    assert_eq!(p.mode, Mode::Replicate);
    p.give_up_lost(Timestamp::from_millis(100), &config);
    assert_eq!((p.mode, p.next_index), (Mode::Probe { silent: true }, LogIndex(6)));
    assert!(!p.may_send(&config));
    p.heard(Timestamp::from_millis(101));
    assert!(p.may_send(&config));
}

#[test]
fn a_peer_that_was_heard_meanwhile_is_asked_again_at_once() {
    let config = Config::lan();
    let mut p = Progress::new(Timestamp::default(), LogIndex(5));
    p.sent(Timestamp::from_millis(10), LogIndex(5), 1);
    p.heard(Timestamp::from_millis(20));
    p.give_up_lost(Timestamp::from_millis(109), &config);
    assert!(!p.may_send(&config));
    p.give_up_lost(Timestamp::from_millis(110), &config);
    assert!(p.may_send(&config));
}

#[test]
fn a_late_success_counts_and_a_late_rejection_does_not() {
    let mut p = replicating();
    let lost = p.sent(Timestamp::default(), LogIndex(8), 1);
    p.give_up_lost(Timestamp::from_millis(1000), &Config::lan());
    p.rejected(Timestamp::from_millis(1001), lost, LogIndex(2));
    assert_eq!(p.next_index, LogIndex(6));
    p.matched(Timestamp::from_millis(1002), lost, LogIndex(8));
    assert_eq!((p.match_index, p.next_index, p.mode), (LogIndex(8), LogIndex(9), Mode::Replicate));
}

/// How long each of seven requests of so many bytes is waited for, all of them lost.
fn waits(bytes: usize) -> (Progress, Timestamp, Vec<u128>) {
    let config = Config::lan();
    let mut p = replicating();
    let mut now = Timestamp::default();
    let mut waits = Vec::new();
    for _ in 0..7 {
        p.heard(now);
        p.sent(now, LogIndex(6), bytes);
        let lost = p.lost_at(&config).unwrap();
        waits.push((lost - now).as_millis());
        p.give_up_lost(lost, &config);
        now = lost;
    }
    (p, now, waits)
}

#[test]
fn losses_in_a_row_make_patient_until_an_answer_comes() {
    let (mut p, now, waits) = waits(LARGE);
    assert_eq!(waits, [100, 100, 200, 400, 800, 1600, 1600]);
    p.matched(now, 1, LogIndex(6));
    p.sent(now, LogIndex(7), LARGE);
    assert_eq!((p.lost_at(&Config::lan()).unwrap() - now).as_millis(), 100);
}

#[test]
fn what_is_small_is_repeated_every_election_timeout_however_often_it_was_lost() {
    let (_, _, waits) = waits(LARGE - 1);
    assert_eq!(waits, [100, 100, 150, 150, 150, 150, 150]);
}

#[test]
fn slow_answers_delay_a_repetition_by_an_election_timeout_at_most() {
    let config = Config::lan();
    let mut p = replicating();
    let slow = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.matched(Timestamp::from_millis(9000), slow, LogIndex(6));
    p.sent(Timestamp::from_millis(9000), LogIndex(7), 1);
    assert_eq!(p.lost_at(&config), Some(Timestamp::from_millis(9000) + config.election_min));
}

#[test]
fn after_a_loss_what_is_new_does_not_wait_for_what_is_repeated() {
    let config = Config::lan();
    let mut p = replicating();
    p.sent(Timestamp::default(), LogIndex(6), 1);
    p.give_up_lost(Timestamp::from_millis(100), &config);
    p.heard(Timestamp::from_millis(101));
    assert_eq!((p.mode, p.next_index), (Mode::Replicate, LogIndex(6)));
    p.sent(Timestamp::from_millis(101), LogIndex(7), 1);
    assert!(p.may_send(&config));
    p.sent(Timestamp::from_millis(102), LogIndex(8), 1);
    assert!(!p.may_send(&config), "two, until one is answered");
    p.matched(Timestamp::from_millis(103), 3, LogIndex(7));
    p.sent(Timestamp::from_millis(103), LogIndex(9), 1);
    assert!(p.may_send(&config));
}

#[test]
fn an_answer_frees_every_request_that_it_covers() {
    let mut p = replicating();
    let first = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.sent(Timestamp::default(), LogIndex(6), 1);
    p.matched(Timestamp::default(), first, LogIndex(6));
    assert_eq!(p.lost_at(&Config::lan()), None, "nothing is awaited");
}

#[test]
fn a_match_is_never_taken_back_by_an_earlier_answer() {
    let mut p = replicating();
    let earlier = p.sent(Timestamp::default(), LogIndex(6), 1);
    let later = p.sent(Timestamp::default(), LogIndex(7), 1);
    p.matched(Timestamp::default(), later, LogIndex(7));
    p.matched(Timestamp::default(), earlier, LogIndex(6));
    assert_eq!((p.match_index, p.next_index), (LogIndex(7), LogIndex(8)));
}

#[test]
fn a_probe_that_was_given_up_is_still_answered() {
    let config = Config::lan();
    let mut p = Progress::new(Timestamp::default(), LogIndex(50));
    let slow = p.sent(Timestamp::default(), LogIndex(50), 1);
    p.give_up_lost(Timestamp::from_millis(100), &config);
    p.heard(Timestamp::from_millis(101));
    p.sent(Timestamp::from_millis(101), LogIndex(50), 1);
    p.rejected(Timestamp::from_millis(150), slow, LogIndex(20));
    assert_eq!((p.next_index, p.lost), (LogIndex(20), 0));
    assert!(p.may_send(&config), "the next probe need not wait for the one at 50");
    p.sent(Timestamp::from_millis(150), LogIndex(20), 1);
    p.rejected(Timestamp::from_millis(160), slow, LogIndex(20));
    assert!(!p.may_send(&config), "the same again is no news");
}

#[test]
fn a_rejection_never_goes_below_what_matched() {
    let mut p = replicating();
    let id = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.rejected(Timestamp::default(), id, LogIndex(1));
    assert_eq!((p.next_index, p.mode), (LogIndex(6), Mode::Probe { silent: false }));
}
