//! A server for the tests of the clients: one state machine behind several ports, honest or lying,
//! on connections that break.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::Refusal;
use raft::server::Reply;
use raft::session::{SessionTag, Sessions, Verdict};
use raft::{LogIndex, NodeId, SessionId, StateMachine, Timestamp};

use crate::sim::clients::client::{Answer, Ask, Client, ClientAction, ClientEvent};
use crate::sim::clients::workload::{Summary, Workload};
use crate::sim::random::{Random, Stream};

const DELAY: Stream = Stream::named("testing.delay");
const BREAK: Stream = Stream::named("testing.break");
const LIE: Stream = Stream::named("testing.lie");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    Never,
    /// Some reads are answered from an old state.
    StaleRead,
    /// Some commands are answered and forgotten.
    LostWrite,
    /// Some commands take effect twice.
    DoubleApply,
    /// Some commands take effect and are refused.
    RefusedWrite,
    /// Some values come back with a byte changed.
    WrongByte,
}

#[derive(Clone)]
enum Event {
    Happens(usize, ClientEvent),
    Arrives { client: usize, node: usize, tag: u64, ask: Ask },
}

pub(super) struct Tiny<W: Workload> {
    workload: W,
    lie: Lie,
    random: Random,
    nodes: usize,
    machine: W::Machine,
    old: W::Machine,
    sessions: Sessions,
    index: LogIndex,
    clients: Vec<W::Client>,
    pub(super) record: W::Record,
    queue: BTreeMap<(Timestamp, u64), Event>,
    connected: BTreeSet<(usize, usize)>,
    now: Timestamp,
    events: u64,
    pub(super) trace: Vec<String>,
}

impl<W: Workload> Tiny<W> {
    pub(super) fn new(workload: W, clients: usize, lie: Lie, seed: u64) -> Tiny<W> {
        let (random, nodes) = (Random::new(seed), 3);
        Tiny {
            lie,
            random,
            nodes,
            machine: workload.machine(),
            old: workload.machine(),
            sessions: Sessions::default(),
            index: LogIndex(0),
            clients: (0..clients).map(|number| workload.client(number, nodes, random)).collect(),
            record: W::Record::default(),
            workload,
            queue: BTreeMap::new(),
            connected: BTreeSet::new(),
            now: Timestamp::default(),
            events: 0,
            trace: Vec::new(),
        }
    }

    /// The load for so long, then the end of it; then the judgement.
    pub(super) fn run(&mut self, load: Duration) -> Result<Summary, String> {
        let (end, patience) = (self.now + load, Duration::from_secs(60));
        self.pump(end)?;
        for client in 0..self.clients.len() {
            self.later(0, Event::Happens(client, ClientEvent::Drain));
        }
        self.pump(end + patience)?;
        assert!(self.clients.iter().all(Client::is_done), "a client is not done after {patience:?}");
        self.workload.judge(&self.record)
    }

    fn pump(&mut self, end: Timestamp) -> Result<(), String> {
        loop {
            let tick = (0..self.clients.len()).filter_map(|c| Some((self.clients[c].deadline()?, c))).min();
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let at = [tick.map(|(at, _)| at), next].into_iter().flatten().min();
            let Some(at) = at.filter(|at| *at <= end) else { return Ok(()) };
            self.now = self.now.max(at);
            self.events += 1;
            assert!(self.events < 2_000_000, "clients that never rest");
            match (next == Some(at), tick) {
                (false, Some((_, client))) => self.step(client, ClientEvent::Tick)?,
                _ => match self.queue.pop_first() {
                    Some((_, Event::Happens(client, event))) => self.step(client, event)?,
                    Some((_, Event::Arrives { client, node, tag, ask })) => {
                        self.serve(client, node, tag, ask);
                    }
                    None => {}
                },
            }
        }
    }

    fn step(&mut self, client: usize, event: ClientEvent) -> Result<(), String> {
        if let ClientEvent::Answered { node, .. } = &event
            && !self.connected.contains(&(client, *node))
        {
            return Ok(());
        }
        self.clients[client].step(self.now, event, &mut self.record);
        while let Some(action) = self.clients[client].poll() {
            self.trace.push(format!("{:?} {client} {action:?}", self.now));
            match action {
                ClientAction::Dial(node) if self.rarely(BREAK, 50_000) => {
                    self.later(5, Event::Happens(client, ClientEvent::DialFailed(node)));
                }
                ClientAction::Dial(node) => {
                    self.connected.insert((client, node));
                    self.later(5, Event::Happens(client, ClientEvent::Connected(node)));
                }
                ClientAction::HangUp(node) => self.disconnect(client, node),
                ClientAction::Send { node, tag, ask } => {
                    self.later(2, Event::Arrives { client, node, tag, ask });
                }
            }
        }
        self.workload.check(&self.record)
    }

