//! Scenarios: what happens on the left, what the client does about it on the right.

use super::*;
use crate::outcome::{Invalid, Version};
use crate::protocol::{LeaderHint, Refused};
use bytes::Bytes;
use raft::session::SessionTag;
use raft::{LogIndex, NodeId, SessionId};

const A: EndpointId = EndpointId(0);
const B: EndpointId = EndpointId(1);
const W: OpId = OpId(1);
const SECOND: u64 = 1000;

/// A client of `a` and `b` that begins with `a`, and a clock in milliseconds.
struct Scene {
    core: ClientCore,
    now: u64,
}

impl Scene {
    fn new() -> Scene {
        let mut core = ClientCore::new(vec!["a".into(), "b".into()], Duration::from_millis(500), 1);
        core.endpoints = Endpoints::new(vec!["a".into(), "b".into()], 0);
        Scene { core, now: 0 }
    }

    /// Connected to `a`, with session 7, opened by a write that is done.
    fn in_session() -> Scene {
        let mut s = Scene::new();
        s.on(submit(OpId(100), put("warm"), 60 * SECOND));
        s.on(Event::Connected(A));
        s.on(got(A, 1, Response::SessionOpened(SessionId(7))));
        assert_eq!(s.on(got(A, 2, applied(5))), vec![done(OpId(100), 5)]);
        s
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.core.step(time(self.now), event);
        std::iter::from_fn(|| self.core.poll()).collect()
    }

    /// Lets time pass, stepping whenever the core asks for it, until it does something.
    fn wait(&mut self) -> Vec<Action> {
        for _ in 0..1000 {
            let at = self.core.deadline().expect("it waits for nothing");
            self.now = self.now.max(at.as_nanos().div_ceil(1_000_000));
            let actions = self.on(Event::Tick);
            if !actions.is_empty() {
                return actions;
            }
        }
        panic!("it waits for ever");
    }
}

fn time(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn put(value: &'static str) -> Operation {
    Operation::Write(Command::Put {
        key: Bytes::from_static(b"k"),
        value: Bytes::from_static(value.as_bytes()),
    })
}

fn get() -> Operation {
    Operation::Read(Query::Get { key: Bytes::from_static(b"k") })
}

fn submit(op: OpId, operation: Operation, deadline: u64) -> Event {
    Event::Submit { op, operation, deadline: time(deadline) }
}

fn got(endpoint: EndpointId, tag: u64, response: Response) -> Event {
    Event::Received { endpoint, tag, response }
}

fn refused(endpoint: EndpointId, tag: u64, why: Refused) -> Event {
    got(endpoint, tag, Response::Refused(why))
}

fn not_leader(address: Option<&str>) -> Refused {
    let hint = address.map(|address| LeaderHint { node: NodeId(1), address: address.into() });
    Refused::NotLeader { hint }
}

fn applied(version: u64) -> Response {
    Response::Applied { index: LogIndex(version), answer: Answer::Written(Version(version)).encode() }
}

fn done(op: OpId, version: u64) -> Action {
    Action::Finish { op, outcome: Outcome::Done(Answer::Written(Version(version))) }
}

fn unknown(op: OpId, doubt: Doubt) -> Action {
    Action::Finish { op, outcome: Outcome::Unknown(doubt) }
}

fn not_applied(op: OpId, failure: Failure) -> Action {
    Action::Finish { op, outcome: Outcome::NotApplied(failure) }
}

fn dial(endpoint: EndpointId, address: &str) -> Action {
    Action::Dial { endpoint, address: address.into() }
}

fn open_session(endpoint: EndpointId, tag: u64) -> Action {
    Action::Send { endpoint, tag, request: Request::OpenSession }
}

fn propose(
    endpoint: EndpointId,
    tag: u64,
    (session, serial, floor): (u64, u64, u64),
    value: &'static str,
) -> Action {
    let Operation::Write(command) = put(value) else { unreachable!() };
    let session = SessionTag { session: SessionId(session), serial, floor };
    Action::Send { endpoint, tag, request: Request::Propose { session, command: command.encode() } }
}

fn read(endpoint: EndpointId, tag: u64) -> Action {
    let Operation::Read(query) = get() else { unreachable!() };
    Action::Send { endpoint, tag, request: Request::Read { query: query.encode() } }
}

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
