//! A cluster, its clients and what goes wrong, from the first event to the verdict.
//!
//! First safety: faults come and go while clients work. Then liveness: a quorum is healed, the rest stays broken
//! for good, and there must be a leader and a commit in time; the clients end what they began and read back.

use std::collections::BTreeMap;
use std::time::Duration;

use raft::{ClusterId, Incarnation, LogIndex, Membership, Timestamp};

use crate::carrier::id_of;
use crate::sim::clients::client::{Client, ClientEvent};
use crate::sim::clients::workload::{Summary, Workload};
use crate::sim::cluster::Cluster;
use crate::sim::cluster::connections::{Connections, ToNode};
use crate::sim::cluster::links::Net;
use crate::sim::cluster::node::Settings;
use crate::sim::invariants::Violation;
use crate::sim::plan::swarm::Plan;
use crate::sim::random::Random;

/// What the world plans for itself.
#[derive(Clone)]
pub(super) enum Own {
    /// An episode of the plan begins.
    Begin(usize),
    /// It ends.
    End(usize),
    /// A node that is down is started, if it is still this life's death.
    Start { node: usize, life: u64 },
    /// Something reaches a client.
    Client { client: usize, connection: Option<(usize, u64)>, event: ClientEvent },
    /// A client wants to be woken.
    Wake { client: usize },
    /// A request reaches a node.
    Node(ToNode),
    /// Looks after a healed cluster.
    Probe,
    /// By now it has a leader and has committed.
    Live,
    /// By now all clients have ended.
    Over,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Faults,
    Healed { committed: LogIndex },
    Ended,
}

pub(super) type Nodes<W> = Cluster<<W as Workload>::Machine, Net, Own>;

/// See the module.
#[derive(Clone)]
pub struct World<W: Workload> {
    pub(super) workload: W,
    pub(super) plan: Plan,
    pub(super) cluster: Nodes<W>,
    pub(super) clients: Vec<W::Client>,
    pub(super) woken: Vec<Option<Timestamp>>,
    pub(super) record: W::Record,
    pub(super) connections: Connections,
    pub(super) phase: Phase,
    /// Nodes that take part in the second phase.
    pub(super) quorum: Vec<bool>,
    /// What each episode that is in force did, to be undone.
    pub(super) undo: BTreeMap<usize, crate::sim::cluster::nemesis::Undo>,
    /// Episodes that began, by kind.
    pub(super) landed: BTreeMap<&'static str, u64>,
    pub(super) random: Random,
    /// Nodes that will never start again: their disks were replaced, or what they held is damaged.
    pub(super) gone: Vec<bool>,
    /// Nodes that damage kept from starting for good.
    pub(super) refused: u64,
    /// When all was done and quiet, on a healed cluster.
    pub(super) rested: Option<Timestamp>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What must not be, if there was something.
    pub violation: Option<Violation>,
    /// What the clients were told.
    pub summary: Summary,
    /// Events that happened.
    pub events: u64,
    /// The time that passed.
    pub time: Duration,
    /// Two runs of one plan must have the same.
    pub hash: u64,
    /// Episodes that began, by kind.
    pub landed: BTreeMap<&'static str, u64>,
    /// Nodes that damage kept from starting for good.
    pub refused: u64,
    /// Frames that suffered something.
    pub disturbed: crate::sim::cluster::links::Disturbed,
    /// Situations that arose on this thread since the newest world on it was made.
    pub marks: raft::marks::Counts,
}

/// A second phase takes no more events than this: nodes that answer each other without end may need no time.
const REST: u64 = 3_000_000;

