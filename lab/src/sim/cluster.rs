//! Nodes, their disks and their links on virtual time: one event after the other, and after each the
//! invariants. Who drives it plans events of its own in the same queue.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::{Misdeed, Ticket};
use raft::consensus::message::Message;
use raft::pump::{Ask, Outlet, StopCause, Told};
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::Queue as DiskQueue;
use raft::transport::Received;
use raft::wire::{self, Kind, PREFIX, Prefix};
use raft::{Incarnation, LogIndex, NodeId, StateMachine, Timestamp};

use serde::{Deserialize, Serialize};

use super::invariants::{Invariants, Promise, View, Violation};
use super::links::Links;
use super::node::{Node, Running, Settings, State};
use super::queue::Queue;
use super::random::{Random, Stream};
use super::trace::Trace;
use super::waking::place;
use crate::carrier::{id_of, seat_of};

/// How fast disks and nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// An operation of the log, in nanoseconds, from and to.
    pub log: (u64, u64),
    /// An operation aside of it.
    pub aside: (u64, u64),
    /// So many of a million operations take up to a thousand times as long.
    pub stall_ppm: u32,
    /// How long a node takes in what comes before it acts on it; most act at once.
    pub turn: (u64, u64),
    /// So many of a million inputs wait for more.
    pub turn_ppm: u32,
}

impl Pace {
    /// As a quiet machine with a good disk.
    pub const STEADY: Pace =
        Pace { log: (80_000, 250_000), aside: (20_000, 200_000), stall_ppm: 0, turn: (0, 0), turn_ppm: 0 };
}

/// Something that happens; `X` to whoever drives the cluster.
#[derive(Clone)]
pub(super) enum Event<P, X> {
    Frame { from: usize, to: usize, incarnation: Incarnation, pass: P, frame: Encoded },
    Timer { node: usize, life: u64 },
    Turn { node: usize, life: u64 },
    Disk { node: usize, life: u64, queue: DiskQueue },
    Outside(X),
}

/// A frame as its receiver finds it.
#[derive(Clone)]
pub(super) struct Encoded {
    kind: Kind,
    header_len: usize,
    payload: Bytes,
}

/// What a node said to a client.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) node: usize,
    pub(super) life: u64,
    pub(super) ticket: Ticket,
    pub(super) told: Told,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Cluster<M: StateMachine, L: Links, X> {
    pub(super) settings: Settings,
    pub(super) pace: Vec<Pace>,
    /// Clocks run fast or slow by so many millionths at most.
    pub(super) drift_ppm: u32,
    pub(super) links: L,
    pub(super) random: Random,
    pub(super) nodes: Vec<Node<M>>,
    /// What is durable, of each node.
    pub(super) durable: Vec<DurableLog>,
    /// What was, whenever a disk was damaged.
    pub(super) damaged: Vec<Vec<DurableLog>>,
    pub(super) queue: Queue<Event<L::Pass, X>>,
    pub(super) invariants: Invariants,
    /// What was promised to those who asked, by node and ticket, in this life.
    pub(super) promises: Vec<BTreeMap<Ticket, Promise>>,
    pub(super) said: Vec<Said>,
    /// Nodes whose processes ended by themselves.
    pub(super) ended: Vec<usize>,
    pub(super) trace: Trace,
    violation: Option<Violation>,
    /// Operations that disks have run.
    pub(super) operations: Vec<u64>,
    pub(super) events: u64,
}

const TURN: Stream = Stream::named("node.turn");
const TURN_LENGTH: Stream = Stream::named("node.turn.length");

/// Collects what a node wants done.
#[derive(Default)]
struct Outbox {
    messages: Vec<(NodeId, Message)>,
    told: Vec<(Ticket, Told)>,
    /// Who was found to misbehave, and how.
    alarms: Vec<(NodeId, String)>,
}

