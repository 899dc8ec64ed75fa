//! The register's real client in a simulated world: its core decides what to send where, as in the
//! service; here operations are begun, and what came of them is written down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use raft::Timestamp;
use register::client_core::{self as core, ClientCore, DialError, EndpointId, OpId, Operation, Outcome};
use register::command::{self, Command, Query};
use register::protocol::Response;
use register::{Expect, Failure, Invalid, Version, Versioned};

use super::client::{Client, ClientAction, ClientEvent};
use super::history::{Action, Ended, RegisterHistory, Seen};
use super::load::{Kind, Load};
use super::register_port::{NotAsked, RegisterPort, address, node_at};
use crate::sim::random::{Random, Stream};

const CORE: Stream = Stream::named("register_client.core");
const KNOWN: Stream = Stream::named("register_client.known");

/// Before what could not be read back is tried again.
const READ_BACK_PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Clone, Debug)]
pub struct RegisterClient {
    number: u64,
    random: Random,
    load: Load,
    core: ClientCore,
    /// The node of each endpoint that was ever dialled.
    nodes: BTreeMap<EndpointId, usize>,
    port: RegisterPort,
    open: BTreeMap<OpId, Open>,
    /// What each key held when this client last heard of it.
    seen: BTreeMap<u8, Option<Seen>>,
    /// Operations begun.
    turn: u64,
    /// When to begin the next; nothing while there is no room.
    next_at: Option<Timestamp>,
    /// After the load: the keys that have not been read back.
    left: Option<BTreeSet<u8>>,
    actions: VecDeque<ClientAction>,
}

/// An operation under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its name in the history.
    operation: usize,
    key: u8,
    action: Action,
    /// The register must refuse it.
    is_too_long: bool,
    abandon_at: Option<Timestamp>,
}

impl RegisterClient {
    /// Client `number` of a cluster of so many nodes. It knows most of their addresses, the others it
    /// learns from hints.
    #[must_use]
    pub fn new(number: usize, nodes: usize, random: Random, load: Load) -> RegisterClient {
        let number = number as u64;
        let known = nodes / 2 + 1 + random.pick(KNOWN, number, 0, nodes.div_ceil(2));
        let first = random.pick(KNOWN, number, 1, nodes);
        let endpoints = (first..first + known).map(|node| address(node % nodes.max(1))).collect();
        let core = ClientCore::new(endpoints, load.attempt_timeout, random.draw(CORE, number, 0));
        let begin = Timestamp::default() + load.pause(random, number, 0);
        RegisterClient {
            number,
            random,
            load,
            core,
            nodes: BTreeMap::new(),
            port: RegisterPort::default(),
            open: BTreeMap::new(),
            seen: BTreeMap::new(),
            turn: 0,
            next_at: Some(begin),
            left: None,
            actions: VecDeque::new(),
        }
    }

    fn tell_core(&mut self, now: Timestamp, node: usize, event: impl FnOnce(EndpointId) -> core::Event) {
        let endpoint = self.nodes.iter().find(|(_, its)| **its == node).map(|(endpoint, _)| *endpoint);
        if let Some(endpoint) = endpoint {
            self.core.step(now, event(endpoint));
        }
    }

    /// Does what the core wants done.
    fn obey(&mut self, now: Timestamp, record: &mut RegisterHistory) {
        while let Some(action) = self.core.poll() {
            match action {
                core::Action::Dial { endpoint, address } => {
                    let Some(node) = node_at(&address) else {
                        let event = core::Event::DialFailed(endpoint, DialError::Unreachable);
                        self.core.step(now, event);
                        continue;
                    };
                    self.nodes.insert(endpoint, node);
                    self.actions.push_back(ClientAction::Dial(node));
                }
                core::Action::HangUp(endpoint) => {
                    let node = self.nodes.get(&endpoint).copied();
                    self.actions.extend(node.map(ClientAction::HangUp));
                }
                core::Action::Send { endpoint, tag, request } => {
                    let Some(node) = self.nodes.get(&endpoint).copied() else { continue };
                    match self.port.ask(node, tag, &request) {
                        Ok(ask) => self.actions.push_back(ClientAction::Send { node, tag, ask }),
                        Err(NotAsked::Refused(refused)) => {
                            let response = Response::Refused(refused);
                            self.core.step(now, core::Event::Received { endpoint, tag, response });
                        }
                        Err(NotAsked::Wrong(what)) => record.complain(what),
                    }
                }
                core::Action::Finish { op, outcome } => self.finished(now, op, outcome, record),
            }
        }
    }

