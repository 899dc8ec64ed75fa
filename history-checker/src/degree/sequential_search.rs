//! The search for a sequentially consistent order, where values have several writers: operations are taken process by
//! process, and no configuration (how far each process is, which open operations were used, the state) is tried twice.
//!
//! What keeps it small: an observation that fits is taken at once, as it could stand nowhere better; a value is not left
//! while somebody still needs it and nobody can write it again; a value that nobody needs any more is as good as any
//! other such value; and an open operation is only taken for somebody who needs what it writes.

use std::collections::{BTreeMap, HashSet};

use super::Holds;
use super::accesses::Accesses;
use crate::engine::search::Budget;
use crate::models::{RegisterOp, ValueId};

pub(super) fn decide(accesses: &Accesses, budget: Budget) -> Holds {
    Searcher::new(accesses).run(budget)
}

struct Searcher<'a> {
    accesses: &'a Accesses,
    /// The completed accesses of each process, in its order.
    threads: Vec<Vec<usize>>,
    open: Vec<Open>,
    /// Whether some access only says what it did not see: then no value is as good as another.
    differences: bool,
    now: Now,
    left: usize,
    trail: Vec<Step>,
}

struct Open {
    access: usize,
    thread: usize,
    /// How many of its process's operations must have been taken.
    after: usize,
}

/// A configuration, and what follows from it.
struct Now {
    taken: Vec<u32>,
    used: Vec<bool>,
    /// `None`: a value that nobody needs.
    state: Option<ValueId>,
    values: Vec<Demand>,
}

/// What is left to be taken that concerns a value.
#[derive(Clone, Copy, Default)]
struct Demand {
    observers: usize,
    /// Open CAS that expect it.
    swaps: usize,
    writers: usize,
}

#[derive(Clone, Copy)]
enum Choice {
    Next { thread: usize },
    Open { number: usize },
}

struct Step {
    choice: Choice,
    state: Option<ValueId>,
    /// The choice to try next if this one leads nowhere; `None` if there is no alternative.
    next: Option<usize>,
}