impl Outlet for Outbox {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        for (to, messages) in messages {
            self.messages.extend(messages.into_iter().map(|message| (to, message)));
        }
    }

    fn tell(&mut self, ticket: Ticket, told: Told) {
        self.told.push((ticket, told));
    }

    fn disconnect(&mut self, peer: NodeId, misdeed: &Misdeed) {
        self.alarms.push((peer, misdeed.to_string()));
    }
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Nodes that are all down.
    pub(super) fn new(settings: Settings, pace: Pace, links: L, random: Random) -> Self {
        let members = &settings.membership.voters;
        let nodes: Vec<_> = members.iter().map(|(id, incarnation)| Node::new(*id, *incarnation)).collect();
        let durable = nodes.iter().filter_map(|node| node.durable(&settings.cluster)).collect();
        let size = nodes.len();
        Cluster {
            pace: vec![pace; size],
            drift_ppm: 0,
            links,
            random,
            durable,
            damaged: vec![Vec::new(); size],
            queue: Queue::new(),
            invariants: Invariants::new(size),
            promises: vec![BTreeMap::new(); size],
            said: Vec::new(),
            ended: Vec::new(),
            trace: Trace::default(),
            violation: None,
            operations: vec![0; size],
            events: 0,
            nodes,
            settings,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.queue.now()
    }

    pub(super) fn plan(&mut self, after: Duration, event: X) {
        self.queue.plan(self.queue.now() + after, Event::Outside(event));
    }

    pub(super) fn plan_at(&mut self, at: Timestamp, event: X) {
        self.queue.plan(at, Event::Outside(event));
    }

    pub(super) fn node(&self, node: usize) -> &Node<M> {
        &self.nodes[node]
    }

    pub(super) fn running(&self, node: usize) -> Option<&Running<M>> {
        self.nodes[node].running()
    }

    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(super) fn committed(&self) -> LogIndex {
        self.invariants.committed()
    }

    /// The first thing that must not be counts.
    pub(super) fn broken(&mut self, rule: &'static str, what: String) {
        let at = self.now();
        self.violation.get_or_insert(Violation { at, rule, what });
    }

    /// Takes the next event; one of the driver's own is handed to it. None: there is no event left.
    pub(super) fn step(&mut self) -> Option<Option<X>> {
        let event = self.queue.take()?;
        self.events += 1;
        match event {
            Event::Outside(event) => return Some(Some(event)),
            Event::Frame { from, to, incarnation, pass, frame } => {
                self.deliver(from, to, incarnation, pass, frame);
            }
            Event::Timer { node, life } => self.timer(node, life),
            Event::Turn { node, life } => self.turn(node, life),
            Event::Disk { node, life, queue } => self.run_disk(node, life, queue),
        }
        Some(None)
    }

    fn deliver(&mut self, from: usize, to: usize, incarnation: Incarnation, pass: L::Pass, frame: Encoded) {
        if self.nodes[to].paused {
            // It waits in the system's buffers, for a while.
            let again = self.now() + Duration::from_millis(10);
            self.queue.plan(again, Event::Frame { from, to, incarnation, pass, frame });
            return;
        }
        if !self.links.lets_in(from, to, &pass) || self.nodes[to].running().is_none() {
            return;
        }
        self.trace.frame(self.queue.now(), from, to, frame.kind, &frame.payload);
        let Encoded { kind, header_len, payload } = frame;
        match wire::decode(kind, header_len, &payload) {
            Ok(message) => {
                self.trace.message(self.queue.now(), from, to, &message);
                self.give(to, |pump, now, outbox| {
                    pump.receive(now, Received { from: id_of(from), incarnation, message }, outbox)
                });
            }
            Err(error) => self.broken("a frame is read as it was written", error.to_string()),
        }
    }

    fn timer(&mut self, node: usize, life: u64) {
        let member = &mut self.nodes[node];
        let (Some(pump), true) = (member.running(), member.life == life) else { return };
        let due = member.clock.when(pump.deadline());
        member.armed = None;
        if due > self.queue.now() || member.paused {
            let soon = self.queue.now() + Duration::from_millis(10);
            let at = if member.paused { due.max(soon) } else { due };
            member.armed = Some(at);
            self.queue.plan(at, Event::Timer { node, life });
            return;
        }
        self.trace.timer(self.queue.now(), node);
        self.give(node, |pump, now, _| pump.pass(now));
    }

    fn turn(&mut self, node: usize, life: u64) {
        if self.nodes[node].life == life && self.nodes[node].turn {
            self.nodes[node].turn = false;
            self.act(node);
        }
    }

    fn run_disk(&mut self, node: usize, life: u64, queue: DiskQueue) {
        let member = &mut self.nodes[node];
        if member.life != life || member.running().is_none() {
            return;
        }
        member.busy[place(queue)] = false;
        let Some(disk) = member.disk_mut() else { return };
        let Some(ran) = disk.run_next(queue) else { return };
        self.durable[node].ran(&ran, disk);
        self.trace.disk(self.queue.now(), node, &ran);
        if member.paused {
            self.plan_disk(node);
        } else {
            self.give(node, |pump, now, _| pump.pass(now));
        }
    }

    /// Somebody asks a node that is up; the answer will be in [`Cluster::said`] under its life and the ticket.
    pub(super) fn ask(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let asked = self.hand_ask(node, ask);
        self.act_soon(node);
        asked
    }

    /// The same, but the node acts when all that happens at this moment has happened: it takes together what
    /// is asked together.
    pub(super) fn ask_together(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let asked = self.hand_ask(node, ask);
        let member = &mut self.nodes[node];
        if asked.is_some() && !member.turn {
            member.turn = true;
            self.queue.plan(self.queue.now(), Event::Turn { node, life: member.life });
        }
        asked
    }

    fn hand_ask(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let (life, promise) = (self.nodes[node].life, self.invariants.asked(&ask));
        let mut ticket = None;
        self.hand(node, |pump, now, _| {
            ticket = Some(pump.ask(now, ask)?);
            Ok(())
        });
        self.promises[node].insert(ticket?, promise);
        Some((life, ticket?))
    }

    /// Gives a node something, and lets it act on it, now or together with what follows.
    fn give(
        &mut self,
        node: usize,
        input: impl FnOnce(&mut Running<M>, Timestamp, &mut Outbox) -> Result<(), StopCause>,
    ) {
        self.hand(node, input);
        self.act_soon(node);
    }

    fn hand(
        &mut self,
        node: usize,
        input: impl FnOnce(&mut Running<M>, Timestamp, &mut Outbox) -> Result<(), StopCause>,
    ) {
        let now = self.nodes[node].clock.read(self.queue.now());
        let State::Up(pump) = &mut self.nodes[node].state else { return };
        let mut outbox = Outbox::default();
        let given = input(pump, now, &mut outbox);
        self.carry_out(node, outbox, given);
    }

    fn act_soon(&mut self, node: usize) {
        if self.nodes[node].turn || self.running(node).is_none() {
            return;
        }
        let Pace { turn, turn_ppm, .. } = self.pace[node];
        if self.random.chance(TURN, node as u64, self.events, turn_ppm) {
            let wait = self.random.between(TURN_LENGTH, node as u64, self.events, turn);
            let life = self.nodes[node].life;
            self.nodes[node].turn = true;
            self.queue.plan(self.queue.now() + Duration::from_nanos(wait), Event::Turn { node, life });
        } else {
            self.act(node);
        }
    }

    fn act(&mut self, node: usize) {
        let now = self.nodes[node].clock.read(self.queue.now());
        let State::Up(pump) = &mut self.nodes[node].state else { return };
        let mut outbox = Outbox::default();
        let acted = pump.act(|| now, &mut outbox);
        self.carry_out(node, outbox, acted);
        self.arm(node);
        self.plan_disk(node);
    }

    fn carry_out(&mut self, node: usize, outbox: Outbox, result: Result<(), StopCause>) {
        let Outbox { messages, told, alarms } = outbox;
        let now = self.now();
        if let Some(pump) = self.nodes[node].running() {
            self.trace.state(now, node, pump.server().raft());
        }
        let checked = self.check(node, &messages);
        if let Err((rule, what)) = checked {
            self.broken(rule, what);
        }
        for (peer, misdeed) in alarms {
            self.broken("correct nodes do nothing wrong", format!("node {node} says of {peer}: {misdeed}"));
        }
        for (to, message) in messages {
            self.send(node, seat_of(to), &message);
        }
        for (ticket, told) in told {
            self.tell(node, ticket, told);
        }
        if let Err(cause) = result {
            self.stop(node, &cause);
        }
    }

    /// A node's account of itself, for people.
    pub(super) fn describe(&self, node: usize) -> String {
        let Some(pump) = self.running(node) else { return format!("{node} is down") };
        let raft = pump.server().raft();
        format!(
            "{node}: {:?} of term {}, leader {:?}, log to {}, commit {}, repair {:?}, room {:?}",
            raft.role(),
            raft.term(),
            raft.leader(),
            raft.last_log(),
            raft.commit_index(),
            raft.repair(),
            raft.room()
        )
    }

    fn check(&mut self, node: usize, messages: &[(NodeId, Message)]) -> Result<(), (&'static str, String)> {
        let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node) else { return Ok(()) };
        self.invariants.stepped(&view)?;
        for (to, message) in messages {
            self.invariants.leaves(&view, seat_of(*to), message)?;
        }
        Ok(())
    }

    fn send(&mut self, from: usize, to: usize, message: &Message) {
        let frame = wire::encode(message);
        let whole = Bytes::from(frame.to_vec());
        let prefix = whole.first_chunk::<PREFIX>().map(Prefix::parse);
        let Some(Ok(Prefix { kind, header_len, .. })) = prefix else {
            return self.broken("a frame is read as it was written", format!("{prefix:?} of {message:?}"));
        };
        let encoded = Encoded { kind, header_len, payload: whole.slice(PREFIX..) };
        self.links.leaves(from, to, message, (kind, whole.len()));
        let (now, incarnation) = (self.now(), self.nodes[from].incarnation);
        let copies = self.links.send(now, from, to, kind);
        self.trace.sent(now, from, to, message, copies.first().map(|(delay, _)| *delay));
        for (delay, pass) in copies {
            let frame = encoded.clone();
            self.queue.plan(now + delay, Event::Frame { from, to, incarnation, pass, frame });
        }
    }

    fn tell(&mut self, node: usize, ticket: Ticket, told: Told) {
        let life = self.nodes[node].life;
        if let Told::Reply(reply) = &told
            && let Some(promise) = self.promises[node].remove(&ticket)
            && let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node)
            && let Err((rule, what)) = self.invariants.told(&view, promise, reply)
        {
            self.broken(rule, what);
        }
        self.said.push(Said { node, life, ticket, told });
    }
}

/// A node as the invariants see it.
pub(super) fn view<'a, M: StateMachine>(
    nodes: &'a [Node<M>],
    durable: &'a [DurableLog],
    damaged: &'a [Vec<DurableLog>],
    node: usize,
) -> Option<View<'a>> {
    let server = nodes[node].running()?.server();
    Some(View { node, raft: server.raft(), applied: server.last_applied(), durable, damaged })
}
