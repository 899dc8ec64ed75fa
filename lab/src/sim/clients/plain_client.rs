//! A client of any state machine: one operation at a time, under a session, so that a command that
//! must be sent again takes effect once.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use raft::server::Reply;
use raft::session::SessionTag;
use raft::{SessionId, Timestamp};

use super::client::{Answer, Ask, Client, ClientAction, ClientEvent};
use super::transcript::{Operation, Outcome, Transcript};
use crate::sim::random::{Random, Stream};

const FIRST: Stream = Stream::named("plain_client.first");
const PAUSE: Stream = Stream::named("plain_client.pause");

/// A pause between two operations, or before another attempt, in microseconds.
const MICROS: (u64, u64) = (5_000, 35_000);
/// How long a node may owe an answer.
const ATTEMPT: Duration = Duration::from_millis(500);
/// How long an operation is tried.
const OPERATION: Duration = Duration::from_secs(3);

/// What client `client` asks in its `turn`th operation.
pub type Asks = fn(random: Random, client: u64, turn: u64) -> Operation;

/// See the module.
#[derive(Clone, Debug)]
pub struct PlainClient {
    number: u64,
    nodes: usize,
    random: Random,
    asks: Asks,
    /// Asked at the end, until it is answered.
    read_back: Option<Bytes>,
    /// Whom to ask, and how that stands.
    node: usize,
    link: Link,
    session: Option<SessionId>,
    /// Of the last command.
    serial: u64,
    current: Option<Current>,
    /// Operations begun.
    turn: u64,
    pauses: u64,
    next_tag: u64,
    /// Nothing is begun or sent before then.
    resume_at: Timestamp,
    drained: bool,
    actions: VecDeque<ClientAction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    Dialling,
    /// An answer may be owed.
    Up(Option<Owed>),
    /// And then ask this node.
    HangingUp {
        next: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owed {
    tag: u64,
    since: Timestamp,
    is_session: bool,
}

#[derive(Clone, Debug)]
struct Current {
    /// Its place in the transcript.
    place: usize,
    operation: Operation,
    /// An attempt was neither answered nor refused, and no later answer has settled it.
    in_doubt: bool,
    deadline: Timestamp,
}

impl PlainClient {
    /// Client `number` of a cluster of so many nodes, that asks what `asks` says.
    #[must_use]
    pub fn new(number: usize, nodes: usize, random: Random, asks: Asks) -> PlainClient {
        let (number, nodes) = (number as u64, nodes.max(1));
        let mut client = PlainClient {
            number,
            nodes,
            random,
            asks,
            read_back: None,
            node: random.pick(FIRST, number, 0, nodes),
            link: Link::Down,
            session: None,
            serial: 0,
            current: None,
            turn: 0,
            pauses: 0,
            next_tag: 1,
            resume_at: Timestamp::default(),
            drained: false,
            actions: VecDeque::new(),
        };
        client.pause(Timestamp::default());
        client
    }

    /// The same, and after the load it asks this, until it is answered.
    #[must_use]
    pub fn reading_back(self, query: Bytes) -> PlainClient {
        PlainClient { read_back: Some(query), ..self }
    }

    fn pause(&mut self, now: Timestamp) {
        self.pauses += 1;
        let micros = self.random.between(PAUSE, self.number, self.pauses, MICROS);
        self.resume_at = now + Duration::from_micros(micros);
    }

    /// The answer to what is owed will not come.
    fn doubt(&mut self) {
        if let (Link::Up(Some(Owed { is_session: false, .. })), Some(current)) =
            (self.link, &mut self.current)
        {
            current.in_doubt |= matches!(current.operation, Operation::Write(_));
        }
    }

    /// Asks the leader after a while, or, if it is not known, the next node.
    fn leave(&mut self, now: Timestamp, leader: Option<usize>) {
        let next = leader.unwrap_or_else(|| self.next_node());
        if next == self.node {
            self.link = Link::Up(None);
        } else {
            self.actions.push_back(ClientAction::HangUp(self.node));
            self.link = Link::HangingUp { next };
        }
        self.pause(now);
    }

    fn next_node(&self) -> usize {
        (self.node + 1) % self.nodes
    }

    fn disconnected(&mut self, now: Timestamp) {
        self.doubt();
        self.node = match self.link {
            Link::HangingUp { next } => next,
            Link::Down | Link::Dialling | Link::Up(_) => self.next_node(),
        };
        self.link = Link::Down;
        self.pause(now);
    }

    fn answered(&mut self, now: Timestamp, owed: Owed, answer: Answer, record: &mut Transcript) {
        self.link = Link::Up(None);
        match answer.reply {
            Reply::Applied { response, .. } if owed.is_session => {
                self.session = response.first_chunk().map(|id| SessionId(u64::from_le_bytes(*id)));
            }
            Reply::Applied { response, .. } | Reply::Read(response) => {
                self.end(now, Outcome::Done(response), record);
            }
            Reply::ReadPanicked(_) => self.end(now, Outcome::NotApplied, record),
            Reply::Refused(_) | Reply::OutOfWindow => self.leave(now, answer.leader),
            Reply::SessionExpired => {
                self.session = None;
                self.renumber(now, record);
            }
            Reply::Unknown => {
                self.link = Link::Up(Some(owed));
                self.doubt();
                self.leave(now, answer.leader);
            }
        }
    }

    /// The session that would have told a second attempt from the first is gone. What cannot have
    /// had an effect starts afresh in a new one.
    fn renumber(&mut self, now: Timestamp, record: &mut Transcript) {
        self.serial += 1;
        if self.current.as_ref().is_some_and(|current| current.in_doubt) {
            self.end(now, Outcome::Unknown, record);
        }
    }

    fn end(&mut self, now: Timestamp, outcome: Outcome, record: &mut Transcript) {
        let Some(current) = self.current.take() else { return };
        if self.drained && matches!((&current.operation, &outcome), (Operation::Read(_), Outcome::Done(_))) {
            self.read_back = None;
        }
        record.end(current.place, outcome);
        self.pause(now);
    }

    /// Deadlines: the node's, then the operation's.
    fn expire(&mut self, now: Timestamp, record: &mut Transcript) {
        if let Link::Up(Some(owed)) = self.link
            && owed.since + ATTEMPT <= now
        {
            self.doubt();
            self.leave(now, None);
        }
        if self.current.as_ref().is_some_and(|current| current.deadline <= now) {
            self.doubt();
            // Its answer must not be taken for the next one's.
            if let Link::Up(Some(_)) = self.link {
                self.link = Link::Up(None);
            }
            let in_doubt = self.current.as_ref().is_some_and(|current| current.in_doubt);
            self.end(now, if in_doubt { Outcome::Unknown } else { Outcome::NotApplied }, record);
        }
    }

    fn begin(&mut self, now: Timestamp, record: &mut Transcript) {
        let operation = match (self.drained, &self.read_back) {
            (false, _) => (self.asks)(self.random, self.number, self.turn),
            (true, Some(query)) => Operation::Read(query.clone()),
            (true, None) => return,
        };
        self.turn += 1;
        self.serial += u64::from(matches!(operation, Operation::Write(_)));
        let place = record.begin(now, self.number, operation.clone());
        self.current = Some(Current { place, operation, in_doubt: false, deadline: now + OPERATION });
    }

    fn send(&mut self, now: Timestamp) {
        let Some(current) = &self.current else { return };
        let ask = match (&current.operation, self.session) {
            (Operation::Read(query), _) => Ask::Read { query: query.clone() },
            (Operation::Write(_), None) => Ask::OpenSession,
            (Operation::Write(command), Some(session)) => {
                let tag = SessionTag { session, serial: self.serial, floor: self.serial - 1 };
                Ask::Propose { tag: Some(tag), command: command.clone() }
            }
        };
        let tag = self.next_tag;
        self.next_tag += 1;
        self.link = Link::Up(Some(Owed { tag, since: now, is_session: ask == Ask::OpenSession }));
        self.actions.push_back(ClientAction::Send { node: self.node, tag, ask });
    }

    fn go_on(&mut self, now: Timestamp, record: &mut Transcript) {
        if now < self.resume_at {
            return;
        }
        if self.current.is_none() {
            self.begin(now, record);
        }
        match self.link {
            Link::Down if self.current.is_some() => {
                self.link = Link::Dialling;
                self.actions.push_back(ClientAction::Dial(self.node));
            }
            Link::Up(None) => self.send(now),
            Link::Down | Link::Dialling | Link::Up(Some(_)) | Link::HangingUp { .. } => {}
        }
    }
}

impl Client for PlainClient {
    type Record = Transcript;

    fn step(&mut self, now: Timestamp, event: ClientEvent, record: &mut Transcript) {
        match (event, self.link) {
            (ClientEvent::Connected(node), Link::Dialling) if node == self.node => self.link = Link::Up(None),
            (ClientEvent::DialFailed(node) | ClientEvent::Disconnected(node), _) if node == self.node => {
                self.disconnected(now);
            }
            (ClientEvent::Answered { node, tag, answer }, Link::Up(Some(owed)))
                if node == self.node && tag == owed.tag =>
            {
                self.answered(now, owed, answer, record);
            }
            (ClientEvent::Drain, _) => self.drained = true,
            _ => {}
        }
        self.expire(now, record);
        self.go_on(now, record);
    }

    fn poll(&mut self) -> Option<ClientAction> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<Timestamp> {
        let current = self.current.as_ref().map(|current| current.deadline);
        let link = match self.link {
            Link::Up(Some(owed)) => Some(owed.since + ATTEMPT),
            Link::Up(None) | Link::Down if !self.is_done() => Some(self.resume_at),
            Link::Up(None) | Link::Down | Link::Dialling | Link::HangingUp { .. } => None,
        };
        [current, link].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.drained && self.current.is_none() && self.read_back.is_none()
    }
}

#[cfg(test)]
mod tests;
