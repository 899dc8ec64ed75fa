//! The scopes: who takes part, what may happen how often, and what must be seen.

use std::fmt;
use std::time::Duration;

use raft::consensus::io::RoleName;
use raft::storage::memory::Queue as DiskQueue;
use serde::Serialize;

use super::state::{Glance, NODES};
use super::steps::{Facts, Input};

/// How often something may happen. All that follows from it happens in any order, or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Bounds {
    /// Times that a node's clock goes on to what it waits for.
    pub wakes: u8,
    /// Commands proposed.
    pub proposals: u8,
    /// Reads asked for.
    pub reads: u8,
    /// Times that a process is killed or a machine loses its power.
    pub crashes: u8,
    /// Frames that arrive twice.
    pub copies: u8,
    /// Times that a newer frame takes the place of an older one.
    pub losses: u8,
    /// Frames that are on their way from one node to another at a time; of more one is lost. What never comes is
    /// lost, too.
    pub on_link: u8,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { wakes, proposals, reads, crashes, copies, losses, on_link } = *self;
        let any = |number: u8| if number == ANY { "any".to_owned() } else { number.to_string() };
        let [copies, losses, on_link] = [copies, losses, on_link].map(any);
        write!(f, "wakes {wakes}, proposals {proposals}, reads {reads}, crashes {crashes}, ")?;
        write!(f, "frames twice {copies}, on a link {on_link}, lost to a newer one {losses}")
    }
}

impl Bounds {
    /// Whether a frame that is never lost takes no room from others.
    pub(super) fn has_room(self) -> bool {
        self.on_link == ANY
    }

    pub(super) fn after(mut self, input: Input) -> Bounds {
        match input {
            Input::Wake => self.wakes -= 1,
            Input::Propose => self.proposals -= 1,
            Input::Read => self.reads -= 1,
            Input::Kill | Input::LosePower => self.crashes -= 1,
            Input::Frame { .. } | Input::Start | Input::Disk | Input::DiskAside => {}
        }
        self
    }
}

/// What of what a disk is asked takes its time, so that others come before it, a crash among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    /// Nothing.
    AtOnce,
    /// What the log asks.
    Log,
    /// That, and all that is done aside.
    All,
}

impl Disks {
    pub(super) fn at_once(self) -> &'static [DiskQueue] {
        match self {
            Disks::AtOnce => &[DiskQueue::Log, DiskQueue::Aside],
            Disks::Log => &[DiskQueue::Aside],
            Disks::All => &[],
        }
    }
}

/// A situation, and whether it is there.
pub(super) type Witness = (&'static str, fn(&Glance<'_>) -> bool);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// As the command line names it.
    pub name: &'static str,
    /// Nodes, three at most.
    pub nodes: usize,
    /// In a run that takes its time.
    pub bounds: Bounds,
    /// In a run of each test.
    pub quick: Bounds,
    /// Of the wakes, each node's at most.
    pub wakes_of: [u8; NODES],
    /// Links that let nothing through, from and to, once anybody leads or from the beginning.
    pub cut: &'static [(usize, usize)],
    /// See there.
    pub cut_at_once: bool,
    /// By how much later than it is due a node is woken.
    pub late: Duration,
    /// Bytes of log before a snapshot is taken.
    pub snapshot_bytes: u64,
    /// Entries in one message, at most.
    pub append_entries: usize,
    /// Which disks are slow.
    pub disks: Disks,
    /// Marks that must be reached, eight at most.
    pub(super) marks: &'static [&'static str],
    /// What must be seen.
    pub(super) witnesses: &'static [Witness],
}

impl Scope {
    /// What does not happen in it, so that rules about it have nothing to say.
    #[must_use]
    pub fn lacks(&self, bounds: Bounds) -> Vec<&'static str> {
        let lacks = [
            ("snapshots", self.snapshot_bytes == NEVER),
            ("proposals", bounds.proposals == 0),
            ("reads", bounds.reads == 0),
            ("crashes", bounds.crashes == 0),
            ("a second node", self.nodes == 1),
        ];
        let named = lacks.into_iter().filter(|(_, lacks)| *lacks).map(|(what, _)| what);
        named.chain(NOWHERE.iter().copied()).collect()
    }

    /// Whether it matters how often a node was woken.
    pub(super) fn counts_wakes(&self, node: usize) -> bool {
        self.wakes_of[node] != ANY
    }
}

/// As many as there are.
pub(super) const ANY: u8 = u8::MAX;
/// No log grows to that.
const NEVER: u64 = 64 << 20;
/// What happens in no scope.
const NOWHERE: &[&str] =
    &["sessions", "faults of disks, memory and bytes", "a part of what was not synced survives"];