    fn begin_due(&mut self, now: Timestamp, record: &mut RegisterHistory) {
        if self.next_at.is_none_or(|at| at > now) {
            return;
        }
        if self.left.is_some() {
            return self.read_back(now, record);
        }
        let room = self.load.in_flight.max(1).saturating_sub(self.open.len());
        let pause = self.load.pause(self.random, self.number, self.turn);
        for _ in 0..self.load.begin(self.random, self.number, self.turn, room) {
            let (key, kind) = self.load.turn(self.random, self.number, self.turn);
            self.begin(now, key, kind, record);
        }
        let is_room = self.open.len() < self.load.in_flight.max(1);
        self.next_at = is_room.then(|| now + pause);
    }

    /// Once everything has ended, asks for every key that is left, all at once.
    fn read_back(&mut self, now: Timestamp, record: &mut RegisterHistory) {
        self.next_at = None;
        if self.open.is_empty() {
            for key in self.left.clone().unwrap_or_default() {
                self.begin(now, key, Kind::Read, record);
            }
        }
    }

    fn begin(&mut self, now: Timestamp, key: u8, kind: Kind, record: &mut RegisterHistory) {
        let turn = self.turn;
        self.turn += 1;
        let number = Load::number(self.number, turn);
        let (operation, action) = self.operation(key, kind, number);
        let abandon = self.load.abandon(self.random, self.number, turn).filter(|_| self.left.is_none());
        let open = Open {
            operation: record.begin(now, self.number, key, action),
            key,
            action,
            is_too_long: kind == Kind::PutTooLong,
            abandon_at: abandon.map(|after| now + after),
        };
        self.open.insert(OpId(turn), open);
        let deadline = now + self.load.deadline;
        self.core.step(now, core::Event::Submit { op: OpId(turn), operation, deadline });
    }

    fn operation(&self, key: u8, kind: Kind, number: u64) -> (Operation, Action) {
        let (name, value) = (name(key), self.load.value(self.random, number));
        let write = |command| Operation::Write(command);
        match kind {
            Kind::Read => (Operation::Read(Query::Get { key: name }), Action::Read),
            Kind::Put => (write(Command::Put { key: name, value }), Action::Write(Some(number))),
            Kind::PutTooLong => {
                (write(Command::Put { key: name, value: Load::too_long() }), Action::Write(Some(number)))
            }
            Kind::CasValue | Kind::CasVersion => {
                let seen = self.seen.get(&key).copied().flatten();
                let expect = match seen {
                    None => Expect::Missing,
                    Some(seen) if kind == Kind::CasVersion => Expect::Version(Version(seen.version)),
                    Some(seen) => Expect::Value(self.load.value(self.random, seen.value)),
                };
                let from = seen.map(|seen| seen.value);
                (write(Command::Cas { key: name, expect, value }), Action::Cas { from, to: number })
            }
            Kind::Delete => (write(Command::Delete { key: name }), Action::Write(None)),
        }
    }

    fn finished(&mut self, now: Timestamp, op: OpId, outcome: Outcome, record: &mut RegisterHistory) {
        let Some(open) = self.open.remove(&op) else { return };
        let refused_as_too_long =
            matches!(outcome, Outcome::NotApplied(Failure::Invalid(Invalid::ValueTooLong(_))));
        if open.is_too_long != refused_as_too_long {
            record.complain(format!("{:?} of a value that was too long: {outcome:?}", open.action));
        }
        let ended = self.ended(open, outcome).unwrap_or_else(|bad| {
            record.complain(bad);
            Ended::Unknown
        });
        record.end(now, open.operation, ended);
        match (ended, open.action) {
            (Ended::Saw(seen), _) => drop(self.seen.insert(open.key, seen)),
            (Ended::Written(version), Action::Write(Some(value)) | Action::Cas { to: value, .. }) => {
                self.seen.insert(open.key, Some(Seen { value, version }));
            }
            (Ended::Deleted(_), _) => drop(self.seen.insert(open.key, None)),
            _ => {}
        }
        self.made_room(now, open, ended);
    }

