//! What one node does with one thing, worked out once: what it does next depends on nothing but itself, and the same
//! node meets the same message in a great many states of its cluster.
//!
//! Names mean nothing to a node but who is who. So every node is worked out as the first of its cluster, and speaks of
//! the others by how far behind it they stand in the ring. What node 1 hears from node 2 is then what node 0 hears
//! from node 1, and a cluster whose ring is turned is the same cluster. For a ring that is read backwards each state
//! of a node has a mirror image: the state that it would be in had its two peers changed places from the beginning.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use bytes::Bytes;
use raft::LogIndex;
use raft::consensus::io::{RoleName, Ticket};
use raft::marks::{self, Counts};
use raft::pump::Ask;
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::Queue as DiskQueue;

use super::AsItIs;
use super::scopes::Scope;
use super::setting::{Applied, Nodes, nodes};
use crate::sim::cluster::Cluster;
use crate::sim::cluster::Encoded;
use crate::sim::cluster::choosing::Digest;
use crate::sim::cluster::deeds::Deed;
use crate::sim::cluster::node::Node;
use crate::sim::invariants::{Dealings, Seen, Violation};

/// What a node may be given. Frames come from one so far behind it in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Frame { from: usize, content: u32 },
    Start,
    Wake,
    Propose,
    Read,
    Kill,
    LosePower,
    Disk,
    DiskAside,
}

/// A node in one of its states, as the first of its cluster.
pub(super) struct Local {
    node: Node<Applied>,
    /// What the rules remember of it.
    dealings: Dealings,
    pub(super) durable: Arc<DurableLog>,
    pub(super) seen: Seen,
    pub(super) facts: Facts,
    pub(super) mirror: u32,
}

/// What scopes ask about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// None while it is down.
    pub(super) role: Option<RoleName>,
    pub(super) term: u64,
    pub(super) commit: LogIndex,
    /// It committed something in the term in which it is.
    pub(super) commits: bool,
    pub(super) snapshot: bool,
    pub(super) life: u64,
    /// Its disk has something to do, in the log's queue and in the other.
    pub(super) disk: [bool; 2],
}

impl Facts {
    pub(super) fn leads(&self) -> bool {
        self.role == Some(RoleName::Leader)
    }
}

/// What a node did with something.
pub(super) struct Outcome {
    pub(super) to: u32,
    /// How far behind it in the ring the receiver stands, and what it gets.
    pub(super) sent: Vec<(usize, u32)>,
    pub(super) deeds: Vec<Deed>,
    /// Under what a client waits.
    pub(super) ticket: Option<Ticket>,
    /// Which of the scope's marks it reached, by bit.
    pub(super) marks: u8,
    /// What shows without a look at others.
    pub(super) violation: Option<Violation>,
}

/// See the module.
pub(super) struct Steps {
    /// The node that is worked out is the first.
    cluster: Nodes,
    scope: Scope,
    /// Places of its marks.
    marks: Vec<usize>,
    pub(super) locals: Vec<Local>,
    local_of: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    pub(super) contents: Vec<Encoded>,
    content_of: HashMap<Encoded, u32, BuildHasherDefault<Digest>>,
    pub(super) outcomes: Vec<Outcome>,
    known: HashMap<(u32, Input), u32, BuildHasherDefault<Digest>>,
    /// States whose mirror image depends on how they were reached: names do mean something.
    pub(super) odd: u64,
    /// Deeds that show nothing are kept, too.
    pub(super) keeps_all: bool,
}

const UNKNOWN: u32 = u32::MAX;

impl Steps {
    /// Knows one state: a node that was never started.
    pub(super) fn new(scope: &Scope) -> Steps {
        let mut steps = Steps {
            cluster: nodes(scope),
            scope: *scope,
            marks: scope.marks.iter().filter_map(|name| place(name)).collect(),
            locals: Vec::new(),
            local_of: HashMap::default(),
            contents: Vec::new(),
            content_of: HashMap::default(),
            outcomes: Vec::new(),
            known: HashMap::default(),
            odd: 0,
            keeps_all: false,
        };
        steps.cluster.deeds = Some(Vec::new());
        let fresh = steps.intern(Seen::default());
        steps.locals[fresh as usize].mirror = fresh;
        steps
    }