const fn bounds(wakes: u8, proposals: u8, reads: u8, crashes: u8) -> Bounds {
    Bounds { wakes, proposals, reads, crashes, copies: 0, losses: ANY, on_link: 1 }
}

impl Bounds {
    const fn copies(self, copies: u8) -> Bounds {
        Bounds { copies, ..self }
    }

    const fn losses(self, losses: u8) -> Bounds {
        Bounds { losses, ..self }
    }

    const fn any_on_link(self) -> Bounds {
        Bounds { on_link: ANY, ..self }
    }
}

const PLAIN: Scope = Scope {
    name: "",
    nodes: 3,
    bounds: bounds(0, 0, 0, 0),
    quick: bounds(0, 0, 0, 0),
    wakes_of: [ANY; NODES],
    cut: &[],
    cut_at_once: false,
    late: Duration::ZERO,
    snapshot_bytes: NEVER,
    append_entries: 64,
    disks: Disks::AtOnce,
    marks: &[],
    witnesses: &[],
};

/// By so much a wake is late where CheckQuorum is to come due before the wakes are spent: an election timeout.
const LATE: Duration = Duration::from_millis(150);

/// All of them.
pub const SCOPES: &[Scope] = &[
    Scope {
        name: "election",
        bounds: bounds(2, 0, 0, 0),
        quick: bounds(2, 0, 0, 0).losses(0),
        disks: Disks::Log,
        marks: &["vote-refused-as-already-given", "vote-counted-late", "append-from-earlier-term"],
        witnesses: &[
            ("a leader", |at| leaders(at) > 0),
            ("two candidates", |at| with(at, RoleName::Candidate) > 1),
            ("a candidate whose vote is not durable yet", |at| {
                at.nodes().any(|node| node.role == Some(RoleName::Candidate) && node.disk[0])
            }),
        ],
        ..PLAIN
    },
    Scope {
        name: "crash",
        bounds: bounds(1, 0, 0, 1).any_on_link().copies(1),
        quick: bounds(1, 0, 0, 1).any_on_link(),
        disks: Disks::Log,
        witnesses: &[
            ("a vote that is not durable yet, and a crash may come", |at| {
                at.may_crash()
                    && at.nodes().any(|node| node.role == Some(RoleName::Candidate) && node.disk[0])
            }),
            ("a leader in its second life", leads_in_second_life),
        ],
        ..PLAIN
    },
    Scope {
        name: "entries",
        bounds: bounds(2, 2, 0, 1).losses(1),
        quick: bounds(1, 2, 0, 1).losses(0),
        witnesses: &[
            ("two entries committed", |at| at.committed.0 > 3),
            ("two entries committed, and a second life", |at| at.committed.0 > 3 && second_life(at)),
            ("a leader in its second life that committed", commits_in_second_life),
        ],
        ..PLAIN
    },
    // The leader is woken when what it has sent counts as lost, and before it looks for a majority.
    Scope {
        name: "loss",
        bounds: bounds(2, 1, 0, 0).copies(1),
        quick: bounds(2, 1, 0, 0),
        late: Duration::from_millis(60),
        marks: &["request-given-up", "append-repeats-entries"],
        witnesses: &[("an entry committed", |at| at.committed.0 > 2)],
        ..PLAIN
    },
    Scope {
        name: "slow-disk",
        bounds: bounds(1, 1, 0, 1),
        quick: bounds(1, 1, 0, 1).losses(0),
        disks: Disks::Log,
        marks: &["committed-before-own-disk"],
        witnesses: &[
            ("an entry being written, and a crash may come", |at| {
                at.may_crash() && at.committed.0 > 1 && at.nodes().any(|node| node.leads() && node.disk[0])
            }),
            ("an entry committed, and a second life", |at| at.committed.0 > 2 && second_life(at)),
        ],
        ..PLAIN
    },
    // Once somebody leads node 0 is heard by nobody, but hears all.
    Scope {
        name: "one-way-cut",
        bounds: bounds(3, 1, 0, 0),
        quick: bounds(3, 0, 0, 0),
        cut: &[(0, 1), (0, 2)],
        late: LATE,
        marks: &["check-quorum-stepped-down", "pre-vote-refused-for-live-leader"],
        witnesses: &[
            ("the mute node leads, and so does another", |at| at.node(0).leads() && leaders(at) > 1),
            ("the mute node would be elected", |at| {
                at.node(0).role == Some(RoleName::PreCandidate) && leaders(at) > 0
            }),
        ],
        ..PLAIN
    },
    // Once somebody leads node 0 is heard by all, but hears nobody.
    Scope {
        name: "deaf-leader",
        bounds: bounds(3, 1, 0, 0),
        quick: bounds(3, 0, 0, 0),
        cut: &[(1, 0), (2, 0)],
        late: LATE,
        marks: &["check-quorum-stepped-down", "pre-vote-refused-for-live-leader"],
        witnesses: &[
            ("the deaf node leads", |at| at.node(0).leads()),
            ("another leads, and the deaf node would be elected", |at| {
                at.node(0).role == Some(RoleName::PreCandidate) && leaders(at) > 0
            }),
        ],
        ..PLAIN
    },
    Scope {
        name: "read",
        bounds: bounds(2, 0, 2, 0),
        quick: bounds(2, 0, 2, 0).losses(0),
        marks: &["read-confirmed-by-its-round", "read-refused-at-end-of-term", "read-waits-for-noop"],
        witnesses: &[
            ("a read answered", |at| at.reads > 0),
            ("a read waits at a leader that another has followed", |at| {
                at.asked().any(|old| old.leads() && at.nodes().any(|new| new.leads() && new.term > old.term))
            }),
        ],
        ..PLAIN
    },
    // As in the paper's figure: two nodes that do not hear each other lead by turns, by the third one's vote.
    Scope {
        name: "figure-8",
        bounds: bounds(6, 0, 0, 0),
        quick: bounds(6, 0, 0, 0).losses(0),
        append_entries: 1,
        wakes_of: [2, 1, 3],
        cut: &[(0, 2), (2, 0)],
        cut_at_once: true,
        marks: &[
            "conflicting-entries-truncated",
            "durable-entries-truncated",
            "old-term-majority-not-committed",
            "old-term-entry-committed-by-successor",
        ],
        witnesses: &[
            ("two leaders", |at| leaders(at) > 1),
            ("a leader of a third term", |at| at.nodes().any(|node| node.leads() && node.term > 3)),
        ],
        ..PLAIN
    },
    Scope {
        name: "snapshot",
        bounds: bounds(1, 1, 0, 1).any_on_link().copies(1),
        quick: bounds(1, 1, 0, 1).any_on_link(),
        snapshot_bytes: 1,
        marks: &["snapshot-installed", "restart-from-snapshot"],
        witnesses: &[("two nodes with snapshots", |at| at.nodes().filter(|node| node.snapshot).count() > 1)],
        ..PLAIN
    },
    Scope {
        name: "one-node",
        nodes: 1,
        bounds: bounds(2, 2, 1, 1),
        quick: bounds(1, 1, 1, 1),
        snapshot_bytes: 1,
        disks: Disks::All,
        marks: &["restart-from-snapshot"],
        witnesses: &[
            ("something committed in its second life", commits_in_second_life),
            ("a read answered", |at| at.reads > 0),
        ],
        ..PLAIN
    },
];

