//! Engine A: the search of Wing and Gong with the memory of Lowe, for any model.
//!
//! Take a legal operation that nothing untaken precedes in real time, go on, and turn back where nothing fits; try no
//! configuration twice. Success is when no completed operation is left. Beyond that: configurations have compact keys
//! (`configuration`), operations that only observe are taken at once and for good, open operations of equal effect are
//! counted, not told apart (`layout`), and where the model allows it they wait until they are needed.

mod configuration;
mod layout;
mod memory;

use std::collections::HashMap;

use configuration::Configuration;
use layout::Layout;
use memory::Memory;

use crate::model::Model;
use crate::timeline::Timeline;

/// How much a search may cost. Both limits depend on the input alone, so a run that gives up does so everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Configurations to try.
    pub configurations: u64,
    /// Bytes to remember them in.
    pub bytes: u64,
}

impl Default for Budget {
    /// Fifty million configurations in 2 GB: about a minute.
    fn default() -> Budget {
        Budget { configurations: 50_000_000, bytes: 2_000_000_000 }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search<State> {
    /// This order explains the timeline.
    Found {
        /// Entries in the order of their effects; open ones that are not needed are left out.
        order: Vec<usize>,
        /// How many configurations were tried.
        configurations: u64,
    },
    /// No order explains it.
    Impossible {
        /// Where every attempt ends.
        frontier: Frontier<State>,
        /// How many configurations were tried.
        configurations: u64,
    },
    /// The budget is spent.
    GaveUp {
        /// The best attempt so far.
        frontier: Frontier<State>,
        /// How many configurations were tried.
        configurations: u64,
    },
}

/// The furthest that any attempt came. When the search is exhausted, the timeline up to this entry's return is its
/// shortest prefix that nothing explains: everything that returned before is explained by some attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier<State> {
    /// The completed entry that no attempt got past.
    pub entry: usize,
    /// How many entries returned before it: all of them are explained.
    pub explained: usize,
    /// States in which attempts stood before it, at most [`Frontier::STATES`], with the entry that led there (`None`:
    /// the initial state).
    pub states: Vec<(State, Option<usize>)>,
}

impl<State> Frontier<State> {
    /// How many states are kept, for people to read.
    pub const STATES: usize = 8;
}

/// Searches for an order that explains `timeline`. It is not split into parts: see [`split`](super::split::split).
pub fn linearize<M: Model>(model: &M, timeline: &Timeline<M::Op>, budget: Budget) -> Search<M::State> {
    let layout = Layout::new(model, timeline);
    let mut searcher = Searcher::new(model, &layout);
    let end = searcher.run(budget);
    let configurations = searcher.memory.len();
    match end {
        End::Found => Search::Found { order: searcher.order(), configurations },
        End::Impossible => Search::Impossible { frontier: searcher.frontier(), configurations },
        End::GaveUp => Search::GaveUp { frontier: searcher.frontier(), configurations },
    }
}

enum End {
    Found,
    Impossible,
    GaveUp,
}

struct Searcher<'a, M: Model> {
    model: &'a M,
    layout: &'a Layout<M::Op>,
    states: States<M::State>,
    memory: Memory,
    key: Vec<u64>,
    now: Configuration,
    /// The index in `trail` of the step that led to the current state, plus one; 0 is the initial state.
    last_change: usize,
    trail: Vec<Step>,
    /// The highest `first` so far, and the states seen there with the entries that led to them.
    furthest: usize,
    seen_there: Vec<(u32, Option<usize>)>,
}

/// One step of an attempt, with what is needed to take it back.
struct Step {
    choice: Choice,
    first: usize,
    state: u32,
    unproven: Option<u32>,
    last_change: usize,
    /// The choice to try next if this one leads nowhere; `None` where there is no alternative.
    next: Option<usize>,
}

#[derive(Clone, Copy)]
enum Choice {
    /// The completed entry of this rank.
    Completed(usize),
    /// The earliest unused entry of this class, being the class's member of this number.
    Open { class: usize, member: u32 },
}