    pub(super) fn local(&self, local: u32) -> &Local {
        &self.locals[local as usize]
    }

    /// What a node in this state does with this: the number of the outcome.
    pub(super) fn step(&mut self, local: u32, input: Input) -> u32 {
        if let Some(known) = self.known.get(&(local, input)) {
            return *known;
        }
        let outcome = self.work_out(local, input);
        let to = self.outcomes[outcome as usize].to;
        let (from, mirrored) = (self.local(local).mirror, mirrored(input, self.cluster.nodes.len()));
        let known = self.known.get(&(from, mirrored)).copied();
        let image = known.unwrap_or_else(|| self.work_out(from, mirrored));
        let image = self.outcomes[image as usize].to;
        for (state, mirror) in [(to, image), (image, to)] {
            let there = &mut self.locals[state as usize].mirror;
            if *there == UNKNOWN {
                *there = mirror;
            }
            self.odd += u64::from(*there != mirror);
        }
        outcome
    }

    fn work_out(&mut self, local: u32, input: Input) -> u32 {
        let Local { node, dealings, durable, seen, .. } = &self.locals[local as usize];
        let mut seen = *seen;
        let cluster = &mut self.cluster;
        (cluster.nodes[0], cluster.durable[0]) = (node.clone(), Arc::clone(durable));
        cluster.invariants.dealings = dealings.clone();
        marks::forget();
        let ticket = match input {
            Input::Frame { from, content } => {
                let frame = self.contents[content as usize].clone();
                cluster.arrive_from_outside(from, 0, frame);
                None
            }
            own => give(cluster, &self.scope, 0, own),
        };
        cluster.settle(0, self.scope.disks.at_once());
        let marks = bits(&self.marks, &marks::counts());
        cluster.promises[0].clear();
        cluster.said.clear();
        cluster.ended.clear();
        let violation = cluster.take_violation();
        let deeds = cluster.deeds.replace(Vec::new()).unwrap_or_default();
        let frames = cluster.take_frames();
        let sent = frames.into_iter().map(|(to, frame)| (to, self.content(frame))).collect();
        let deeds =
            { deeds }.into_iter().filter(|deed| shows_something(deed, &mut seen) || self.keeps_all).collect();
        let to = self.intern(seen);
        let outcome = u32::try_from(self.outcomes.len()).unwrap_or(UNKNOWN);
        self.outcomes.push(Outcome { to, sent, deeds, ticket, marks, violation });
        self.known.insert((local, input), outcome);
        outcome
    }

    fn content(&mut self, frame: Encoded) -> u32 {
        let next = u32::try_from(self.contents.len()).unwrap_or(UNKNOWN);
        let contents = &mut self.contents;
        *self.content_of.entry(frame).or_insert_with_key(|frame| {
            contents.push(frame.clone());
            next
        })
    }

    /// The number of the state that the first node of the cluster is in.
    fn intern(&mut self, seen: Seen) -> u32 {
        let Cluster { nodes, durable, invariants, .. } = &mut self.cluster;
        let (node, durable) = (&nodes[0], &durable[0]);
        if node.running().is_none() {
            // It begins with nothing.
            invariants.dealings = Dealings::new(nodes.len());
        } else if node.disk().is_some_and(|disk| disk.pending(DiskQueue::Log) == 0) {
            // Only the disk keeps answers back.
            invariants.dealings.answered(0);
        }
        let mut digest = Digest::default();
        (node, durable, seen, &invariants.dealings).hash(&mut digest);
        let next = u32::try_from(self.locals.len()).unwrap_or(UNKNOWN);
        let number = *self.local_of.entry(digest.0).or_insert(next);
        if number == next {
            let (node, durable, dealings) = (node.clone(), Arc::clone(durable), invariants.dealings.clone());
            let facts = facts(&self.cluster);
            self.locals.push(Local { node, dealings, durable, seen, facts, mirror: UNKNOWN });
        }
        number
    }
}

