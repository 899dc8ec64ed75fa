//! Which node is asked: hints, silence, and nobody there.

use super::*;

#[test]
fn a_hint_leads_to_the_leader_at_once() {
    let mut s = Scene::in_session();
    assert_eq!(s.on(submit(W, put("v"), SECOND)), vec![propose(A, 3, (7, 2, 1), "v")]);
    assert_eq!(s.on(refused(A, 3, not_leader(Some("b")))), vec![dial(B, "b")]);
    assert_eq!(s.on(Event::Connected(B)), vec![propose(B, 4, (7, 2, 1), "v")]);
    assert_eq!(s.on(got(B, 4, applied(9))), vec![done(W, 9)]);
    // The next goes there directly.
    assert_eq!(s.on(submit(OpId(2), put("w"), SECOND)), vec![propose(B, 5, (7, 3, 2), "w")]);
}

#[test]
fn a_hint_may_name_a_node_that_was_not_known() {
    let mut s = Scene::in_session();
    s.on(submit(W, get(), SECOND));
    assert_eq!(s.on(refused(A, 3, not_leader(Some("c")))), vec![dial(EndpointId(2), "c")]);
}

#[test]
fn two_nodes_that_point_at_each_other_are_not_followed_for_ever() {
    let mut s = Scene::in_session();
    s.on(submit(W, get(), SECOND));
    s.on(refused(A, 3, not_leader(Some("b"))));
    let mut last = s.on(Event::Connected(B));
    let mut hops = 1;
    while let [Action::Send { endpoint, tag, .. }] = last[..] {
        hops += 1;
        assert!(hops < 10, "no pause between hints");
        last = s.on(refused(endpoint, tag, not_leader(Some(if endpoint == A { "b" } else { "a" }))));
    }
    assert_eq!((hops, last), (4, vec![]));
}

#[test]
fn a_silent_node_is_given_up_but_its_late_answer_counts() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 5 * SECOND));
    assert_eq!(s.wait(), vec![dial(B, "b")]);
    assert_eq!(s.now, 500);
    assert_eq!(s.on(Event::Connected(B)), vec![propose(B, 4, (7, 2, 1), "v")]);
    // B still thinks that A leads. A is not asked again before it has said something.
    assert_eq!(s.on(refused(B, 4, not_leader(Some("a")))), vec![]);
    assert_eq!(s.wait(), vec![propose(B, 5, (7, 2, 1), "v")]);
    assert_eq!(s.on(got(A, 3, applied(6))), vec![done(W, 6)]);
}

#[test]
fn a_hint_to_a_silent_node_leads_on_to_a_third() {
    let mut s = Scene::new();
    s.core.endpoints = Endpoints::new(vec!["a".into(), "b".into(), "c".into()], 0);
    s.on(submit(W, get(), 5 * SECOND));
    s.on(Event::Connected(A));
    assert_eq!(s.wait(), vec![dial(B, "b")]);
    s.on(Event::Connected(B));
    assert_eq!(s.on(refused(B, 2, not_leader(Some("a")))), vec![]);
    assert_eq!(s.wait(), vec![dial(EndpointId(2), "c")]);
}

#[test]
fn a_node_that_answers_others_is_given_more_time() {
    let mut s = Scene::in_session();
    s.on(submit(W, put("v"), 60 * SECOND));
    s.now = 400;
    s.on(submit(OpId(2), get(), 60 * SECOND));
    s.on(got(A, 4, Response::ReadAnswer(Answer::Seen(None).encode())));
    assert_eq!(s.wait(), vec![dial(B, "b")]);
    assert_eq!(s.now, 900);
}

#[test]
fn who_is_refused_by_every_node_is_told_at_once() {
    let mut s = Scene::new();
    s.on(submit(W, put("v"), SECOND));
    assert_eq!(s.on(Event::DialFailed(A, DialError::NotAuthorised)), vec![dial(B, "b")]);
    let end = s.on(Event::DialFailed(B, DialError::NotAuthorised));
    assert_eq!(end, vec![not_applied(W, Failure::NotAuthorised)]);
}

#[test]
fn nobody_reachable_is_unavailable_at_the_deadline() {
    let mut s = Scene::new();
    let mut actions = s.on(submit(W, put("v"), SECOND));
    while let [Action::Dial { endpoint, .. }] = actions[..] {
        actions = s.on(Event::DialFailed(endpoint, DialError::Unreachable));
        if actions.is_empty() {
            actions = s.wait();
        }
    }
    assert_eq!(actions, vec![not_applied(W, Failure::Unavailable)]);
}

/// As after `kill -9` and a restart: the node is well, the connection is dead, and nothing is owed on
/// it any more when the node comes to lead.
#[test]
fn a_connection_that_stays_silent_is_given_up_so_that_a_hint_can_be_followed() {
    let mut s = Scene::in_session();
    assert!(matches!(s.on(submit(W, put("x"), 60 * SECOND))[..], [Action::Send { endpoint: A, .. }]));
    assert_eq!(s.wait(), [Action::Dial { endpoint: B, address: "b".into() }]);
    let again = s.on(Event::Connected(B));
    let [Action::Send { endpoint: B, tag, .. }] = again[..] else { panic!("{again:?}") };
    assert_eq!(s.on(got(B, tag, applied(6))), [done(W, 6)]);
    assert_eq!(s.wait(), [Action::HangUp(A)]);
    s.on(Event::Disconnected(A));
    s.now += SECOND;
    let sent = s.on(submit(OpId(2), put("y"), 60 * SECOND));
    let [Action::Send { endpoint: B, tag, .. }] = sent[..] else { panic!("{sent:?}") };
    let hint = Some(LeaderHint { node: NodeId(1), address: "a".into() });
    let followed = s.on(refused(B, tag, Refused::NotLeader { hint }));
    assert_eq!(followed, [Action::Dial { endpoint: A, address: "a".into() }]);
}

/// The leader was cut off and another elected: the follower that named the one names the other.
#[test]
fn a_second_hint_is_followed_while_the_first_cannot_be_reached() {
    let mut s = Scene::in_session();
    let hint = |node, address: &str| Some(LeaderHint { node: NodeId(node), address: address.into() });
    let tag = |actions: &[Action]| match actions {
        [Action::Send { endpoint: A, tag, .. }] => *tag,
        other => panic!("{other:?}"),
    };
    let first = tag(&s.on(submit(W, put("x"), 60 * SECOND)));
    let dials = s.on(refused(A, first, Refused::NotLeader { hint: hint(3, "c") }));
    assert_eq!(dials, [Action::Dial { endpoint: EndpointId(2), address: "c".into() }]);
    let mut sent = s.wait();
    while !matches!(sent[..], [Action::Send { .. }]) {
        // Whoever else is tried does not answer either.
        sent = s.wait();
    }
    let dials = s.on(refused(A, tag(&sent), Refused::NotLeader { hint: hint(2, "b") }));
    assert_eq!(dials, [Action::Dial { endpoint: B, address: "b".into() }]);
}