fn with(at: &Glance<'_>, role: RoleName) -> usize {
    at.nodes().filter(|node| node.role == Some(role)).count()
}

fn leaders(at: &Glance<'_>) -> usize {
    with(at, RoleName::Leader)
}

fn second_life(at: &Glance<'_>) -> bool {
    at.nodes().any(|node: &Facts| node.life > 1)
}

fn leads_in_second_life(at: &Glance<'_>) -> bool {
    at.nodes().any(|node| node.leads() && node.life > 1)
}

fn commits_in_second_life(at: &Glance<'_>) -> bool {
    at.nodes().any(|node| node.leads() && node.life > 1 && node.commits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_test_run_visits_is_a_part_of_what_is_visited_in_all() {
        let numbers = |bounds: Bounds| {
            let Bounds { wakes, proposals, reads, crashes, copies, losses, on_link } = bounds;
            [wakes, proposals, reads, crashes, copies, losses, on_link]
        };
        for scope in SCOPES {
            let pairs = numbers(scope.quick).into_iter().zip(numbers(scope.bounds));
            assert!({ pairs }.all(|(quick, full)| quick <= full), "{}", scope.name);
        }
    }

    #[test]
    fn each_mark_of_a_scope_is_one() {
        for scope in SCOPES {
            assert!(scope.marks.len() <= 8, "{}", scope.name);
            for mark in scope.marks {
                assert!(raft::marks::ALL.iter().any(|other| other.name == *mark), "{mark}");
            }
        }
    }

    #[test]
    fn a_scope_says_what_does_not_happen_in_it() {
        let scope = SCOPES.iter().find(|scope| scope.name == "read").unwrap();
        let lacks = scope.lacks(scope.bounds);
        assert!(lacks.contains(&"snapshots") && lacks.contains(&"crashes") && !lacks.contains(&"reads"));
    }
}
