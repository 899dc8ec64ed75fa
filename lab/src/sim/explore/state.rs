//! A state of a whole scope, in numbers; and what may happen in it.

use std::sync::Arc;

use raft::LogIndex;
use raft::consensus::io::RoleName;
use raft::storage::durable_log::DurableLog;

use super::ghost::{Ghost, Ghosts};
use super::scopes::{ANY, Bounds, Scope};
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
    /// Again: and will once more.
    Arrive {
        from: usize,
        to: usize,
        content: u32,
        again: bool,
    },
    Do(usize, Input),
}

/// Which of the frames that come to a full link has its last place, for each receiver by how far behind the sender
/// it stands in the ring: 0 is the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept([u8; NODES - 1]);

impl Kept {
    /// On how many links a newer one has it.
    fn losses(self) -> u8 {
        self.0.iter().map(|kept| u8::from(*kept > 0)).sum()
    }

    /// The next up to `last` that may happen in a state.
    pub(super) fn next(mut self, last: Kept, state: &State) -> Option<Kept> {
        while let Some(place) = (0..self.0.len()).find(|place| self.0[*place] < last.0[*place]) {
            self.0[place] += 1;
            self.0[..place].fill(0);
            if self.losses() <= state.left.losses {
                return Some(self);
            }
        }
        None
    }
}

impl Choice {
    /// In a word: a frame is never from the node that it goes to.
    pub(super) fn packed(self) -> u32 {
        match self {
            Choice::Arrive { from, to, content, again } => {
                Frame::new(from, to, content).0 | u32::from(again) << 31
            }
            Choice::Do(node, input) => {
                let number = OWN.iter().position(|own| *own == input).unwrap_or_default();
                Frame::new(node, node, small(number)).0
            }
        }
    }

    /// What a node is given by it, in a ring of so many.
    pub(super) fn input(self, size: usize) -> (usize, Input) {
        match self {
            Choice::Arrive { from, to, content, .. } => {
                (to, Input::Frame { from: (from + size - to) % size, content })
            }
            Choice::Do(node, input) => (node, input),
        }
    }

