//! Every order in which the events of a small scope can happen: messages overtake each other and are lost, clocks
//! run as they like, nodes crash, in some scopes between any two operations of their disks.
//!
//! A scope says what may happen and how often. It is complete up to those bounds: each state that can be reached
//! within them is visited, and the invariants hold in each. The nearest come first, so that what is found is reached
//! by the shortest way. Each scope names witnesses, situations that it must reach: one that reaches too little proves
//! nothing.
//!
//! | file | what |
//! |---|---|
//! | `scopes` | what is explored |
//! | `setting` | what its clusters are made of |
//! | `steps` | what one node does with one thing, worked out once |
//! | `ghost` | what was seen, and the rules |
//! | `state` | the state of all, and what may happen next |
//! | `symmetry` | states that are the same but for names |
//! | `retell` | a way, told as it happens in a cluster as every other |
//!
//! What is lost is what never comes, so that losing it is no event; where a link holds few frames, a newer one may
//! take the place of an older one. States that differ by an offset in time alone count as two. Two states are held for one when their digests
//! of 64 bits are equal: among 10⁷ states that happens to any two with a probability of 3 × 10⁻⁶.

mod ghost;
mod retell;
mod scopes;
mod setting;
mod state;
mod steps;
mod symmetry;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use serde::Serialize;

use crate::sim::invariants::Broken;
pub use scopes::{Bounds, Disks, SCOPES, Scope};
use state::{Choice, Kept, Next, Parts, State};

/// What came of a scope.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explored {
    /// Distinct states.
    pub states: u64,
    /// Steps from one to another.
    pub transitions: u64,
    /// States of single nodes.
    pub nodes: u64,
    /// States of single nodes whose mirror image depends on how they were reached: 0, or names mean something.
    pub odd: u64,
    /// Events on the longest of the shortest ways.
    pub depth: u32,
    /// Witnesses and how often they were seen: in states, and those that are marks of `raft` in steps to a state,
    /// seen before or not.
    pub witnesses: Vec<(&'static str, u64)>,
    /// What must not be, and how it comes about.
    pub violation: Option<String>,
    /// All within the scope's bounds was visited.
    pub complete: bool,
    /// It was not, since there were as many states as were allowed.
    pub limited: bool,
}

impl Explored {
    /// All was visited, nothing was broken, and every witness was seen.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.complete
            && self.odd == 0
            && self.violation.is_none()
            && self.witnesses.iter().all(|(_, seen)| *seen > 0)
    }
}

/// Digests are spread well as they are.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

/// How a state was reached first: from which, and by what.
#[derive(Clone, Copy)]
struct Origin {
    before: u32,
    choice: u32,
}

/// Visits a scope within `bounds`, up to so many states.
#[must_use]
pub fn explore(scope: &Scope, bounds: Bounds, most: u64) -> Explored {
    Exploration::new(scope, bounds, true).run(most)
}

struct Exploration<'a> {
    parts: Parts<'a>,
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    origins: Vec<Origin>,
    found: Explored,
}

