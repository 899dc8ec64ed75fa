//! The search itself: deep first, forward by what fits and back where nothing does; then by layers.

mod asked;
mod choices;
mod layers;

use asked::Asked;

use super::configuration::Configuration;
use super::difficulty::{Difficulty, Limit};
use super::layout::{self, Layout, NONE, Size, small};
use super::memory::{Insert, Memory, Shape};
use super::options::{Prunings, SearchOptions};
use super::states::States;
use super::stranding::Stranding;
use super::{Frontier, Searching};
use crate::model::Model;
use crate::seeded_bug;

pub(super) enum End {
    Found,
    Impossible,
    GaveUp(Limit),
}

pub(super) struct Searcher<'a, M: Model> {
    model: &'a M,
    layout: &'a Layout<'a, M::Op>,
    options: SearchOptions,
    states: States<M::State>,
    stranding: Option<Stranding>,
    memory: Memory,
    /// Configurations that were tried before the search began anew.
    tried_before: u64,
    queue_bytes: u64,
    went_by_layers: bool,
    /// Whether the furthest that was reached is known to be the furthest that can be, if there is no order.
    proven: bool,
    key: Vec<u64>,
    initial: u32,
    now: Configuration,
    /// What is asked for now, once somebody wanted to know.
    asked: Option<Asked<'a, M::Op>>,
    /// The number in `trail` of the step that led to the current state, plus one; 0 is the initial state.
    last_change: u32,
    /// Its room is part of the layout's bytes.
    trail: Vec<Step>,
    /// The highest `first` so far, and the states seen there with the entries that led to them.
    furthest: usize,
    seen_there: Vec<(u32, Option<usize>)>,
    watch: &'a (dyn Fn(Searching) + Sync),
    /// After so many configurations it is told again.
    told_next: u64,
}

/// Configurations between two reports: about a tenth of a second.
const TOLD_EVERY: u64 = 1 << 16;

/// One step of an attempt, with what is needed to take it back.
struct Step {
    choice: Choice,
    first: u32,
    state: u32,
    unproven: u32,
    last_change: u32,
    /// The choice to try next if this one leads nowhere; `None` where there is no alternative.
    next: Option<u32>,
}

/// What the trail takes for each entry.
pub(super) const STEP_BYTES: usize = size_of::<Step>();

#[derive(Clone, Copy)]
enum Choice {
    /// The completed entry of this rank.
    Completed(u32),
    /// The earliest unused entry of this class, being the class's member of this number.
    Open { class: u32, member: u32 },
}