    pub(super) fn unpacked(word: u32) -> Choice {
        let (frame, again) = (Frame(word & !(1 << 31)), word >> 31 > 0);
        let ((from, to), content) = (frame.ends(), frame.content());
        if from == to {
            Choice::Do(to, OWN[content as usize])
        } else {
            Choice::Arrive { from, to, content, again }
        }
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
    /// And the last that may be kept of what comes to full links.
    State(State, Kept),
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
    /// How often each mark of the scope was reached.
    pub(super) reached: Vec<u64>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(scope: &'a Scope, bounds: Bounds, symmetry: bool) -> Parts<'a> {
        let mut turns = Turn::all(scope.nodes, scope.cut);
        let wakes = &scope.wakes_of[..scope.nodes];
        turns.retain(|turn| {
            wakes.iter().enumerate().all(|(node, wakes)| scope.wakes_of[turn.of(node)] == *wakes)
        });
        turns.truncate(if symmetry { turns.len() } else { 1 });
        let (steps, ghosts) = (Steps::new(scope), Ghosts::new(scope.nodes));
        Parts { scope, bounds, steps, ghosts, turns, reached: vec![0; scope.marks.len()] }
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
            match self.take(&state, Choice::Do(node, Input::Start), Kept::default()) {
                Next::State(next, _) => state = next,
                other => return other,
            }
        }
        Next::State(state, Kept::default())
    }

    /// All that may happen next.
    pub(super) fn choices(&self, state: &State, choices: &mut Vec<Choice>) {
        choices.clear();
        let Bounds { wakes, proposals, reads, crashes, copies, .. } = state.left;
        let mut last = None;
        for frame in &state.frames {
            let (from, to) = frame.ends();
            // Of equal ones one; and what comes to a node that is down may as well never come.
            let matters = !state.left.has_room() || self.facts(state, to).role.is_some();
            if last.replace(*frame) != Some(*frame) && matters {
                let content = frame.content();
                choices.push(Choice::Arrive { from, to, content, again: false });
                if copies > 0 && self.facts(state, to).role.is_some() {
                    choices.push(Choice::Arrive { from, to, content, again: true });
                }
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

    /// What it comes to, if this is kept of what comes to full links.
    pub(super) fn take(&mut self, state: &State, choice: Choice, kept: Kept) -> Next {
        let size = self.scope.nodes;
        let (node, input) = choice.input(size);
        let number = self.steps.step(state.locals[node], input);
        let outcome = &self.steps.outcomes[number as usize];
        if let Some(violation) = &outcome.violation {
            return Next::Broken((violation.rule, violation.what.clone()));
        }
        if outcome.marks > 0 {
            let reached = |bit: usize| u64::from(outcome.marks >> bit & 1);
            self.reached.iter_mut().enumerate().for_each(|(bit, count)| *count += reached(bit));
        }
        let same = outcome.to == state.locals[node] && outcome.sent.is_empty() && outcome.deeds.is_empty();
        if same && state.left.has_room() && matches!(choice, Choice::Arrive { .. }) {
            return Next::Nothing;
        }
        let is_cut = self.scope.cut_at_once || self.ghosts.get(state.ghost).has_led();
        let held = |steps: &Steps, node: usize| Arc::clone(&steps.local(state.locals[node]).durable);
        let ghost = match self.judge(state, (node, input), number, held) {
            Ok(ghost) => ghost,
            Err(broken) => return Next::Broken(broken),
        };
        let outcome = &self.steps.outcomes[number as usize];
        let mut next = State { ghost, left: state.left.after(input), frames: Box::default(), ..*state };
        next.locals[node] = outcome.to;
        next.woken[node] += u8::from(input == Input::Wake && self.scope.counts_wakes(node));
        let mut frames = Vec::with_capacity(state.frames.len() + outcome.sent.len());
        frames.extend_from_slice(&state.frames);
        if let Choice::Arrive { from, to, content, again } = choice {
            next.left.copies -= u8::from(again);
            if !again && let Ok(place) = frames.binary_search(&Frame::new(from, to, content)) {
                frames.remove(place);
            }
        }
        let mut last = Kept::default();
        if state.left.losses != ANY {
            next.left.losses -= kept.losses();
        }
        for behind in 1..size {
            let link = (node, (node + behind) % size);
            if is_cut && self.scope.cut.contains(&link) {
                continue;
            }
            let sent = outcome.sent.iter().filter(|(to, _)| *to == behind);
            frames.extend(sent.map(|(_, content)| Frame::new(link.0, link.1, *content)));
            if !state.left.has_room() {
                last.0[behind - 1] = only_one(&mut frames, link, state.left.on_link, kept.0[behind - 1]);
            }
        }
        frames.sort_unstable();
        next.frames = frames.into();
        Next::State(next, last)
    }

    /// What was seen once a node was given this and came to that outcome; `held` is what a node's disk holds.
    fn judge(
        &mut self,
        state: &State,
        (node, input): (usize, Input),
        number: u32,
        held: impl Fn(&Steps, usize) -> Arc<DurableLog>,
    ) -> Result<u32, Broken> {
        let Parts { steps, ghosts, scope, .. } = self;
        let (seen, outcome) = (steps.local(state.locals[node]).seen, &steps.outcomes[number as usize]);
        let durable = || (0..scope.nodes).map(|node| held(steps, node)).collect();
        ghosts.judge(state.ghost, (node, seen, input), (number, outcome), durable)
    }

    /// The same for states that differ only in the order of the ring.
    pub(super) fn digest(&mut self, state: &State) -> u64 {
        let Bounds { wakes, proposals, reads, crashes, copies, losses, on_link: _ } = state.left;
        let left = [wakes, proposals, reads, crashes, copies, losses, 0, 0];
        let left = spread(LEFT, u64::from_le_bytes(left));
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
        Glance { parts: self, state, ghost, committed: ghost.committed(), reads: ghost.reads }
    }
}

/// Leaves on a link what it holds: of those beyond, one more has the last place. How many beyond there are.
fn only_one(frames: &mut Vec<Frame>, link: (usize, usize), holds: u8, kept: u8) -> u8 {
    let is_there = |frame: &Frame| frame.ends() == link;
    let beyond = frames.iter().filter(|frame| is_there(frame)).count().saturating_sub(usize::from(holds));
    if beyond > 0 {
        let (first, mut place) = (usize::from(holds) - 1, 0);
        let last = first + usize::from(kept);
        frames.retain(|frame| {
            let stays = !is_there(frame) || place < first || place == last;
            place += usize::from(is_there(frame));
            stays
        });
    }
    u8::try_from(beyond).unwrap_or(u8::MAX)
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
    ghost: &'a Ghost,
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

    /// Those at which a read waits.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Facts> {
        (0..self.parts.scope.nodes).filter(|node| self.ghost.is_asked(*node)).map(|node| self.node(node))
    }

    /// Whether a process may still be killed.
    pub(super) fn may_crash(&self) -> bool {
        self.state.left.crashes > 0
    }
}

#[cfg(test)]
mod tests;
