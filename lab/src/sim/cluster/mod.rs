//! Nodes, their disks and their links on virtual time: one event after the other, and after each the
//! invariants. Who drives it plans events of its own in the same queue.
//!
//! | file | what |
//! |---|---|
//! | `happening` | one event after the other |
//! | `acting` | what a node is given, and what leaves it |
//! | `node` | one node: its disk, and its lives |
//! | `clock` | its clock |
//! | `lent` | its disk, while a log is opened on it |
//! | `damage` | disks that lose what was durable, or lie |
//! | `foreign` | files that are not the node's own |
//! | `ambush` | what meets a node when its disk comes to it |
//! | `excuse` | why a node need not start, or go on |
//! | `lifecycle` | how lives begin and end |
//! | `pausing` | processes that are stopped for a while |
//! | `waking` | when a node is woken, and when its disk is done |
//! | [`links`] | what becomes of a frame |
//! | `connections` | between clients and nodes |
//! | `nemesis` | carries out what goes wrong |
//! | `queue` | what is to come |
//! | `choosing` | the same cluster, whose next event is picked |
//! | `deeds` | what a node did, for whoever judges it elsewhere |

mod acting;
pub(in crate::sim) mod ambush;
pub(in crate::sim) mod choosing;
mod clock;
pub(in crate::sim) mod connections;
pub(in crate::sim) mod damage;
pub(in crate::sim) mod deeds;
#[cfg(test)]
mod disk_tests;
pub(in crate::sim) mod excuse;
mod foreign;
mod happening;
mod lent;
mod lifecycle;
pub mod links;
pub(in crate::sim) mod nemesis;
pub(in crate::sim) mod node;
mod pausing;
mod queue;
#[cfg(test)]
mod testing;
mod waking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::{RoleName, Ticket};
use raft::pump::Told;
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::Queue as DiskQueue;
use raft::wire::Kind;
use raft::{Incarnation, LogIndex, StateMachine, Timestamp};
use serde::{Deserialize, Serialize};

use self::ambush::Trap;
use self::damage::{Blemish, Tampering};
use self::deeds::Deed;
use self::foreign::Foreign;
use self::links::Links;
use self::node::{Node, Running, Settings};
use self::queue::Queue;
use crate::sim::invariants::{Damages, Invariants, Promise, View, Violation};
use crate::sim::random::Random;
use crate::sim::report::trace::Trace;

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
    /// The same, each time.
    pub const EVEN: Pace = Pace { log: (150_000, 150_000), aside: (100_000, 100_000), ..Pace::STEADY };
}

/// Something that happens; `X` to whoever drives the cluster.
#[derive(Clone)]
pub(in crate::sim) enum Event<P, X> {
    Frame { from: usize, to: usize, incarnation: Incarnation, pass: P, frame: Encoded },
    Timer { node: usize, life: u64 },
    Turn { node: usize, life: u64 },
    Disk { node: usize, life: u64, queue: DiskQueue },
    Outside(X),
}

/// A frame as its receiver finds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::sim) struct Encoded {
    pub(in crate::sim) kind: Kind,
    pub(in crate::sim) header_len: usize,
    pub(in crate::sim) payload: Bytes,
}

/// What a node said to a client.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Said {
    pub(in crate::sim) node: usize,
    pub(in crate::sim) life: u64,
    pub(in crate::sim) ticket: Ticket,
    pub(in crate::sim) told: Told,
}