impl<'a, M: Model> Searcher<'a, M> {
    pub(super) fn new(
        model: &'a M,
        layout: &'a Layout<'a, M::Op>,
        mut states: States<M::State>,
        stranding: Option<Stranding>,
        options: SearchOptions,
        watch: &'a (dyn Fn(Searching) + Sync),
    ) -> Searcher<'a, M> {
        let initial = states.number(model, &model.initial());
        let most =
            layout.completed.len() + layout.open.iter().map(|class| class.members.len()).sum::<usize>();
        Searcher {
            model,
            layout,
            options,
            states,
            stranding,
            memory: Memory::new(shape(layout, &options)),
            tried_before: 0,
            queue_bytes: 0,
            went_by_layers: false,
            proven: true,
            key: Vec::new(),
            initial,
            now: Configuration::new(layout, initial),
            asked: None,
            last_change: 0,
            trail: Vec::with_capacity(most),
            furthest: 0,
            seen_there: Vec::new(),
            watch,
            told_next: TOLD_EVERY,
        }
    }

    pub(super) fn run(&mut self) -> End {
        let Prunings { compact_key, dominance, .. } = self.options.prunings;
        let patience = match compact_key && dominance {
            true => self.options.patience.saturating_mul(self.layout.completed.len() as u64),
            false => u64::MAX,
        };
        self.go_deep(patience).unwrap_or_else(|| {
            self.begin_anew();
            self.sweep()
        })
    }

    /// Deep first; `None` if more than `patience` configurations were tried.
    fn go_deep(&mut self, patience: u64) -> Option<End> {
        let end = loop {
            if self.options.prunings.eager_no_ops {
                self.observe();
            }
            if self.now.first == self.layout.completed.len() {
                break End::Found;
            }
            self.note_progress(NONE);
            if let Some(limit) = self.spent() {
                break End::GaveUp(limit);
            }
            if self.memory.tried() >= patience {
                return None;
            }
            let mut next = match self.remember() {
                Insert::New => Some(0),
                Insert::Known => None,
                Insert::Full => break End::GaveUp(Limit::Bytes(self.options.budget.bytes)),
            };
            while !next.is_some_and(|next| self.take_from(next)) {
                let Some(step) = self.trail.pop() else { return Some(End::Impossible) };
                self.take_back(&step);
                next = step.next;
            }
        };
        Some(end)
    }

    /// How many configurations were tried.
    pub(super) fn tried(&self) -> u64 {
        self.tried_before + self.memory.tried()
    }

    fn spent(&mut self) -> Option<Limit> {
        if self.tried() >= self.told_next {
            self.told_next = self.tried() + TOLD_EVERY;
            let (explained, completed) = (self.furthest, self.layout.completed.len());
            (self.watch)(Searching { explained, completed, configurations: self.tried() });
        }
        let configurations = self.options.budget.configurations;
        (self.tried() >= configurations).then_some(Limit::Configurations(configurations))
    }

    /// Takes every operation that only observes and fits: wherever it could stand later, it could as well stand here.
    fn observe(&mut self) {
        while self.now.first < self.layout.completed.len() {
            let state = self.states.get(self.now.state);
            let fits = |&&rank: &&u32| {
                let ranked = &self.layout.completed[rank as usize];
                let harmless = ranked.step.only_observes
                    || seeded_bug!("eager-write-of-the-current-value")
                        && self.model.step(state, ranked.step.op).as_ref() == Some(state);
                harmless
                    && !self.now.is_ahead(ranked.slot)
                    && self.model.step(state, ranked.step.op).is_some()
            };
            let Some(&rank) = self.layout.candidates(self.now.first).iter().find(fits) else { return };
            self.step(Choice::Completed(rank), self.now.state, None);
        }
    }

    /// Whether this configuration is new.
    fn remember(&mut self) -> Insert {
        self.now.write_key(&mut self.key);
        if !self.options.prunings.compact_key {
            self.write_full_key();
        }
        let bytes = self.options.budget.bytes;
        let bytes = bytes.saturating_sub(self.layout.bytes + self.states.bytes() + self.queue_bytes);
        if self.options.prunings.dominance {
            return self.memory.insert(&self.key, &self.now.used, bytes);
        }
        self.key.extend_from_slice(&self.now.used);
        self.memory.insert(&self.key, &[], bytes)
    }

    /// Replaces `key` by one with a bit for every completed entry, straight from the trail.
    fn write_full_key(&mut self) {
        self.key.clear();
        self.key.push(self.now.state.into());
        self.key.resize(full_key_width(self.layout), 0);
        for step in &self.trail {
            if let Choice::Completed(rank) = step.choice {
                self.key[1 + rank as usize / 64] |= 1 << (rank % 64);
            }
        }
    }

    fn step(&mut self, choice: Choice, state: u32, next: Option<u32>) {
        let waits = self.waits();
        self.asked = None;
        let now = &mut self.now;
        let (first, unproven, last_change) = (small(now.first), now.unproven, self.last_change);
        self.trail.push(Step { choice, first, state: now.state, unproven, last_change, next });
        match choice {
            Choice::Completed(rank) => {
                now.take(self.layout, rank as usize);
                now.unproven = NONE;
            }
            Choice::Open { class, .. } => {
                now.use_open(self.layout, class as usize);
                now.unproven = if waits { now.state } else { NONE };
            }
        }
        if state != now.state {
            now.state = state;
            self.last_change = small(self.trail.len());
        }
    }

    fn take_back(&mut self, step: &Step) {
        self.asked = None;
        match step.choice {
            Choice::Completed(rank) => self.now.put_back(self.layout, rank as usize, step.first as usize),
            Choice::Open { class, .. } => self.now.unuse_open(self.layout, class as usize),
        }
        self.now.state = step.state;
        self.now.unproven = step.unproven;
        self.last_change = step.last_change;
    }

    /// `before` led to the state that the trail begins with.
    fn note_progress(&mut self, before: u32) {
        if self.now.first < self.furthest {
            return;
        }
        if self.now.first > self.furthest {
            self.furthest = self.now.first;
            self.seen_there.clear();
        }
        let known = self.seen_there.iter().any(|&(state, _)| state == self.now.state);
        if !known && self.seen_there.len() < Frontier::<M::State>::STATES {
            let before = Some(before as usize).filter(|_| before != NONE);
            let writer = self.last_change.checked_sub(1);
            let writer = writer.map(|step| self.entry(&self.trail[step as usize])).or(before);
            self.seen_there.push((self.now.state, writer));
        }
    }

    fn entry(&self, step: &Step) -> usize {
        match step.choice {
            Choice::Completed(rank) => self.layout.completed[rank as usize].entry,
            // A member that was taken is there.
            Choice::Open { class, member } => {
                self.layout.open[class as usize].member(member).map_or(0, |(_, entry)| entry)
            }
        }
    }

    pub(super) fn order(&self) -> Vec<usize> {
        self.trail.iter().map(|step| self.entry(step)).collect()
    }

    pub(super) fn frontier(&self, exact: bool) -> Frontier<M::State> {
        let states =
            self.seen_there.iter().map(|&(state, by)| (self.states.get(state).clone(), by)).collect();
        Frontier {
            entry: self.layout.completed[self.furthest].entry,
            explained: self.furthest,
            states,
            exact,
        }
    }

    /// After an exhausted search: the frontier, and how many configurations it took to find it.
    ///
    /// What was not tried because it would have stranded an entry might have come as far as to that entry. It has come
    /// further than what was tried only if that entry is beyond. Then the search is made once more, and looks only at
    /// needs that are not beyond: those stop no attempt before it has come as far.
    pub(super) fn exact_frontier(self) -> (Frontier<M::State>, u64) {
        let furthest = self.furthest;
        let beyond = |stranding: &Stranding| stranding.latest() >= Some(furthest);
        if self.went_by_layers || !self.stranding.as_ref().is_some_and(beyond) {
            return (self.frontier(self.proven), 0);
        }
        let frontier = self.frontier(false);
        let tried = self.tried();
        let Searcher { model, layout, mut options, states, stranding, memory, watch, .. } = self;
        options.budget.configurations -= tried;
        drop(memory);
        let stranding = stranding.map(|stranding| stranding.with_horizon(furthest));
        let mut again = Searcher::new(model, layout, states, stranding, options, watch);
        match again.run() {
            End::Impossible => (again.frontier(true), again.tried()),
            End::Found | End::GaveUp(_) => (frontier, again.tried()),
        }
    }

    pub(super) fn difficulty(&self, limit: Limit, size: Size) -> Difficulty {
        let members = |class: &layout::OpenClass<'_, M::Op>| class.members.len();
        let mut kinds: Vec<(usize, usize)> =
            self.layout.open.iter().map(|class| (class.members[0].1, members(class))).collect();
        kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let open = kinds.iter().map(|&(_, count)| count).sum();
        Difficulty { limit, peak: size.peak, open, kinds, states: self.states.len() }
    }
}

fn shape<Op>(layout: &Layout<'_, Op>, options: &SearchOptions) -> Shape {
    let key = match options.prunings.compact_key {
        true => Configuration::key_width(layout),
        false => full_key_width(layout),
    };
    match options.prunings.dominance {
        true => Shape { key, guards: layout.guards.clone() },
        false => Shape { key: key + layout.guards.len(), guards: Vec::new() },
    }
}

fn full_key_width<Op>(layout: &Layout<'_, Op>) -> usize {
    1 + layout.completed.len().div_ceil(64)
}
