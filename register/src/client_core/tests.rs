//! Scenarios: what happens on the left, what the client does about it on the right.

mod nodes;
mod outcomes;

use super::*;
use crate::outcome::Version;
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
fn answers_that_come_together_are_taken_as_one_after_the_other() {
    let begun = || {
        let mut s = Scene::in_session();
        for op in 1..=3 {
            s.on(submit(OpId(op), put("x"), 60 * SECOND));
        }
        s
    };
    // To the first, the second and the last; and one that nobody asked for.
    let answers =
        || [(3, applied(8)), (4, Response::Refused(Refused::Overloaded)), (5, applied(9)), (77, applied(10))];
    let mut apart = begun();
    let one_by_one: Vec<Action> =
        answers().into_iter().flat_map(|(tag, response)| apart.on(got(A, tag, response))).collect();
    let mut together = begun();
    together.core.received_all(time(0), A, answers());
    let at_once: Vec<Action> = std::iter::from_fn(|| together.core.poll()).collect();
    assert_eq!(at_once, [done(OpId(1), 8), done(OpId(3), 9)]);
    assert_eq!(at_once, one_by_one);
    assert_eq!(together.core.deadline(), apart.core.deadline());
}