impl<'a, M: Model> Searcher<'a, M> {
    fn new(model: &'a M, layout: &'a Layout<M::Op>) -> Searcher<'a, M> {
        let mut states = States { list: Vec::new(), numbers: HashMap::new() };
        let initial = states.number(model.initial());
        Searcher {
            model,
            layout,
            states,
            memory: Memory::new(Configuration::key_width(layout)),
            key: Vec::new(),
            now: Configuration::new(layout, initial),
            last_change: 0,
            trail: Vec::new(),
            furthest: 0,
            seen_there: Vec::new(),
        }
    }

    fn run(&mut self, budget: Budget) -> End {
        let configurations = budget.configurations.min(u64::from(Memory::LIMIT));
        loop {
            self.observe();
            if self.now.first == self.layout.completed.len() {
                return End::Found;
            }
            self.note_progress();
            if self.memory.len() >= configurations || self.memory.bytes() >= budget.bytes {
                return End::GaveUp;
            }
            let mut next = self.remember().then_some(0);
            while !next.is_some_and(|next| self.take_from(next)) {
                let Some(step) = self.trail.pop() else { return End::Impossible };
                self.take_back(&step);
                next = step.next;
            }
        }
    }

    /// Takes every operation that only observes and fits: wherever it could stand later, it could as well stand here.
    fn observe(&mut self) {
        while self.now.first < self.layout.completed.len() {
            let fits = |&&rank: &&usize| {
                let ranked = &self.layout.completed[rank];
                ranked.only_observes
                    && !self.now.is_ahead(ranked.slot)
                    && self.model.step(self.states.get(self.now.state), &ranked.op).is_some()
            };
            let Some(&rank) = self.layout.candidates(self.now.first).iter().find(fits) else { return };
            self.step(Choice::Completed(rank), self.now.state, None);
        }
    }

    /// Whether this configuration is new.
    fn remember(&mut self) -> bool {
        self.now.write_key(self.layout, &mut self.key);
        self.memory.insert(&self.key)
    }

    /// Takes the first choice that is legal, from number `next` on; false if there is none.
    fn take_from(&mut self, next: usize) -> bool {
        let candidates = self.layout.candidates(self.now.first).len();
        for number in next..candidates + self.layout.open.len() {
            let choice = match number.checked_sub(candidates) {
                None => Choice::Completed(self.layout.candidates(self.now.first)[number]),
                Some(class) => Choice::Open { class, member: self.now.used[class] },
            };
            if let Some(state) = self.outcome(choice) {
                self.step(choice, state, Some(number + 1));
                return true;
            }
        }
        false
    }

    /// The state after `choice`, if it may be taken now and is worth it.
    fn outcome(&mut self, choice: Choice) -> Option<u32> {
        let op = match choice {
            Choice::Completed(rank) => {
                let ranked = &self.layout.completed[rank];
                (!self.now.is_ahead(ranked.slot)).then_some(&ranked.op)?
            }
            Choice::Open { class, member } => {
                let class = &self.layout.open[class];
                let &(invoked, _) = class.members.get(member as usize)?;
                (invoked < self.layout.completed[self.now.first].returned).then_some(&class.op)?
            }
        };
        let state = self.model.step(self.states.get(self.now.state), op)?;
        // An open operation waits for one that needs it; `observe` has already taken those that did not.
        let pointless = |before| self.model.step(self.states.get(before), op).is_some();
        if self.now.unproven.is_some_and(pointless) {
            return None;
        }
        let state = self.states.number(state);
        // An open operation that changes nothing now is better kept for later.
        let wasted = matches!(choice, Choice::Open { .. }) && state == self.now.state;
        (!wasted).then_some(state)
    }

    fn step(&mut self, choice: Choice, state: u32, next: Option<usize>) {
        let now = &mut self.now;
        let (first, unproven, last_change) = (now.first, now.unproven, self.last_change);
        self.trail.push(Step { choice, first, state: now.state, unproven, last_change, next });
        match choice {
            Choice::Completed(rank) => {
                now.take(self.layout, rank);
                now.unproven = None;
            }
            Choice::Open { class, .. } => {
                now.used[class] += 1;
                now.unproven = self.model.open_can_wait().then_some(now.state);
            }
        }
        if state != now.state {
            now.state = state;
            self.last_change = self.trail.len();
        }
    }

    fn take_back(&mut self, step: &Step) {
        match step.choice {
            Choice::Completed(rank) => self.now.put_back(self.layout, rank, step.first),
            Choice::Open { class, .. } => self.now.used[class] -= 1,
        }
        self.now.state = step.state;
        self.now.unproven = step.unproven;
        self.last_change = step.last_change;
    }

    fn note_progress(&mut self) {
        if self.now.first < self.furthest {
            return;
        }
        if self.now.first > self.furthest {
            self.furthest = self.now.first;
            self.seen_there.clear();
        }
        let known = self.seen_there.iter().any(|&(state, _)| state == self.now.state);
        if !known && self.seen_there.len() < Frontier::<M::State>::STATES {
            let writer = self.last_change.checked_sub(1).map(|step| self.entry(&self.trail[step]));
            self.seen_there.push((self.now.state, writer));
        }
    }

    fn entry(&self, step: &Step) -> usize {
        match step.choice {
            Choice::Completed(rank) => self.layout.completed[rank].entry,
            Choice::Open { class, member } => self.layout.open[class].members[member as usize].1,
        }
    }

    fn order(&self) -> Vec<usize> {
        self.trail.iter().map(|step| self.entry(step)).collect()
    }

    fn frontier(&self) -> Frontier<M::State> {
        let states =
            self.seen_there.iter().map(|&(state, by)| (self.states.get(state).clone(), by)).collect();
        Frontier { entry: self.layout.completed[self.furthest].entry, explained: self.furthest, states }
    }
}

/// States by number, so that a key holds 32 bits of state whatever the model.
struct States<State> {
    list: Vec<State>,
    numbers: HashMap<State, u32>,
}

impl<State: Clone + Eq + std::hash::Hash> States<State> {
    fn number(&mut self, state: State) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        // There are no more states than configurations, of which the memory holds fewer than 2^32.
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(state.clone());
        self.numbers.insert(state, number);
        number
    }

    fn get(&self, number: u32) -> &State {
        &self.list[number as usize]
    }
}
