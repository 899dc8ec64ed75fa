//! One state of a scope, and what may happen in it.

use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::RoleName;
use raft::pump::{Ask, Told};
use raft::server::Reply;
use raft::wire::Kind;
use raft::{ClusterId, Config, Incarnation, LogIndex, Membership, StateMachine, Term, Timestamp};

use super::scopes::{Bounds, Scope};
use crate::carrier::id_of;
use crate::sim::cluster::choosing::{Digest, Pending};
use crate::sim::cluster::links::Links;
use crate::sim::cluster::node::Settings;
use crate::sim::cluster::{Cluster, Pace};
use crate::sim::random::Random;

/// Something that happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Happen(Pending),
    Lose(Pending),
    Wake(usize),
    Propose(usize),
    Read(usize),
    /// The process is killed, or the machine loses power and all that was not synced.
    Crash {
        node: usize,
        power: bool,
    },
    Start(usize),
}

/// Every frame is on its way for as long as it likes, unless its link is cut for good.
#[derive(Clone, Debug)]
struct AnyOrder {
    cut: &'static [(usize, usize)],
}

impl Links for AnyOrder {
    type Pass = ();

    fn send(&mut self, _: Timestamp, from: usize, to: usize, _: Kind) -> Vec<(Duration, ())> {
        if self.cut.contains(&(from, to)) { Vec::new() } else { vec![(Duration::ZERO, ())] }
    }

    fn lets_in(&self, _: usize, _: usize, (): &()) -> bool {
        true
    }
}

/// Remembers what it applied, as one number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Applied(u64);

impl StateMachine for Applied {
    type Snapshot = Bytes;

    fn apply(&mut self, index: LogIndex, _: &Bytes) -> Bytes {
        let mut digest = Digest(self.0);
        digest.mix(index.0);
        self.0 = digest.0;
        self.snapshot()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        self.snapshot()
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_le_bytes())
    }

    fn restore(source: &mut dyn std::io::Read) -> std::io::Result<Applied> {
        let mut number = [0; 8];
        source.read_exact(&mut number)?;
        Ok(Applied(u64::from_le_bytes(number)))
    }
}

/// See the module.
#[derive(Clone)]
pub(super) struct State {
    cluster: Cluster<Applied, AnyOrder, ()>,
    /// What may still happen.
    left: Bounds,
    /// Of each node, and of what is between them.
    digests: Vec<u64>,
    /// Reads that were answered.
    pub(super) reads: usize,
}

impl State {
    pub(super) fn new(scope: &Scope) -> State {
        let voters = (0..scope.nodes).map(|node| (id_of(node), Incarnation(1 + node as u128)));
        let settings = Settings {
            // A name that is valid.
            cluster: ClusterId::new("scope").unwrap_or_else(|_| unreachable!()),
            config: Config {
                // Not drawn: a node is woken when the scope says so.
                election_max: Config::lan().election_min + Duration::from_nanos(1),
                snapshot_min_log_bytes: scope.snapshot_bytes,
                max_kept_log_bytes: 1,
                ..Config::lan()
            },
            replies: raft::session::ReplyBounds::default(),
            segment_bytes: 4096,
            membership: Membership { voters: voters.collect() },
        };
        let mut cluster = Cluster::new(settings, Pace::STEADY, AnyOrder { cut: scope.cut }, Random::new(1));
        for node in 0..scope.nodes {
            // Nothing is wrong with a fresh disk.
            let _ = cluster.start(node, Applied::default());
            // What is due from the beginning is no choice.
            cluster.wake(node);
        }
        let mut state = State { cluster, left: scope.bounds, digests: vec![0; scope.nodes], reads: 0 };
        for node in 0..scope.nodes {
            state.settle(node);
        }
        (0..scope.nodes).for_each(|node| state.digests[node] = state.cluster.digest_of(node));
        state
    }

    /// Disks that nobody crashes may as well do at once what they are asked.
    fn settle(&mut self, node: usize) {
        while let Some(disk) = self.cluster.pending().into_iter().find(|pending| on_disk_of(pending, node)) {
            self.cluster.let_happen(disk);
        }
    }

