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

#[test]
fn a_pipeline_is_as_deep_as_the_window_while_nothing_is_lost() {
    let mut p = replicating();
    let sent = (6..).take_while(|index| {
        let may = *index < 30 && p.may_send(&Config::lan());
        if may {
            p.sent(Timestamp::default(), LogIndex(*index), 1);
        }
        may
    });
    assert_eq!(sent.count(), 8);
}

/// A loss says something about a probe: where the logs agree is still not known.
#[test]
fn a_lost_probe_stays_a_probe() {
    let (config, now) = (Config::lan(), Timestamp::from_millis(1000));
    // Of a peer that has nothing, as far as is known; and of one that agrees, but nobody knows how far.
    let mut blank = Progress::new(Timestamp::default(), LogIndex(1));
    let mut behind = replicating();
    let id = behind.sent(Timestamp::default(), LogIndex(9), 1);
    behind.rejected(Timestamp::default(), id, LogIndex(8));
    assert_eq!((behind.match_index, behind.next_index), (LogIndex(5), LogIndex(8)));
    for p in [&mut blank, &mut behind] {
        let next = p.next_index;
        p.sent(Timestamp::default(), next, 1);
        p.give_up_lost(now, &config);
        p.heard(now);
        assert_eq!((p.mode, p.next_index), (Mode::Probe { silent: false }, next));
    }
}

#[test]
fn a_peer_that_was_heard_as_a_request_left_is_not_known_to_be_there() {
    let mut p = Progress::new(Timestamp::default(), LogIndex(5));
    p.heard(Timestamp::from_millis(10));
    p.sent(Timestamp::from_millis(10), LogIndex(5), 1);
    p.give_up_lost(Timestamp::from_millis(110), &Config::lan());
    assert_eq!(p.mode, Mode::Probe { silent: true });
}

#[test]
fn a_response_time_is_smoothed_by_an_eighth() {
    let config = Config {
        heartbeat: Duration::from_millis(1),
        election_min: Duration::from_secs(60),
        ..Config::lan()
    };
    let mut p = replicating();
    let mut wait = |took| {
        let id = p.sent(Timestamp::default(), LogIndex(6), 1);
        p.matched(Timestamp::from_millis(took), id, LogIndex(6));
        p.sent(Timestamp::default(), LogIndex(6), 1);
        let wait = (p.lost_at(&config).unwrap() - Timestamp::default()).as_millis();
        p.matched(Timestamp::default(), 0, LogIndex(6));
        wait
    };
    // The first answer came at once; four times what is usual is waited.
    assert_eq!([wait(80), wait(160), wait(160)], [40, 115, 180]);
}

#[test]
fn a_full_disk_has_room_again_once_it_took_something_new() {
    let mut p = replicating();
    assert!(!p.full);
    p.matched(Timestamp::default(), 1, LogIndex(5));
    assert!(!p.full, "it never said so");
    let id = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.had_no_room(id - 1);
    assert!(!p.full, "that one was taken");
    p.had_no_room(id);
    assert!(p.full);
    p.had_no_room(id - 1);
    p.matched(Timestamp::default(), 0, LogIndex(5));
    assert!(p.full, "nothing new");
    p.matched(Timestamp::default(), id, LogIndex(6));
    assert!(!p.full);
}

#[test]
fn what_a_peer_lost_is_news_unless_a_later_match_overtook_it() {
    let mut p = replicating();
    let id = p.sent(Timestamp::default(), LogIndex(6), 1);
    p.matched(Timestamp::default(), id, LogIndex(6));
    p.repairing(id, LogIndex(3));
    assert_eq!((p.match_index, p.next_index), (LogIndex(6), LogIndex(7)), "that one matched");
    p.repairing(id + 1, LogIndex(3));
    assert_eq!((p.match_index, p.next_index), (LogIndex(2), LogIndex(3)));
    assert_eq!(p.mode, Mode::Probe { silent: false });
}

#[test]
fn what_a_peer_lacks_is_news_where_it_had_matched_and_nothing_is_under_way() {
    let lacks = |p: &mut Progress, from| {
        p.lacks(LogIndex(from));
        p.match_index.0
    };
    assert_eq!([6, 5, 4].map(|from| lacks(&mut replicating(), from)), [5, 4, 3]);
    let mut asked = replicating();
    asked.sent(Timestamp::default(), LogIndex(6), 1);
    assert_eq!(lacks(&mut asked, 5), 5);
    let mut sent_a_snapshot = Progress { mode: Mode::Snapshot, ..replicating() };
    assert_eq!(lacks(&mut sent_a_snapshot, 5), 5);
}

#[test]
fn what_a_peer_lacks_beyond_what_it_was_sent_is_sent_from_there() {
    let mut p = replicating();
    p.repairing(9, LogIndex(40));
    assert_eq!((p.match_index, p.next_index), (LogIndex(5), LogIndex(6)));
}