impl<W: Workload> World<W> {
    /// The world before the first event.
    #[must_use]
    pub fn new(plan: Plan, workload: W) -> World<W> {
        raft::marks::forget();
        let random = Random::new(plan.seed);
        let voters = (0..plan.nodes).map(|node| (id_of(node), Incarnation(1 + node as u128)));
        let settings = Settings {
            // A name that is valid.
            cluster: ClusterId::new("sim").unwrap_or_else(|_| unreachable!()),
            config: plan.limits.config(),
            segment_bytes: plan.limits.segment_bytes,
            replies: plan.limits.replies(),
            membership: Membership { voters: voters.collect() },
        };
        let net = Net::new(random, plan.nodes, plan.weather);
        let mut cluster = Cluster::new(settings, plan.pace, net, random);
        cluster.drift_ppm = plan.drift_ppm;
        cluster.scrub_every = plan.scrub_every.map(Duration::from_nanos);
        let clients = (0..plan.clients).map(|client| workload.client(client, plan.nodes, random)).collect();
        let mut world = World {
            connections: Connections::new(random, plan.late_requests_ppm),
            woken: vec![None; plan.clients],
            record: W::Record::default(),
            phase: Phase::Faults,
            quorum: vec![true; plan.nodes],
            undo: BTreeMap::new(),
            landed: BTreeMap::new(),
            gone: vec![false; plan.nodes],
            refused: 0,
            rested: None,
            workload,
            clients,
            cluster,
            random,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for node in 0..self.plan.nodes {
            self.start(node);
        }
        for (number, episode) in self.plan.episodes.iter().enumerate() {
            self.cluster.plan_at(Timestamp::from_nanos(episode.at), Own::Begin(number));
        }
        for client in 0..self.clients.len() {
            self.cluster.plan_at(Timestamp::from_millis(client as u64), Own::Wake { client });
        }
    }

    /// Keeps lines of what happens, for people.
    pub fn keep_lines(&mut self) {
        self.cluster.trace.keep_lines();
    }

    /// What was kept.
    #[must_use]
    pub fn lines(&self) -> &[crate::sim::report::trace::Line] {
        self.cluster.trace.lines()
    }

    /// Runs to the end, or to the first thing that must not be.
    pub fn run(&mut self) -> Outcome {
        self.run_within(self.plan.events + REST)
    }

    /// The same, and more events than this are something that must not be.
    pub fn run_within(&mut self, events: u64) -> Outcome {
        while self.phase != Phase::Ended && self.cluster.violation().is_none() {
            if self.cluster.events >= events {
                let text = format!("it has not after {events} events");
                self.cluster.broken("a run ends", text);
            } else if !self.step() {
                break;
            }
        }
        let summary = match self.workload.judge(&self.record) {
            Ok(summary) => summary,
            Err(what) => {
                self.cluster.broken("the clients' history is explained", what);
                Summary::default()
            }
        };
        Outcome { summary, ..self.outcome() }
    }

    /// How it stands, but for what the clients were told.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            violation: self.cluster.violation().cloned(),
            summary: Summary::default(),
            events: self.cluster.events,
            time: self.cluster.now() - Timestamp::default(),
            hash: self.cluster.trace.hash(),
            landed: self.landed.clone(),
            refused: self.refused,
            disturbed: self.cluster.links.disturbed,
            marks: raft::marks::counts(),
        }
    }

    /// Takes the next event. False: there is none.
    pub fn step(&mut self) -> bool {
        if self.phase == Phase::Faults && self.cluster.events >= self.plan.events {
            self.heal();
        }
        let Some(event) = self.cluster.step() else { return false };
        if let Some(own) = event {
            self.take(own);
        }
        self.pass_on();
        true
    }

    fn take(&mut self, own: Own) {
        match own {
            Own::Begin(number) => self.begin_episode(number),
            Own::End(number) => self.end_episode(number),
            Own::Start { node, life } => {
                if self.cluster.node(node).life == life {
                    self.start(node);
                }
            }
            Own::Client { client, connection, event } => {
                if self.connections.is_current(client, connection) {
                    self.step_client(client, event);
                }
            }
            Own::Wake { client } => {
                if self.woken[client].take_if(|at| *at <= self.cluster.now()).is_some()
                    || self.woken[client].is_none()
                {
                    self.step_client(client, ClientEvent::Tick);
                }
            }
            Own::Node(request) => self.ask(request),
            Own::Probe => self.probe(),
            Own::Live => self.check_live(),
            Own::Over => self.check_over(),
        }
    }

    /// Hands on what nodes said, and sees to those that ended.
    fn pass_on(&mut self) {
        for said in std::mem::take(&mut self.cluster.said) {
            self.answer(said);
        }
        for (number, node) in std::mem::take(&mut self.cluster.triggered) {
            self.trigger(number, node);
        }
        for number in std::mem::take(&mut self.cluster.landed) {
            let kind = self.plan.episodes.get(number).map(|episode| episode.fault.kind());
            *self.landed.entry(kind.unwrap_or_default()).or_default() += 1;
        }
        for node in std::mem::take(&mut self.cluster.ended) {
            self.node_died(node, Duration::from_millis(100));
        }
    }

    /// The node is down: its connections end, and it comes back after a while, but not to a cluster that was
    /// healed without it.
    pub(super) fn node_died(&mut self, node: usize, down: Duration) {
        self.hang_up(node);
        let life = self.cluster.node(node).life;
        if self.quorum[node] && !self.gone[node] {
            self.cluster.plan(down, Own::Start { node, life });
        }
    }

    pub(super) fn start(&mut self, node: usize) {
        if self.gone[node] {
            return;
        }
        if let Err(error) = self.cluster.start(node, self.workload.machine()) {
            self.refused(node, &error);
            // What a full or failing disk keeps from starting tries again, as a supervisor would have it.
            self.cluster.trace.note(self.cluster.now(), Some(node), || format!("does not start: {error}"));
            let life = self.cluster.node(node).life;
            self.cluster.plan(Duration::from_millis(500), Own::Start { node, life });
        }
    }

    pub(super) fn step_client(&mut self, client: usize, event: ClientEvent) {
        let now = self.cluster.now();
        self.clients[client].step(now, event, &mut self.record);
        if let Err(what) = self.workload.check(&self.record) {
            self.cluster.broken("what clients are told", what);
        }
        while let Some(action) = self.clients[client].poll() {
            self.carry_out(client, action);
        }
        if let Some(at) = self.clients[client].deadline()
            && self.woken[client].is_none_or(|woken| at < woken)
        {
            self.woken[client] = Some(at);
            self.cluster.plan_at(at, Own::Wake { client });
        }
    }
}
