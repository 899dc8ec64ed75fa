//! The scopes: who takes part, what may happen how often, and what must be seen.

use raft::consensus::io::RoleName;

use super::state::State;

/// What may happen, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Events in all.
    pub steps: u32,
    /// Times that a node's clock goes on to what it waits for.
    pub wakes: u32,
    /// Frames that are lost; others may be late for ever.
    pub losses: u32,
    /// Commands proposed.
    pub proposals: u32,
    /// Reads asked for.
    pub reads: u32,
    /// Crashes.
    pub crashes: u32,
}

/// A situation, and whether it is there.
pub(super) type Witness = (&'static str, fn(&State) -> bool);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// As the command line names it.
    pub name: &'static str,
    /// Nodes.
    pub nodes: usize,
    /// See there.
    pub bounds: Bounds,
    /// Links that let nothing through, from and to.
    pub cut: &'static [(usize, usize)],
    /// Bytes of log before a snapshot is taken.
    pub snapshot_bytes: u64,
    /// What a disk is asked takes its time, and others may come before it.
    pub slow_disks: bool,
    /// What must be seen.
    pub(super) witnesses: &'static [Witness],
}

const NO_SNAPSHOTS: u64 = 64 << 20;

/// All of them.
pub const SCOPES: &[Scope] = &[
    Scope {
        name: "election",
        nodes: 3,
        bounds: Bounds { steps: 14, wakes: 3, losses: 0, proposals: 0, reads: 0, crashes: 1 },
        cut: &[],
        snapshot_bytes: NO_SNAPSHOTS,
        slow_disks: true,
        witnesses: &[
            ("a leader", |state| leaders(state) > 0),
            ("two candidates", |state| with(state, RoleName::Candidate) > 1),
            ("a candidate whose disk is slow", |state| with(state, RoleName::Candidate) > 0),
            ("a second life", second_life),
            ("a leader while another node is in its second life", |state| {
                leaders(state) > 0 && second_life(state)
            }),
        ],
    },
    Scope {
        name: "entries",
        nodes: 3,
        bounds: Bounds { steps: 20, wakes: 2, losses: 0, proposals: 2, reads: 0, crashes: 1 },
        cut: &[],
        snapshot_bytes: NO_SNAPSHOTS,
        slow_disks: false,
        witnesses: &[
            ("an entry committed", |state| state.committed() > 2),
            ("two entries committed", |state| state.committed() > 3),
            ("committed, and a second life", |state| state.committed() > 2 && second_life(state)),
            ("a leader of a later term", |state| leaders(state) > 0 && newest(state) > 2),
        ],
    },
    Scope {
        name: "one-way-cut",
        nodes: 3,
        bounds: Bounds { steps: 22, wakes: 6, losses: 1, proposals: 1, reads: 0, crashes: 0 },
        cut: &[(0, 1), (0, 2)],
        snapshot_bytes: NO_SNAPSHOTS,
        slow_disks: false,
        witnesses: &[
            ("a leader that all hear", |state| state.role(1) == Some(RoleName::Leader)),
            ("the mute node would be elected", |state| state.role(0) == Some(RoleName::PreCandidate)),
            ("committed", |state| state.committed() > 1),
        ],
    },
    Scope {
        name: "read",
        nodes: 3,
        bounds: Bounds { steps: 22, wakes: 3, losses: 0, proposals: 1, reads: 2, crashes: 0 },
        cut: &[],
        snapshot_bytes: NO_SNAPSHOTS,
        slow_disks: false,
        witnesses: &[
            ("a read answered", |state| state.reads > 0),
            ("two reads answered", |state| state.reads > 1),
            ("two leaders", |state| leaders(state) > 1),
        ],
    },
    Scope {
        name: "snapshot",
        nodes: 3,
        bounds: Bounds { steps: 26, wakes: 2, losses: 0, proposals: 2, reads: 0, crashes: 1 },
        cut: &[],
        snapshot_bytes: 1,
        slow_disks: false,
        witnesses: &[
            ("a snapshot", |state| state.nodes().any(|node| state.snapshot(node))),
            ("a restart from a snapshot", |state| {
                state.nodes().any(|node| state.snapshot(node) && state.life(node) > 1)
            }),
            ("two nodes with snapshots", |state| {
                state.nodes().filter(|node| state.snapshot(*node)).count() > 1
            }),
        ],
    },
    Scope {
        name: "one-node",
        nodes: 1,
        bounds: Bounds { steps: 22, wakes: 3, losses: 0, proposals: 3, reads: 2, crashes: 3 },
        cut: &[],
        snapshot_bytes: 1,
        slow_disks: true,
        witnesses: &[
            ("committed in the second life", |state| state.committed() > 2 && second_life(state)),
            ("a read answered", |state| state.reads > 0),
        ],
    },
];

fn with(state: &State, role: RoleName) -> usize {
    state.nodes().filter(|node| state.role(*node) == Some(role)).count()
}

fn leaders(state: &State) -> usize {
    with(state, RoleName::Leader)
}

fn second_life(state: &State) -> bool {
    state.nodes().any(|node| state.life(node) > 1)
}

fn newest(state: &State) -> u64 {
    state.nodes().map(|node| state.term(node).0).max().unwrap_or(0)
}
