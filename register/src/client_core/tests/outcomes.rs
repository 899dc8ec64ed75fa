//! What the caller hears: done, not applied, or unknown.

use super::*;
use crate::outcome::Invalid;

#[test]
fn a_first_write_dials_opens_a_session_and_is_done() {
    let mut s = Scene::new();
    assert_eq!(s.on(submit(W, put("v"), SECOND)), vec![dial(A, "a")]);
    assert_eq!(s.on(Event::Connected(A)), vec![open_session(A, 1)]);
    assert_eq!(s.on(got(A, 1, Response::SessionOpened(SessionId(7)))), vec![propose(A, 2, (7, 1, 0), "v")]);
    assert_eq!(s.on(got(A, 2, applied(8))), vec![done(W, 8)]);
    assert_eq!((s.core.pending(), s.core.deadline()), (0, None));
}

#[test]
fn a_read_needs_no_session() {
    let mut s = Scene::new();
    s.on(submit(W, get(), SECOND));
    assert_eq!(s.on(Event::Connected(A)), vec![read(A, 1)]);
    let outcome = Outcome::Done(Answer::Seen(None));
    let answer = got(A, 1, Response::ReadAnswer(Answer::Seen(None).encode()));
    assert_eq!(s.on(answer), vec![Action::Finish { op: W, outcome }]);
}

#[test]
fn refused_everywhere_up_to_the_deadline_is_not_applied() {
    let mut s = Scene::in_session();
    let mut actions = s.on(submit(W, put("v"), SECOND));
    loop {
        actions = match actions[..] {
            [Action::Send { endpoint, tag, .. }] => s.on(refused(endpoint, tag, not_leader(None))),
            [Action::Dial { endpoint, .. }] => s.on(Event::Connected(endpoint)),
            [] => s.wait(),
            _ => break,
        };
    }
    assert_eq!(actions, vec![not_applied(W, Failure::Unavailable)]);
    assert_eq!(s.now, SECOND);
}

#[test]
fn overload_is_said_as_such_and_tried_again_at_the_same_node() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 30));
    assert_eq!(s.on(refused(A, 3, Refused::Overloaded)), vec![]);
    assert_eq!(s.wait(), vec![propose(A, 4, (7, 2, 1), "v")]);
    s.on(refused(A, 4, Refused::Overloaded));
    s.now = 30;
    assert_eq!(s.on(Event::Tick), vec![not_applied(W, Failure::Overloaded)]);
}

#[test]
fn a_full_disk_is_said_as_such_although_nobody_leads_then() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 30));
    s.on(refused(A, 3, Refused::DiskFull));
    s.now = 30;
    assert!(s.on(Event::Tick).contains(&not_applied(W, Failure::DiskFull)));
}

#[test]
fn a_lost_connection_leaves_a_doubt_that_refusals_do_not_lift() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 200));
    assert_eq!(s.on(Event::Disconnected(A)), vec![dial(B, "b")]);
    assert_eq!(s.on(Event::Connected(B)), vec![propose(B, 4, (7, 2, 1), "v")]);
    assert_eq!(s.on(refused(B, 4, not_leader(None))), vec![]);
    s.now = 200;
    assert_eq!(s.on(Event::Tick).last(), Some(&unknown(W, Doubt::Unanswered)));
}

#[test]
fn a_retry_in_the_same_session_lifts_the_doubt() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), SECOND));
    s.on(Event::Disconnected(A));
    s.on(Event::Connected(B));
    // The first attempt had been applied at 6; the session says so.
    assert_eq!(s.on(got(B, 4, applied(6))), vec![done(W, 6)]);
}

#[test]
fn a_leader_that_loses_its_office_leaves_a_doubt() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), SECOND));
    assert_eq!(s.on(refused(A, 3, Refused::Unknown)), vec![]);
    assert_eq!(s.wait(), vec![dial(B, "b")]);
    assert_eq!(s.on(Event::Connected(B)), vec![propose(B, 4, (7, 2, 1), "v")]);
    s.on(refused(B, 4, not_leader(None)));
    s.now = SECOND;
    assert_eq!(s.on(Event::Tick).last(), Some(&unknown(W, Doubt::Unanswered)));
}

#[test]
fn an_unanswered_attempt_at_the_deadline_is_unknown_for_a_write_only() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 100));
    s.on(submit(OpId(2), get(), 100));
    s.now = 100;
    let end = s.on(Event::Tick);
    assert_eq!(end, vec![unknown(W, Doubt::Unanswered), not_applied(OpId(2), Failure::Unavailable)]);
}

#[test]
fn an_expired_session_is_opened_again_if_nothing_is_in_doubt() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), SECOND));
    assert_eq!(s.on(refused(A, 3, Refused::SessionExpired)), vec![open_session(A, 4)]);
    let opened = got(A, 4, Response::SessionOpened(SessionId(20)));
    assert_eq!(s.on(opened), vec![propose(A, 5, (20, 1, 0), "v")]);
    assert_eq!(s.on(got(A, 5, applied(21))), vec![done(W, 21)]);
}

#[test]
fn an_expired_session_after_an_unanswered_attempt_is_unknown() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), SECOND));
    s.on(Event::Disconnected(A));
    s.on(Event::Connected(B));
    let end = s.on(refused(B, 4, Refused::SessionExpired));
    assert_eq!(end, vec![unknown(W, Doubt::SessionExpired)]);
}

#[test]
fn an_expired_session_ends_the_doubtful_that_wait_and_renumbers_the_others() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("doubtful"), SECOND));
    s.on(submit(OpId(2), put("refused"), SECOND));
    s.on(submit(OpId(3), put("messenger"), SECOND));
    s.on(refused(A, 3, Refused::Unknown));
    s.on(refused(A, 4, Refused::Overloaded));
    assert_eq!(s.on(refused(A, 5, Refused::SessionExpired)), vec![dial(B, "b")]);
    s.on(Event::Connected(B));
    let mut all = s.wait();
    all.extend(s.on(got(B, 6, Response::SessionOpened(SessionId(20)))));
    while all.len() < 3 {
        all.extend(s.wait());
    }
    let end = unknown(W, Doubt::SessionExpired);
    assert_eq!(all.iter().filter(|a| **a == end).count(), 1, "{all:?}");
    let sessions = all.iter().filter_map(|a| match a {
        Action::Send { request: Request::Propose { session, .. }, .. } => Some(session.session.0),
        _ => None,
    });
    assert_eq!(sessions.collect::<Vec<_>>(), vec![20, 20]);
}

#[test]
fn what_no_node_can_do_is_refused_here() {
    let mut s = Scene::new();
    let command = Command::Delete { key: Bytes::new() };
    let end = s.on(submit(W, Operation::Write(command), SECOND));
    assert_eq!(end, vec![not_applied(W, Failure::Invalid(Invalid::EmptyKey))]);
}

#[test]
fn an_abandoned_write_is_not_tried_again_and_frees_its_serial() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), SECOND));
    assert_eq!(s.on(Event::Abandon(W)), vec![]);
    assert_eq!(s.on(Event::Disconnected(A)), vec![]);
    s.on(submit(OpId(2), put("w"), SECOND));
    assert_eq!(s.on(Event::Connected(B)), vec![propose(B, 4, (7, 3, 2), "w")]);
}