    /// All that may happen next. What nodes do in the same way whatever came before is told apart by digests.
    pub(super) fn choices(&self, scope: &Scope) -> Vec<Choice> {
        let Bounds { steps, wakes, losses, proposals, reads, crashes } = self.left;
        let mut choices = Vec::new();
        if steps == 0 {
            return choices;
        }
        let nodes = 0..scope.nodes;
        let up = |node: &usize| self.cluster.running(*node).is_some();
        for pending in self.cluster.pending() {
            choices.push(Choice::Happen(pending));
            if losses > 0 && matches!(pending, Pending::Frame { .. }) {
                choices.push(Choice::Lose(pending));
            }
        }
        if wakes > 0 {
            // All nodes are alike before the first is woken.
            let first = wakes == scope.bounds.wakes && scope.cut.is_empty();
            choices
                .extend(nodes.clone().filter(up).take(if first { 1 } else { scope.nodes }).map(Choice::Wake));
        }
        let leads = |node: &usize| self.role(*node) == Some(RoleName::Leader);
        if proposals > 0 {
            choices.extend(nodes.clone().filter(leads).map(Choice::Propose));
        }
        if reads > 0 {
            choices.extend(nodes.clone().filter(leads).map(Choice::Read));
        }
        if crashes > 0 {
            let both = |node| [false, true].map(|power| Choice::Crash { node, power });
            choices.extend(nodes.clone().filter(up).flat_map(both));
        }
        choices.extend(nodes.filter(|node| !up(node)).map(Choice::Start));
        choices
    }

    pub(super) fn take(&mut self, scope: &Scope, choice: Choice) {
        self.left.steps -= 1;
        let node = match choice {
            Choice::Happen(pending) => {
                self.cluster.let_happen(pending);
                node_of(pending)
            }
            Choice::Lose(pending) => {
                self.left.losses -= 1;
                self.cluster.lose(pending);
                node_of(pending)
            }
            Choice::Wake(node) => {
                self.left.wakes -= 1;
                self.cluster.wake(node);
                node
            }
            Choice::Propose(node) => {
                self.left.proposals -= 1;
                let command = Bytes::from_static(b"command");
                let _ = self.cluster.ask(node, Ask::Propose { tag: None, command });
                node
            }
            Choice::Read(node) => {
                self.left.reads -= 1;
                let _ = self.cluster.ask(node, Ask::Read { query: Bytes::new() });
                node
            }
            Choice::Crash { node, power } => {
                self.left.crashes -= 1;
                if power {
                    self.cluster.lose_all_unsynced(node);
                } else {
                    self.cluster.kill(node);
                }
                node
            }
            Choice::Start(node) => {
                let _ = self.cluster.start(node, Applied::default());
                node
            }
        };
        self.cluster.forget_timers();
        if !scope.slow_disks {
            self.settle(node);
        }
        let said = std::mem::take(&mut self.cluster.said);
        self.reads += said.iter().filter(|said| matches!(said.told, Told::Reply(Reply::Read(_)))).count();
        self.digests[node] = self.cluster.digest_of(node);
    }

    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.bytes(&self.digests);
        digest.mix(self.cluster.digest_between());
        let Bounds { steps: _, wakes, losses, proposals, reads, crashes } = self.left;
        digest.bytes(&[wakes, losses, proposals, reads, crashes].map(u64::from));
        digest.0
    }

    pub(super) fn steps_left(&self) -> u32 {
        self.left.steps
    }

    pub(super) fn violation(&self) -> Option<String> {
        self.cluster.violation().map(ToString::to_string)
    }

    pub(super) fn role(&self, node: usize) -> Option<RoleName> {
        self.cluster.running(node).map(|pump| pump.server().raft().role())
    }

    pub(super) fn term(&self, node: usize) -> Term {
        self.cluster.running(node).map_or(Term(0), |pump| pump.server().raft().term())
    }

    pub(super) fn committed(&self) -> u64 {
        self.cluster.committed().0
    }

    pub(super) fn nodes(&self) -> std::ops::Range<usize> {
        0..self.digests.len()
    }

    pub(super) fn life(&self, node: usize) -> u64 {
        self.cluster.node(node).life
    }

    pub(super) fn snapshot(&self, node: usize) -> bool {
        self.cluster.running(node).is_some_and(|pump| pump.server().raft().snapshot().is_some())
    }
}

fn node_of(pending: Pending) -> usize {
    match pending {
        Pending::Frame { to, .. } => to,
        Pending::Disk { node, .. } => node,
    }
}

fn on_disk_of(pending: &Pending, of: usize) -> bool {
    matches!(pending, Pending::Disk { node, .. } if *node == of)
}