/// Gives a node what does not come from another; under which ticket a client then waits.
pub(super) fn give(cluster: &mut Nodes, scope: &Scope, node: usize, input: Input) -> Option<Ticket> {
    match input {
        // Whether it should have started is in the violation.
        Input::Start => drop(cluster.start(node, Applied::default())),
        Input::Wake => cluster.wake(node, scope.late),
        Input::Propose => {
            let command = Bytes::from_static(b"command");
            return cluster.ask(node, Ask::Propose { tag: None, command }).map(|(_, ticket)| ticket);
        }
        Input::Read => {
            return cluster.ask(node, Ask::Read { query: Bytes::new() }).map(|(_, ticket)| ticket);
        }
        Input::Kill => cluster.kill(node),
        Input::LosePower => cluster.lose_all_unsynced(node),
        Input::Disk => cluster.let_disk(node, DiskQueue::Log),
        Input::DiskAside => cluster.let_disk(node, DiskQueue::Aside),
        Input::Frame { .. } => {}
    }
    None
}

/// Where a mark stands among all.
pub(super) fn place(mark: &str) -> Option<usize> {
    marks::ALL.iter().position(|other| other.name == mark)
}

/// Which of these were reached.
fn bits(places: &[usize], counts: &Counts) -> u8 {
    places.iter().enumerate().fold(0, |bits, (bit, place)| bits | u8::from(counts[*place] > 0) << bit)
}

/// Whether a deed says more than the one before it.
fn shows_something(deed: &Deed, seen: &mut Seen) -> bool {
    match deed {
        Deed::Begun(stood) => *seen = stood.born(),
        Deed::Acted { stood, messages, beliefs } => {
            let now = stood.seen();
            return std::mem::replace(seen, now) != now || !messages.is_empty() || !beliefs.is_empty();
        }
        Deed::Told { .. } => {}
    }
    true
}

fn facts(cluster: &Nodes) -> Facts {
    let raft = cluster.running(0).map(|pump| pump.server().raft());
    Facts {
        role: raft.map(raft::consensus::Raft::role),
        term: raft.map_or(0, |raft| raft.term().0),
        commit: raft.map(raft::consensus::Raft::commit_index).unwrap_or_default(),
        commits: raft.is_some_and(|raft| raft.log().term_at(raft.commit_index()) == Some(raft.term())),
        snapshot: raft.is_some_and(|raft| raft.snapshot().is_some()),
        life: cluster.node(0).life,
        disk: [DiskQueue::Log, DiskQueue::Aside].map(|queue| cluster.disk_waits(0, queue)),
    }
}

/// The same in a ring of so many that is read backwards.
fn mirrored(input: Input, size: usize) -> Input {
    match input {
        Input::Frame { from, content } => Input::Frame { from: size - from, content },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scopes::SCOPES;
    use super::super::state::{Kept, Next, Parts};
    use super::*;

    /// All that a node says of itself but its generator, which decides nothing here.
    fn account(node: &Node<Applied>, durable: &DurableLog) -> String {
        let server = node.running().map(|pump| format!("{:?}", pump.server())).unwrap_or_default();
        let (before, rest) = server.split_once("rng: Rng(").unwrap_or((&server, ")"));
        let (_, after) = rest.split_once(')').unwrap();
        format!("{} {before}{after} {durable:?}", node.life)
    }

    #[test]
    fn states_of_a_node_with_one_digest_say_the_same_of_themselves() {
        for scope in SCOPES {
            let mut parts = Parts::new(scope, scope.bounds, true);
            let Next::State(start, _) = parts.start() else { panic!() };
            let (mut waiting, mut choices) = (vec![start], Vec::new());
            for _ in 0..3000 {
                let Some(state) = waiting.pop() else { break };
                parts.choices(&state, &mut choices);
                for choice in &choices {
                    if let Next::State(next, _) = parts.take(&state, *choice, Kept::default()) {
                        waiting.push(next);
                    }
                }
            }
            let steps = &mut parts.steps;
            for (local, input) in steps.known.keys().copied().collect::<Vec<_>>() {
                let to = steps.outcomes[steps.known[&(local, input)] as usize].to;
                steps.work_out(local, input);
                let Local { node, durable, .. } = &steps.locals[to as usize];
                let again = account(&steps.cluster.nodes[0], &steps.cluster.durable[0]);
                assert_eq!(account(node, durable), again, "{}: {input:?}", scope.name);
            }
        }
    }
}
