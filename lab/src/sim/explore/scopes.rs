//! The scopes: who takes part, what may happen how often, and what must be seen.

use raft::consensus::io::RoleName;
use raft::storage::memory::Queue as DiskQueue;

use super::state::{Glance, NODES};
use super::steps::{Facts, Input};

/// How often something may happen. All that follows from it happens in any order, or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Times that a node's clock goes on to what it waits for.
    pub wakes: u8,
    /// Commands proposed.
    pub proposals: u8,
    /// Reads asked for.
    pub reads: u8,
    /// Times that a process is killed or a machine loses its power.
    pub crashes: u8,
    /// Frames that are on their way from one node to another at a time; what is sent beyond that is lost.
    pub on_link: u8,
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
    /// Links that let nothing through, from and to.
    pub cut: &'static [(usize, usize)],
    /// Bytes of log before a snapshot is taken.
    pub snapshot_bytes: u64,
    /// Entries in one message, at most.
    pub append_entries: usize,
    /// Which disks are slow.
    pub disks: Disks,
    /// What must be seen.
    pub(super) witnesses: &'static [Witness],
}

impl Scope {
    /// Whether it matters how often a node was woken.
    pub(super) fn counts_wakes(&self, node: usize) -> bool {
        self.wakes_of[node] != ANY
    }
}

/// As many as there are.
const ANY: u8 = u8::MAX;

const fn bounds(wakes: u8, proposals: u8, reads: u8, crashes: u8, on_link: u8) -> Bounds {
    Bounds { wakes, proposals, reads, crashes, on_link }
}

const PLAIN: Scope = Scope {
    name: "",
    nodes: 3,
    bounds: bounds(0, 0, 0, 0, ANY),
    quick: bounds(0, 0, 0, 0, ANY),
    wakes_of: [ANY; NODES],
    cut: &[],
    snapshot_bytes: 64 << 20,
    append_entries: 64,
    disks: Disks::AtOnce,
    witnesses: &[],
};

/// All of them.
pub const SCOPES: &[Scope] = &[
    Scope {
        name: "election",
        bounds: bounds(2, 0, 0, 0, 1),
        quick: bounds(2, 0, 0, 0, 1),
        disks: Disks::Log,
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
        bounds: bounds(1, 0, 0, 1, ANY),
        quick: bounds(1, 0, 0, 1, ANY),
        disks: Disks::Log,
        witnesses: &[
            ("a vote that is not durable yet", |at| {
                at.nodes().any(|node| node.role == Some(RoleName::Candidate) && node.disk[0])
            }),
            ("a leader, and a second life", |at| leaders(at) > 0 && second_life(at)),
        ],
        ..PLAIN
    },
    Scope {
        name: "entries",
        bounds: bounds(2, 2, 0, 1, 1),
        quick: bounds(1, 2, 0, 1, 1),
        witnesses: &[
            ("two entries committed", |at| at.committed.0 > 3),
            ("two entries committed, and a second life", |at| at.committed.0 > 3 && second_life(at)),
            ("a leader in its second life, or another than it", |at| leaders(at) > 0 && second_life(at)),
        ],
        ..PLAIN
    },
    Scope {
        name: "one-way-cut",
        bounds: bounds(4, 0, 0, 0, ANY),
        quick: bounds(4, 1, 0, 0, 1),
        cut: &[(0, 1), (0, 2)],
        witnesses: &[
            ("a leader that all hear", |at| at.node(1).role == Some(RoleName::Leader)),
            ("the mute node would be elected", |at| {
                at.node(0).role == Some(RoleName::PreCandidate) && leaders(at) > 0
            }),
            ("an entry of a leader committed", |at| at.committed.0 > 1),
        ],
        ..PLAIN
    },
    Scope {
        name: "read",
        bounds: bounds(3, 0, 1, 0, 1),
        quick: bounds(2, 0, 2, 0, 1),
        witnesses: &[
            ("a read answered", |at| at.reads > 0),
            ("a leader that committed nothing yet in its term", |at| {
                at.nodes().any(|node| node.role == Some(RoleName::Leader) && node.commit.0 < 2)
            }),
        ],
        ..PLAIN
    },
    // As in the paper's figure: two nodes that do not hear each other lead by turns, by the third one's vote.
    Scope {
        name: "figure-8",
        bounds: bounds(6, 0, 0, 0, 1),
        quick: bounds(6, 0, 0, 0, 1),
        append_entries: 1,
        wakes_of: [2, 1, 3],
        cut: &[(0, 2), (2, 0)],
        witnesses: &[
            ("two leaders", |at| leaders(at) > 1),
            ("a leader of a third term", |at| {
                at.nodes().any(|node| node.role == Some(RoleName::Leader) && node.term > 3)
            }),
        ],
        ..PLAIN
    },
    Scope {
        name: "snapshot",
        bounds: bounds(2, 1, 0, 1, 1),
        quick: bounds(1, 1, 0, 1, ANY),
        snapshot_bytes: 1,
        witnesses: &[
            ("two nodes with snapshots", |at| at.nodes().filter(|node| node.snapshot).count() > 1),
            ("a restart from a snapshot", |at| at.nodes().any(|node| node.snapshot && node.life > 1)),
        ],
        ..PLAIN
    },
    Scope {
        name: "one-node",
        nodes: 1,
        bounds: bounds(2, 2, 1, 1, ANY),
        quick: bounds(1, 1, 1, 1, ANY),
        snapshot_bytes: 1,
        disks: Disks::All,
        witnesses: &[
            ("committed in the second life", |at| at.committed.0 > 2 && second_life(at)),
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