/// See the module.
#[derive(Clone)]
pub(in crate::sim) struct Cluster<M: StateMachine, L: Links, X> {
    pub(in crate::sim) settings: Settings,
    pub(in crate::sim) pace: Vec<Pace>,
    /// Clocks run fast or slow by so many millionths at most.
    pub(in crate::sim) drift_ppm: u32,
    pub(in crate::sim) links: L,
    pub(in crate::sim) random: Random,
    pub(in crate::sim) nodes: Vec<Node<M>>,
    /// What is durable, of each node.
    pub(in crate::sim) durable: Vec<Arc<DurableLog>>,
    /// What nodes did, where somebody else judges it.
    pub(in crate::sim) deeds: Option<Vec<Deed>>,
    pub(in crate::sim) damaged: Vec<Damages>,
    pub(in crate::sim) blemishes: Vec<Blemish>,
    /// What is done to a write of each node.
    pub(in crate::sim) tamperings: Vec<Option<Tampering>>,
    /// What stands among each node's files and is not its own.
    pub(in crate::sim) foreign: Vec<Option<Foreign>>,
    /// What waits for each node.
    pub(in crate::sim) traps: Vec<Option<Trap>>,
    /// Ambushes that have met their nodes: episode and node.
    pub(in crate::sim) triggered: Vec<(usize, usize)>,
    /// Episodes that were to wait for something, and have come to it.
    pub(in crate::sim) landed: Vec<usize>,
    /// How often a node reads a part of what it wrote again; none: as it does by itself.
    pub(in crate::sim) scrub_every: Option<Duration>,
    pub(in crate::sim) queue: Queue<Event<L::Pass, X>>,
    /// What has come to each node while it was paused.
    put_off: Vec<Vec<Event<L::Pass, X>>>,
    pub(in crate::sim) invariants: Invariants,
    /// What was promised to those who asked, by node and ticket, in this life.
    pub(in crate::sim) promises: Vec<BTreeMap<Ticket, Promise>>,
    pub(in crate::sim) said: Vec<Said>,
    /// Nodes whose processes ended by themselves.
    pub(in crate::sim) ended: Vec<usize>,
    pub(in crate::sim) trace: Trace,
    violation: Option<Violation>,
    /// Operations that disks have run.
    pub(in crate::sim) operations: Vec<u64>,
    /// Inputs that nodes were given.
    pub(in crate::sim) inputs: Vec<u64>,
    pub(in crate::sim) events: u64,
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Nodes that are all down.
    pub(in crate::sim) fn new(settings: Settings, pace: Pace, links: L, random: Random) -> Self {
        let members = &settings.membership.voters;
        let nodes: Vec<_> = members.iter().map(|(id, incarnation)| Node::new(*id, *incarnation)).collect();
        let durable = nodes.iter().filter_map(|node| node.durable(&settings.cluster)).map(Arc::new).collect();
        let size = nodes.len();
        Cluster {
            pace: vec![pace; size],
            drift_ppm: 0,
            links,
            random,
            durable,
            deeds: None,
            damaged: vec![Damages::default(); size],
            blemishes: Vec::new(),
            tamperings: vec![None; size],
            foreign: vec![None; size],
            traps: vec![None; size],
            triggered: Vec::new(),
            landed: Vec::new(),
            scrub_every: None,
            queue: Queue::new(),
            put_off: nodes.iter().map(|_| Vec::new()).collect(),
            invariants: Invariants::new(size),
            promises: vec![BTreeMap::new(); size],
            said: Vec::new(),
            ended: Vec::new(),
            trace: Trace::default(),
            violation: None,
            operations: vec![0; size],
            inputs: vec![0; size],
            events: 0,
            nodes,
            settings,
        }
    }

    pub(in crate::sim) fn now(&self) -> Timestamp {
        self.queue.now()
    }

    pub(in crate::sim) fn plan(&mut self, after: Duration, event: X) {
        self.queue.plan(self.queue.now() + after, Event::Outside(event));
    }

    pub(in crate::sim) fn plan_at(&mut self, at: Timestamp, event: X) {
        self.queue.plan(at, Event::Outside(event));
    }

    pub(in crate::sim) fn node(&self, node: usize) -> &Node<M> {
        &self.nodes[node]
    }

    pub(in crate::sim) fn running(&self, node: usize) -> Option<&Running<M>> {
        self.nodes[node].running()
    }

    /// Of some nodes, the one that leads the newest term.
    pub(in crate::sim) fn newest_leader(&self, among: impl Iterator<Item = usize>) -> Option<usize> {
        let leaders = among.filter_map(|node| {
            let raft = self.running(node)?.server().raft();
            (raft.role() == RoleName::Leader).then_some((raft.term(), node))
        });
        leaders.max().map(|(_, node)| node)
    }

    pub(in crate::sim) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(in crate::sim) fn committed(&self) -> LogIndex {
        self.invariants.committed()
    }

    /// The first thing that must not be counts.
    pub(in crate::sim) fn broken(&mut self, rule: &'static str, what: String) {
        let at = self.now();
        self.violation.get_or_insert(Violation { at, rule, what });
    }
}

/// A node as the invariants see it.
pub(in crate::sim) fn view<'a, M: StateMachine>(
    nodes: &'a [Node<M>],
    durable: &'a [Arc<DurableLog>],
    damaged: &'a [Damages],
    node: usize,
) -> Option<View<'a>> {
    let server = nodes[node].running()?.server();
    let (raft, sessions, applied) = (server.raft(), server.sessions(), server.last_applied());
    Some(View { node, raft, sessions: Some(sessions), applied, durable, damaged })
}