    fn disconnect(&mut self, client: usize, node: usize) {
        if self.connected.remove(&(client, node)) {
            self.later(0, Event::Happens(client, ClientEvent::Disconnected(node)));
        }
    }

    /// A node takes a request: before or after that the connection may break.
    fn serve(&mut self, client: usize, node: usize, tag: u64, ask: Ask) {
        if !self.connected.contains(&(client, node)) {
            return;
        }
        let leader = usize::try_from(self.now.as_nanos() / 700_000_000).unwrap() % self.nodes;
        let reply = if node != leader {
            Reply::Refused(Refusal::NotLeader { leader: Some(NodeId(leader as u64 + 1)) })
        } else if self.rarely(BREAK, 20_000) {
            return self.disconnect(client, node);
        } else {
            self.carry_out(ask)
        };
        if self.rarely(BREAK, 20_000) {
            return self.disconnect(client, node);
        }
        let reply = if node == leader && self.rarely(BREAK, 20_000) { Reply::Unknown } else { reply };
        let answer = Answer { reply, leader: Some(leader) };
        self.later(2, Event::Happens(client, ClientEvent::Answered { node, tag, answer }));
    }

    fn carry_out(&mut self, ask: Ask) -> Reply {
        if self.events.is_multiple_of(50) {
            self.old = self.machine.clone();
        }
        match ask {
            Ask::OpenSession => {
                self.index = self.index.next();
                let id = self.sessions.open(self.index, SessionId(self.index.0));
                Reply::Applied { index: self.index, response: Bytes::copy_from_slice(&id.0.to_le_bytes()) }
            }
            Ask::Read { query } => Reply::Read(self.read(&query)),
            Ask::Propose { tag: None, command } => self.apply(&command),
            Ask::Propose { tag: Some(tag), command } => self.apply_once(tag, &command),
        }
    }

    fn read(&mut self, query: &Bytes) -> Bytes {
        if self.lies(Lie::StaleRead, 100_000) {
            return self.old.query(query);
        }
        let mut answer = self.machine.query(query).to_vec();
        if self.lies(Lie::WrongByte, 10_000) {
            answer.last_mut().into_iter().for_each(|byte| *byte ^= 64);
        }
        answer.into()
    }

    fn apply_once(&mut self, tag: SessionTag, command: &Bytes) -> Reply {
        let verdict = self.sessions.begin(self.index.next(), tag);
        let reply = match verdict {
            Verdict::Fresh => self.apply(command),
            Verdict::Repeat(index, response) => Reply::Applied { index, response },
            Verdict::Expired | Verdict::Forgotten => Reply::SessionExpired,
            Verdict::OutOfWindow => Reply::OutOfWindow,
        };
        if let Reply::Applied { index, response } = &reply {
            self.sessions.record(*index, tag, response.clone());
        }
        let lies = self.random.chance(LIE, tag.session.0, tag.serial, 50_000);
        match (self.lie, reply) {
            (Lie::RefusedWrite, Reply::Applied { .. }) if lies => Reply::Refused(Refusal::Overloaded),
            (Lie::DoubleApply, Reply::Applied { index, response }) if lies => {
                let _second = self.apply(command);
                Reply::Applied { index, response }
            }
            (_, reply) => reply,
        }
    }

    fn apply(&mut self, command: &Bytes) -> Reply {
        self.index = self.index.next();
        let response = if self.lies(Lie::LostWrite, 20_000) {
            self.machine.clone().apply(self.index, command)
        } else {
            self.machine.apply(self.index, command)
        };
        Reply::Applied { index: self.index, response }
    }

    fn lies(&mut self, lie: Lie, ppm: u32) -> bool {
        self.lie == lie && self.rarely(LIE, ppm)
    }

    fn rarely(&mut self, stream: Stream, ppm: u32) -> bool {
        self.events += 1;
        self.random.chance(stream, 0, self.events, ppm)
    }

    fn later(&mut self, millis: u64, event: Event) {
        self.events += 1;
        let delay = self.random.below(DELAY, 0, self.events, millis * 1_000_000 + 1);
        self.queue.insert((self.now + Duration::from_nanos(delay), self.events), event);
    }
}