    /// When to go on after an operation has ended.
    fn made_room(&mut self, now: Timestamp, open: Open, ended: Ended) {
        let Some(left) = &mut self.left else {
            let pause = self.load.pause(self.random, self.number, self.turn);
            self.next_at.get_or_insert(now + pause);
            return;
        };
        if let (Action::Read, Ended::Saw(_)) = (open.action, ended) {
            left.remove(&open.key);
        }
        if self.open.is_empty() && !left.is_empty() {
            self.next_at = Some(now + READ_BACK_PAUSE);
        }
    }

    /// What the history is to say of an outcome.
    fn ended(&self, open: Open, outcome: Outcome) -> Result<Ended, String> {
        let number = |seen: Versioned| match self.load.number_of(self.random, &seen.value) {
            Some(value) => Ok(Seen { value, version: seen.version.0 }),
            None => Err(format!("k{} held {} bytes that nobody wrote", open.key, seen.value.len())),
        };
        Ok(match (outcome, open.action) {
            (Outcome::Unknown(doubt), Action::Read) => return Err(format!("a read is in doubt: {doubt}")),
            (Outcome::Unknown(_), _) => Ended::Unknown,
            (Outcome::NotApplied(_), _) => Ended::NotApplied,
            (Outcome::Done(command::Answer::Seen(seen)), Action::Read | Action::Cas { .. }) => {
                Ended::Saw(seen.map(number).transpose()?)
            }
            (
                Outcome::Done(command::Answer::Written(version)),
                Action::Write(Some(_)) | Action::Cas { .. },
            ) => Ended::Written(version.0),
            (Outcome::Done(command::Answer::Deleted(version)), Action::Write(None)) => {
                Ended::Deleted(version.map(|version| version.0))
            }
            (Outcome::Done(answer), action) => return Err(format!("{action:?} was answered {answer:?}")),
        })
    }

    /// The history keeps them as open: they may take effect yet.
    fn abandon_due(&mut self, now: Timestamp) {
        let due = |open: &Open| open.abandon_at.is_some_and(|at| at <= now);
        while let Some(op) = self.open.iter().find(|(_, open)| due(open)).map(|(op, _)| *op) {
            self.core.step(now, core::Event::Abandon(op));
            let Some(open) = self.open.remove(&op) else { return };
            self.made_room(now, open, Ended::Unknown);
        }
    }
}

impl Client for RegisterClient {
    type Record = RegisterHistory;

    fn step(&mut self, now: Timestamp, event: ClientEvent, record: &mut RegisterHistory) {
        match event {
            ClientEvent::Connected(node) => self.tell_core(now, node, core::Event::Connected),
            ClientEvent::DialFailed(node) => {
                self.tell_core(now, node, |e| core::Event::DialFailed(e, DialError::Unreachable));
            }
            ClientEvent::Disconnected(node) => {
                self.port.disconnected(node);
                self.tell_core(now, node, core::Event::Disconnected);
            }
            ClientEvent::Answered { node, tag, answer } => match self.port.tell(node, tag, answer) {
                Ok(Some(response)) => {
                    self.tell_core(now, node, |endpoint| core::Event::Received { endpoint, tag, response });
                }
                Ok(None) => {}
                Err(what) => record.complain(what),
            },
            ClientEvent::Drain => {
                self.left = Some((0..self.load.keys).collect());
                self.next_at = Some(now);
            }
            ClientEvent::Tick => {}
        }
        self.core.step(now, core::Event::Tick);
        self.obey(now, record);
        self.abandon_due(now);
        self.begin_due(now, record);
        self.obey(now, record);
    }

    fn poll(&mut self) -> Option<ClientAction> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<Timestamp> {
        let abandon = self.open.values().filter_map(|open| open.abandon_at).min();
        [self.core.deadline(), self.next_at, abandon].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.open.is_empty() && self.left.as_ref().is_some_and(BTreeSet::is_empty)
    }
}

fn name(key: u8) -> Bytes {
    Bytes::from(format!("k{key}"))
}

#[cfg(test)]
mod tests;
