//! The search itself: forward by what fits, back where nothing does.

use super::Frontier;
use super::configuration::Configuration;
use super::difficulty::{Difficulty, Limit};
use super::layout::{self, Layout, NONE, Size, small};
use super::memory::{Insert, Memory, Shape};
use super::options::{Prunings, SearchOptions};
use super::states::States;
use super::stranding::Stranding;
use super::sweep::{Node, Queue};
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
    /// The number in `trail` of the step that led to the current state, plus one; 0 is the initial state.
    last_change: u32,
    /// Its room is part of the layout's bytes.
    trail: Vec<Step>,
    /// The highest `first` so far, and the states seen there with the entries that led to them.
    furthest: usize,
    seen_there: Vec<(u32, Option<usize>)>,
}

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
            last_change: 0,
            trail: Vec::with_capacity(most),
            furthest: 0,
            seen_there: Vec::new(),
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

    fn begin_anew(&mut self) {
        while let Some(step) = self.trail.pop() {
            self.take_back(&step);
        }
        self.tried_before += self.memory.tried();
        self.memory = Memory::new(shape(self.layout, &self.options));
        self.went_by_layers = true;
    }

    /// By layers.
    fn sweep(&mut self) -> End {
        let initial = Node {
            parent: NONE,
            choice: 0,
            first: 0,
            steps: 0,
            state: self.now.state,
            unproven: NONE,
            writer: NONE,
        };
        let mut queue = Queue::new(self.now.ahead.len() + self.now.used.len());
        if let Some(end) = self.enqueue(initial, &mut queue) {
            return end;
        }
        let end = self.empty(&mut queue);
        if matches!(end, End::Impossible) {
            self.proven = self.try_what_was_put_off(&mut queue);
        }
        end
    }

    /// Tries everything in the queue and all that it leads to.
    fn empty(&mut self, queue: &mut Queue) -> End {
        while let Some(number) = queue.pop() {
            let node = queue.node(number);
            self.now.restore(node, queue.words(number));
            self.now.write_key(&mut self.key);
            if !self.memory.keeps(&self.key, &self.now.used) {
                continue;
            }
            self.note_progress(node.writer);
            if let Some(end) = self.expand(number, queue) {
                return end;
            }
        }
        End::Impossible
    }

    /// Enqueues what the node that `now` is at leads to.
    fn expand(&mut self, number: u32, queue: &mut Queue) -> Option<End> {
        let node = queue.node(number);
        for choice in 0..self.choices() {
            if self.take(choice) {
                let end = self.enqueue(Node { parent: number, choice, ..node }, queue);
                if end.is_some() {
                    return end;
                }
            } else if let Some(rank) = self.stranding.as_mut().and_then(Stranding::take_last)
                && rank >= self.furthest
            {
                queue.put_off(rank, (number, choice), self.furthest);
            }
        }
        None
    }

    /// After everything else was tried in vain: what was not, for the sake of entries beyond the furthest. It leads to
    /// no order, but may come further. Needs that are not beyond still count: those stop nothing before it has come as
    /// far. Whether the budget sufficed.
    fn try_what_was_put_off(&mut self, queue: &mut Queue) -> bool {
        let put_off = queue.take_put_off(self.furthest);
        let furthest = self.furthest;
        self.stranding = self.stranding.take().map(|stranding| stranding.with_horizon(furthest));
        for (number, choice) in put_off {
            let node = queue.node(number);
            self.now.restore(node, queue.words(number));
            if self.take(choice) && self.enqueue(Node { parent: number, choice, ..node }, queue).is_some() {
                return false;
            }
        }
        matches!(self.empty(queue), End::Impossible)
    }

    /// Puts what `now` and the trail have come to into the queue, if it is new, and takes the trail back. `from` says
    /// where the trail began. The end, if this is one.
    fn enqueue(&mut self, from: Node, queue: &mut Queue) -> Option<End> {
        if self.options.prunings.eager_no_ops {
            self.observe();
        }
        if self.now.first == self.layout.completed.len() {
            self.walk(from, queue);
            return Some(End::Found);
        }
        if let Some(limit) = self.spent() {
            return Some(End::GaveUp(limit));
        }
        self.queue_bytes = queue.bytes();
        match self.remember() {
            Insert::Full => return Some(End::GaveUp(Limit::Bytes(self.options.budget.bytes))),
            Insert::Known => {}
            Insert::New => {
                let writer = self
                    .last_change
                    .checked_sub(1)
                    .map_or(from.writer, |step| small(self.entry(&self.trail[step as usize])));
                let Configuration { first, state, unproven, .. } = self.now;
                let steps = from.steps + small(self.trail.len());
                let node = Node { first: small(first), steps, state, unproven, writer, ..from };
                queue.push(node, [&self.now.ahead, &self.now.used]);
            }
        }
        while let Some(step) = self.trail.pop() {
            self.take_back(&step);
        }
        None
    }

    /// Goes the way to `last` again from the beginning, so that the trail tells it.
    fn walk(&mut self, last: Node, queue: &Queue) {
        let mut way = if last.parent == NONE { Vec::new() } else { queue.way(last.parent) };
        if last.parent != NONE {
            way.push(last.choice);
        }
        self.trail.clear();
        self.last_change = 0;
        self.now = Configuration::new(self.layout, self.initial);
        for choice in way {
            if self.options.prunings.eager_no_ops {
                self.observe();
            }
            self.take(choice);
        }
        if self.options.prunings.eager_no_ops {
            self.observe();
        }
    }

    /// How many configurations were tried.
    pub(super) fn tried(&self) -> u64 {
        self.tried_before + self.memory.tried()
    }

    fn spent(&self) -> Option<Limit> {
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

    /// Takes the first choice that is legal and worth it, from number `next` on; false if there is none.
    fn take_from(&mut self, next: u32) -> bool {
        (next..self.choices()).any(|number| self.take(number))
    }

    /// Choices are numbered: completed entries that may come next, then classes of open ones.
    fn choices(&self) -> u32 {
        small(self.layout.candidates(self.now.first).len() + self.layout.open.len())
    }

    /// Takes this choice if it is legal and worth it.
    fn take(&mut self, number: u32) -> bool {
        let layout = self.layout;
        let candidates = layout.candidates(self.now.first);
        let choice = match candidates.get(number as usize) {
            Some(&rank) => Choice::Completed(rank),
            None => {
                let class = number as usize - candidates.len();
                Choice::Open { class: small(class), member: self.now.used(layout, class) }
            }
        };
        let Some(state) = self.outcome(choice) else { return false };
        self.step(choice, state, Some(number + 1));
        true
    }

    /// The state after `choice`, if it may be taken now and is worth it.
    fn outcome(&mut self, choice: Choice) -> Option<u32> {
        let step = self.available(choice)?;
        let next = self.after(self.now.state, step)?;
        if self.now.unproven != NONE && !self.proves(choice, step, self.now.unproven) {
            return None;
        }
        let open = matches!(choice, Choice::Open { .. });
        // An open operation that changes nothing now is better kept for later.
        if open && next == self.now.state && self.options.prunings.dominance {
            return None;
        }
        if open && self.waits() && !self.is_asked_for(next) {
            return None;
        }
        if next != self.now.state && self.strands(choice) {
            return None;
        }
        Some(next)
    }

    /// What `choice` does, if nothing that is not taken precedes it.
    fn available(&self, choice: Choice) -> Option<&'a layout::Step<'a, M::Op>> {
        let layout = self.layout;
        match choice {
            Choice::Completed(rank) => {
                let ranked = &layout.completed[rank as usize];
                (!self.now.is_ahead(ranked.slot)).then_some(&ranked.step)
            }
            Choice::Open { class, member } => {
                let class = &layout.open[class as usize];
                let (invoked, _) = class.member(member)?;
                (invoked <= layout.completed[self.now.first].returned).then_some(&class.step)
            }
        }
    }

    /// The state after an operation in `state`, if it is legal there.
    fn after(&mut self, state: u32, step: &layout::Step<'_, M::Op>) -> Option<u32> {
        let next = self.model.step(self.states.get(state), step.op)?;
        Some(match step {
            _ if step.only_observes => state,
            _ if step.leaves != NONE => step.leaves,
            _ => self.states.number(self.model, &next),
        })
    }

    fn is_legal(&self, state: u32, step: &layout::Step<'_, M::Op>) -> bool {
        self.model.step(self.states.get(state), step.op).is_some()
    }

    fn waits(&self) -> bool {
        self.options.prunings.lazy_opens && self.model.open_can_wait()
    }

    /// Whether an operation shows that an open one was needed: without that, in the state `before`, it is illegal.
    fn proves(&self, choice: Choice, step: &layout::Step<'_, M::Op>, before: u32) -> bool {
        if seeded_bug!("lazy-ignores-differences") && step.only_observes && step.requires == NONE {
            return false;
        }
        if seeded_bug!("lazy-cuts-chains") && matches!(choice, Choice::Open { .. }) {
            return false;
        }
        !self.is_legal(before, step)
    }

    /// Whether some operation that may come next would be illegal now and legal in `next`.
    fn is_asked_for(&self, next: u32) -> bool {
        let layout = self.layout;
        let completed = layout.candidates(self.now.first).iter().map(|&rank| Choice::Completed(rank));
        let open = (0..layout.open.len())
            .map(|class| Choice::Open { class: small(class), member: self.now.used(layout, class) });
        completed.chain(open).any(|choice| {
            self.available(choice).is_some_and(|step| {
                (step.requires == NONE || step.requires == next)
                    && self.is_legal(next, step)
                    && self.proves(choice, step, self.now.state)
            })
        })
    }

    fn strands(&mut self, choice: Choice) -> bool {
        let taken = match choice {
            Choice::Completed(rank) => Some(rank as usize),
            Choice::Open { .. } => None,
        };
        self.stranding.as_mut().is_some_and(|stranding| stranding.strands(self.layout, &self.now, taken))
    }

    fn step(&mut self, choice: Choice, state: u32, next: Option<u32>) {
        let waits = self.waits();
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
        let Searcher { model, layout, mut options, states, stranding, memory, .. } = self;
        options.budget.configurations -= tried;
        drop(memory);
        let stranding = stranding.map(|stranding| stranding.with_horizon(furthest));
        let mut again = Searcher::new(model, layout, states, stranding, options);
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
