//! A state of a whole scope, in numbers; and what may happen in it.

use std::sync::Arc;

use raft::LogIndex;
use raft::consensus::io::RoleName;

use super::ghost::Ghosts;
use super::scopes::{Bounds, Scope};
use super::steps::{Facts, Input, Steps};
use super::symmetry::Turn;
use crate::sim::invariants::Broken;

/// Nodes of a scope, at most.
pub(super) const NODES: usize = 3;

/// A frame on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Frame(u32);

impl Frame {
    fn new(from: usize, to: usize, content: u32) -> Frame {
        Frame(content << 4 | small(from) << 2 | small(to))
    }

    fn ends(self) -> (usize, usize) {
        ((self.0 >> 2 & 3) as usize, (self.0 & 3) as usize)
    }

    fn content(self) -> u32 {
        self.0 >> 4
    }

    fn turned(self, turn: Turn) -> Frame {
        let (from, to) = self.ends();
        Frame::new(turn.of(from), turn.of(to), self.content())
    }
}

/// Something that happens next, at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Arrive { from: usize, to: usize, content: u32 },
    Do(usize, Input),
}

impl Choice {
    /// In a word: a frame is never from the node that it goes to.
    pub(super) fn packed(self) -> u32 {
        match self {
            Choice::Arrive { from, to, content } => Frame::new(from, to, content).0,
            Choice::Do(node, input) => {
                let number = OWN.iter().position(|own| *own == input).unwrap_or_default();
                Frame::new(node, node, small(number)).0
            }
        }
    }

    pub(super) fn unpacked(word: u32) -> Choice {
        let (from, to) = Frame(word).ends();
        let content = Frame(word).content();
        if from == to { Choice::Do(to, OWN[content as usize]) } else { Choice::Arrive { from, to, content } }
    }
}

/// All that does not come from another node.
const OWN: [Input; 8] = [
    Input::Start,
    Input::Wake,
    Input::Propose,
    Input::Read,
    Input::Kill,
    Input::LosePower,
    Input::Disk,
    Input::DiskAside,
];

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    locals: [u32; NODES],
    ghost: u32,
    /// What may still happen.
    left: Bounds,
    /// How often each node was woken, where a scope counts it.
    woken: [u8; NODES],
    /// In order: frames have none.
    frames: Box<[Frame]>,
}

/// What came of a choice.
pub(super) enum Next {
    State(State),
    /// Nothing: the state is as it was, but for what is on its way. What may happen without it may happen with it.
    Nothing,
    Broken(Broken),
}