impl<'a> Searcher<'a> {
    fn new(accesses: &'a Accesses) -> Searcher<'a> {
        let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
        let mut threads: Vec<Vec<usize>> = Vec::new();
        let mut open = Vec::new();
        let mut values = vec![Demand::default(); accesses.values()];
        for (number, access) in accesses.list.iter().enumerate() {
            let thread = *numbers.entry(access.process).or_insert(threads.len());
            if thread == threads.len() {
                threads.push(Vec::new());
            }
            match access.returned {
                Some(_) => threads[thread].push(number),
                None => open.push(Open { access: number, thread, after: threads[thread].len() }),
            }
            demand(&mut values, accesses, number, |count| *count += 1);
        }
        let (taken, used) = (vec![0; threads.len()], vec![false; open.len()]);
        let now = Now { taken, used, state: Some(accesses.initial), values };
        let differences = accesses.differences().next().is_some();
        let left = threads.iter().map(Vec::len).sum();
        Searcher { accesses, threads, open, differences, now, left, trail: Vec::new() }
    }

    fn run(&mut self, budget: Budget) -> Holds {
        let mut memory: HashSet<Box<[u32]>> = HashSet::new();
        let mut bytes = 0_u64;
        self.forget_state();
        loop {
            self.observe();
            if self.left == 0 {
                return Holds::Yes;
            }
            if memory.len() as u64 >= budget.configurations || bytes >= budget.bytes {
                return Holds::Unknown;
            }
            let key = self.key();
            bytes += 4 * key.len() as u64 + 32;
            let mut next = memory.insert(key).then_some(0);
            while !next.is_some_and(|next| self.take_from(next)) {
                let Some(step) = self.trail.pop() else { return Holds::No };
                self.take_back(&step);
                next = step.next;
            }
        }
    }

    /// Takes what fits and changes nothing, as long as there is any.
    fn observe(&mut self) {
        let mut thread = 0;
        let mut idle = 0;
        while idle < self.threads.len() {
            match self.head(thread).filter(|&access| self.changes_nothing(access)) {
                Some(_) => {
                    idle = 0;
                    self.step(Choice::Next { thread }, self.now.state, None);
                }
                None => {
                    idle += 1;
                    thread = (thread + 1) % self.threads.len();
                }
            }
        }
    }

    fn changes_nothing(&self, access: usize) -> bool {
        match self.accesses.list[access].op {
            RegisterOp::Observe(value) => self.now.state == Some(value),
            RegisterOp::ObserveNot(value) => self.now.state != Some(value),
            RegisterOp::Put(value) => self.now.state.is_none() && !self.needed(value),
            RegisterOp::Swap { .. } | RegisterOp::Absurd => false,
        }
    }

    /// Takes the first choice that is legal and not hopeless, from number `next` on; false if there is none.
    fn take_from(&mut self, next: usize) -> bool {
        for (number, choice) in self.choices().into_iter().enumerate().skip(next) {
            let access = match choice {
                Choice::Next { thread } => self.head(thread),
                Choice::Open { number } => Some(self.open[number].access),
            };
            if let Some(state) = access.and_then(|access| self.after(access)) {
                self.step(choice, Some(state), Some(number + 1));
                return true;
            }
        }
        false
    }

    /// As they were invoked, as most of a history is in order; open ones last.
    fn choices(&self) -> Vec<Choice> {
        let mut heads: Vec<(usize, usize)> =
            (0..self.threads.len()).filter_map(|thread| Some((self.head(thread)?, thread))).collect();
        heads.sort_unstable();
        let usable = self.open.iter().enumerate().filter(|(number, open)| {
            let written = self.accesses.list[open.access].written();
            !self.now.used[*number]
                && self.now.taken[open.thread] as usize >= open.after
                && written.is_some_and(|value| self.differences || self.needed(value))
        });
        let heads = heads.into_iter().map(|(_, thread)| Choice::Next { thread });
        heads.chain(usable.map(|(number, _)| Choice::Open { number })).collect()
    }

    /// The state after a write or a CAS that swaps; `None` if that is illegal, or leaves a value that is still needed.
    fn after(&self, access: usize) -> Option<ValueId> {
        let (to, own) = match self.accesses.list[access].op {
            RegisterOp::Put(to) => (to, 0),
            RegisterOp::Swap { from, to } if self.now.state == Some(from) => {
                (to, usize::from(self.accesses.list[access].returned.is_some()))
            }
            _ => return None,
        };
        let stranded = self.now.state.filter(|&state| state != to).is_some_and(|state| {
            let Demand { observers, writers, .. } = self.now.values[state];
            observers > own && writers == 0
        });
        (!stranded).then_some(to)
    }

    fn step(&mut self, choice: Choice, state: Option<ValueId>, next: Option<usize>) {
        self.trail.push(Step { choice, state: self.now.state, next });
        let access = match choice {
            Choice::Next { thread } => {
                let access = self.threads[thread][self.now.taken[thread] as usize];
                self.now.taken[thread] += 1;
                self.left -= 1;
                access
            }
            Choice::Open { number } => {
                self.now.used[number] = true;
                self.open[number].access
            }
        };
        demand(&mut self.now.values, self.accesses, access, |count| *count -= 1);
        self.now.state = state;
        self.forget_state();
    }

    fn take_back(&mut self, step: &Step) {
        let access = match step.choice {
            Choice::Next { thread } => {
                self.now.taken[thread] -= 1;
                self.left += 1;
                self.threads[thread][self.now.taken[thread] as usize]
            }
            Choice::Open { number } => {
                self.now.used[number] = false;
                self.open[number].access
            }
        };
        demand(&mut self.now.values, self.accesses, access, |count| *count += 1);
        self.now.state = step.state;
    }

    fn forget_state(&mut self) {
        if !self.differences {
            self.now.state = self.now.state.filter(|&state| self.needed(state));
        }
    }

    fn needed(&self, value: ValueId) -> bool {
        let Demand { observers, swaps, .. } = self.now.values[value];
        observers + swaps > 0
    }

    fn head(&self, thread: usize) -> Option<usize> {
        self.threads[thread].get(self.now.taken[thread] as usize).copied()
    }

    fn key(&self) -> Box<[u32]> {
        let state = self.now.state.map_or(u32::MAX, |state| u32::try_from(state).unwrap_or(u32::MAX));
        let bits = self.now.used.chunks(32).map(|chunk| {
            chunk.iter().enumerate().fold(0, |word, (bit, &used)| word | u32::from(used) << bit)
        });
        self.now.taken.iter().copied().chain(bits).chain([state]).collect()
    }
}

/// Counts an access in, or out, of what is left.
fn demand(values: &mut [Demand], accesses: &Accesses, access: usize, change: impl Fn(&mut usize)) {
    let access = &accesses.list[access];
    if let Some(value) = access.observed() {
        change(&mut values[value].observers);
    } else if let Some(value) = access.expected() {
        change(&mut values[value].swaps);
    }
    if let Some(value) = access.written() {
        change(&mut values[value].writers);
    }
}