impl<'a> Exploration<'a> {
    fn new(scope: &'a Scope, bounds: Bounds, symmetry: bool) -> Exploration<'a> {
        let witnesses = scope.witnesses.iter().map(|(name, _)| (*name, 0)).collect();
        Exploration {
            parts: Parts::new(scope, bounds, symmetry),
            seen: HashSet::default(),
            origins: Vec::new(),
            found: Explored { witnesses, ..Explored::default() },
        }
    }

    fn run(mut self, most: u64) -> Explored {
        let mut frontier = Vec::new();
        match self.parts.start() {
            Next::State(start, _) => self.visit(start, Origin { before: 0, choice: 0 }, &mut frontier),
            Next::Nothing => {}
            Next::Broken(broken) => self.found.violation = Some(format!("{}: {}", broken.0, broken.1)),
        }
        while !frontier.is_empty() && self.found.violation.is_none() && self.found.states < most {
            frontier = self.expand(&frontier);
            self.found.depth += 1;
        }
        self.found.complete = frontier.is_empty() && self.found.violation.is_none();
        self.found.limited = !frontier.is_empty() && self.found.violation.is_none();
        let marks = self.parts.scope.marks.iter().zip(&self.parts.reached);
        self.found.witnesses.extend(marks.map(|(mark, count)| (meaning(mark), *count)));
        (self.found.nodes, self.found.odd) = (self.parts.steps.locals.len() as u64, self.parts.steps.odd);
        self.found
    }

    /// All states one event away that were not seen yet.
    fn expand(&mut self, frontier: &[(u32, State)]) -> Vec<(u32, State)> {
        let (mut reached, mut choices) = (Vec::new(), Vec::new());
        for (number, state) in frontier {
            self.parts.choices(state, &mut choices);
            for choice in &choices {
                let origin = Origin { before: *number, choice: choice.packed() };
                let mut kept = Some(Kept::default());
                while let Some(keeps) = kept.take() {
                    self.found.transitions += 1;
                    match self.parts.take(state, *choice, keeps) {
                        Next::State(next, last) => {
                            self.visit(next, origin, &mut reached);
                            kept = keeps.next(last, state);
                        }
                        Next::Nothing => {}
                        Next::Broken(broken) => {
                            self.found.violation = Some(self.tell(*number, *choice, &broken));
                            return reached;
                        }
                    }
                }
            }
        }
        reached
    }

    /// What is broken by something that happens in a state, and how it comes about.
    fn tell(&self, number: u32, choice: Choice, (rule, what): &Broken) -> String {
        let mut way = self.way_to(number);
        way.push(choice);
        let told = retell::retell(self.parts.scope, &way, &self.parts.steps.contents);
        told.unwrap_or_else(|| {
            format!("{rule}: {what}\nIt does not come about in a cluster as every other: {way:?}")
        })
    }

    fn visit(&mut self, state: State, origin: Origin, reached: &mut Vec<(u32, State)>) {
        if !self.seen.insert(self.parts.digest(&state)) {
            return;
        }
        self.found.states += 1;
        let glance = self.parts.glance(&state);
        for ((_, is_seen), (_, count)) in self.parts.scope.witnesses.iter().zip(&mut self.found.witnesses) {
            *count += u64::from(is_seen(&glance));
        }
        let number = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
        self.origins.push(origin);
        reached.push((number, state));
    }

    /// What happened before a state, from the beginning.
    fn way_to(&self, mut number: u32) -> Vec<Choice> {
        let mut way = Vec::new();
        while number > 0 {
            let Origin { before, choice } = self.origins[number as usize];
            way.push(Choice::unpacked(choice));
            number = before;
        }
        way.reverse();
        way
    }
}

/// Of a mark.
fn meaning(mark: &'static str) -> &'static str {
    steps::place(mark).map_or(mark, |place| raft::marks::ALL[place].meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(wakes: u8, proposals: u8, reads: u8, crashes: u8) -> Bounds {
        Bounds { wakes, proposals, reads, crashes, copies: 0, losses: 1, on_link: 1 }
    }

    fn scope(name: &str) -> &'static Scope {
        SCOPES.iter().find(|scope| scope.name == name).unwrap()
    }

    #[test]
    fn the_smallest_scopes_are_visited_to_their_end_and_break_nothing() {
        for scope in SCOPES {
            let found = explore(scope, bounds(1, 1, 0, 0), 50_000);
            assert_eq!(found.violation, None, "{}", scope.name);
            assert!(found.complete && found.odd == 0, "{}: {found:?}", scope.name);
        }
    }

    #[test]
    fn what_is_not_complete_or_misses_a_witness_is_not_good() {
        let found = explore(scope("entries"), bounds(1, 2, 0, 1), 200);
        assert!(!found.complete && !found.is_good());
        let found = explore(scope("entries"), bounds(1, 0, 0, 0), u64::MAX);
        assert!(found.complete && !found.is_good(), "{found:?}");
    }

    /// A scope without the digests, which are held against it: a state is what it is made of.
    #[test]
    fn states_with_one_digest_are_the_same_but_for_the_order_of_the_ring() {
        for (name, turns) in [("read", 6), ("one-way-cut", 2), ("figure-8", 1)] {
            let scope = scope(name);
            let mut parts = Parts::new(scope, bounds(1, 1, 1, 0), true);
            let Next::State(start, _) = parts.start() else { panic!() };
            let (mut all, mut digests, mut choices) =
                (HashSet::from([start.clone()]), HashSet::new(), Vec::new());
            let mut waiting = vec![start];
            while let Some(state) = waiting.pop() {
                digests.insert(parts.digest(&state));
                parts.choices(&state, &mut choices);
                for choice in &choices {
                    let mut kept = Some(Kept::default());
                    while let Some(keeps) = kept.take() {
                        if let Next::State(next, last) = parts.take(&state, *choice, keeps) {
                            kept = keeps.next(last, &state);
                            if all.insert(next.clone()) {
                                waiting.push(next);
                            }
                        }
                    }
                }
            }
            let found = explore(scope, bounds(1, 1, 1, 0), u64::MAX);
            assert_eq!(found.states, digests.len() as u64, "{name}");
            let found = Exploration::new(scope, bounds(1, 1, 1, 0), false).run(u64::MAX);
            assert_eq!(found.states, all.len() as u64, "{name}");
            let (all, digests) = (all.len(), digests.len());
            assert!(all <= digests * turns && all > digests * turns * 2 / 3, "{name}: {all}, {digests}");
        }
    }
}