/// Everything that states are made of.
pub(super) struct Parts<'a> {
    pub(super) scope: &'a Scope,
    pub(super) bounds: Bounds,
    pub(super) steps: Steps,
    pub(super) ghosts: Ghosts,
    turns: Vec<Turn>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(scope: &'a Scope, bounds: Bounds, symmetry: bool) -> Parts<'a> {
        let mut turns = Turn::all(scope.nodes, scope.cut);
        let wakes = &scope.wakes_of[..scope.nodes];
        turns.retain(|turn| {
            wakes.iter().enumerate().all(|(node, wakes)| scope.wakes_of[turn.of(node)] == *wakes)
        });
        turns.truncate(if symmetry { turns.len() } else { 1 });
        Parts { scope, bounds, steps: Steps::new(scope), ghosts: Ghosts::new(scope.nodes), turns }
    }

    /// All nodes were started.
    pub(super) fn start(&mut self) -> Next {
        let mut state = State {
            locals: [0; NODES],
            ghost: 0,
            left: self.bounds,
            woken: [0; NODES],
            frames: Box::default(),
        };
        for node in 0..self.scope.nodes {
            match self.take(&state, Choice::Do(node, Input::Start)) {
                Next::State(next) => state = next,
                other => return other,
            }
        }
        Next::State(state)
    }

    /// All that may happen next.
    pub(super) fn choices(&self, state: &State, choices: &mut Vec<Choice>) {
        choices.clear();
        let Bounds { wakes, proposals, reads, crashes, .. } = state.left;
        let mut last = None;
        for frame in &state.frames {
            let (from, to) = frame.ends();
            // Of equal ones one; and what comes to a node that is down may as well never come.
            let matters = !state.left.has_room() || self.facts(state, to).role.is_some();
            if last.replace(*frame) != Some(*frame) && matters {
                choices.push(Choice::Arrive { from, to, content: frame.content() });
            }
        }
        for node in 0..self.scope.nodes {
            let Facts { role, disk: [log, aside], .. } = *self.facts(state, node);
            let leads = role == Some(RoleName::Leader);
            let up = role.is_some();
            let may = [
                (Input::Start, !up),
                (Input::Wake, up && wakes > 0 && state.woken[node] < self.scope.wakes_of[node]),
                (Input::Propose, leads && proposals > 0),
                (Input::Read, leads && reads > 0),
                (Input::Kill, up && crashes > 0),
                (Input::LosePower, up && crashes > 0),
                (Input::Disk, log),
                (Input::DiskAside, aside),
            ];
            choices.extend(may.iter().filter(|(_, may)| *may).map(|(input, _)| Choice::Do(node, *input)));
        }
    }

    pub(super) fn take(&mut self, state: &State, choice: Choice) -> Next {
        let size = self.scope.nodes;
        let (node, input) = match choice {
            Choice::Arrive { from, to, content } => {
                (to, Input::Frame { from: (from + size - to) % size, content })
            }
            Choice::Do(node, input) => (node, input),
        };
        let number = self.steps.step(state.locals[node], input);
        let outcome = &self.steps.outcomes[number as usize];
        if let Some(violation) = &outcome.violation {
            return Next::Broken((violation.rule, violation.what.clone()));
        }
        let same = outcome.to == state.locals[node] && outcome.sent.is_empty() && outcome.deeds.is_empty();
        if same && state.left.has_room() && matches!(choice, Choice::Arrive { .. }) {
            return Next::Nothing;
        }
        let locals = |node: usize| self.steps.local(state.locals[node]);
        let durable = || (0..size).map(|node| Arc::clone(&locals(node).durable)).collect();
        let judged =
            self.ghosts.judge(state.ghost, (node, locals(node).seen, input), (number, outcome), durable);
        let ghost = match judged {
            Ok(ghost) => ghost,
            Err(broken) => return Next::Broken(broken),
        };
        let mut next = State { ghost, left: state.left.after(input), frames: Box::default(), ..*state };
        next.locals[node] = outcome.to;
        next.woken[node] += u8::from(input == Input::Wake && self.scope.counts_wakes(node));
        let mut frames = Vec::with_capacity(state.frames.len() + outcome.sent.len());
        frames.extend_from_slice(&state.frames);
        if let Choice::Arrive { from, to, content } = choice
            && let Ok(place) = frames.binary_search(&Frame::new(from, to, content))
        {
            frames.remove(place);
        }
        for (behind, content) in &outcome.sent {
            let link = (node, (node + behind) % size);
            let full = || {
                frames.iter().filter(|frame| frame.ends() == link).count() >= usize::from(state.left.on_link)
            };
            if !self.scope.cut.contains(&link) && (state.left.has_room() || !full()) {
                frames.push(Frame::new(link.0, link.1, *content));
            }
        }
        frames.sort_unstable();
        next.frames = frames.into();
        Next::State(next)
    }

    /// The same for states that differ only in the order of the ring.
    pub(super) fn digest(&mut self, state: &State) -> u64 {
        let Bounds { wakes, proposals, reads, crashes, on_link: _ } = state.left;
        let left = spread(LEFT, u64::from(u32::from_le_bytes([wakes, proposals, reads, crashes])));
        let mut least = u64::MAX;
        for turn in &self.turns {
            let mut digest = left;
            for node in 0..self.scope.nodes {
                let local = state.locals[node];
                let local = if turn.backwards { self.steps.local(local).mirror } else { local };
                let place = u64::from(state.woken[node]) << 2 | turn.of(node) as u64;
                digest = digest.wrapping_add(spread(LOCAL, u64::from(local) << 10 | place));
            }
            for frame in &state.frames {
                digest = digest.wrapping_add(spread(FRAME, u64::from(frame.turned(*turn).0)));
            }
            let ghost = self.ghosts.turned(state.ghost, *turn);
            least = least.min(digest.wrapping_add(spread(GHOST, u64::from(ghost))));
        }
        least
    }

    fn facts(&self, state: &State, node: usize) -> &Facts {
        &self.steps.local(state.locals[node]).facts
    }

    pub(super) fn glance<'b>(&'b self, state: &'b State) -> Glance<'b> {
        let ghost = self.ghosts.get(state.ghost);
        Glance { parts: self, state, committed: ghost.committed(), reads: ghost.reads }
    }
}

/// Seats and the like: no more than a few.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const LOCAL: u64 = 1 << 60;
const FRAME: u64 = 2 << 60;
const GHOST: u64 = 3 << 60;
const LEFT: u64 = 4 << 60;

/// SplitMix64's finaliser.
fn spread(what: u64, word: u64) -> u64 {
    let mut x = (what | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What witnesses look at.
pub(super) struct Glance<'a> {
    parts: &'a Parts<'a>,
    state: &'a State,
    pub(super) committed: LogIndex,
    pub(super) reads: u32,
}

impl Glance<'_> {
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Facts> {
        (0..self.parts.scope.nodes).map(|node| self.node(node))
    }

    pub(super) fn node(&self, node: usize) -> &Facts {
        self.parts.facts(self.state, node)
    }
}
