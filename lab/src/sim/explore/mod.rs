//! Every order in which the events of a small scope can happen: messages overtake each other and are lost, clocks
//! run as they like, nodes crash between any two operations of their disks. Depth first, and no state twice.
//!
//! A scope says what may happen and how often. It is complete up to those bounds: each state that can be reached
//! within them is visited, and the invariants hold in each. Two states are held for one when their digests of
//! 64 bits are equal. Each scope names witnesses, situations that it must reach: one that reaches too
//! little proves nothing.

mod scopes;
mod state;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

pub use scopes::{SCOPES, Scope};
use state::State;

/// What came of a scope.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Distinct states.
    pub states: u64,
    /// Steps from one to another.
    pub steps: u64,
    /// The longest way.
    pub depth: usize,
    /// Witnesses and in how many states they were seen.
    pub witnesses: Vec<(&'static str, u64)>,
    /// What must not be, and how it came about.
    pub violation: Option<(String, Vec<String>)>,
    /// All within the scope's bounds was visited: it did not end at `most` states.
    pub complete: bool,
}

impl Explored {
    /// Nothing was broken, and every witness was seen.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violation.is_none() && self.witnesses.iter().all(|(_, seen)| *seen > 0)
    }
}

/// Digests are spread well as they are.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

/// A state on the way, and what is still to be tried from it.
struct Frame {
    state: State,
    choices: Vec<state::Choice>,
    /// How the next state came about, for people.
    chosen: Option<state::Choice>,
}

/// Visits a scope, up to so many states.
#[must_use]
pub fn explore(scope: &Scope, most: u64) -> Explored {
    // With how many steps left it was seen: with more, more can be reached from it.
    let mut seen: HashMap<u64, u32, BuildHasherDefault<AsItIs>> = HashMap::default();
    let mut found = Explored {
        witnesses: scope.witnesses.iter().map(|(name, _)| (*name, 0)).collect(),
        complete: true,
        ..Explored::default()
    };
    let start = State::new(scope);
    seen.insert(start.digest(), start.steps_left());
    found.states = 1;
    let mut way = vec![Frame { choices: start.choices(scope), state: start, chosen: None }];
    while let Some(top) = way.last_mut() {
        let Some(choice) = top.choices.pop() else {
            way.pop();
            continue;
        };
        top.chosen = Some(choice);
        // The last one may have the state itself.
        let mut next = top.state.clone();
        next.take(scope, choice);
        found.steps += 1;
        if let Some(violation) = next.violation() {
            let taken = way.iter().filter_map(|frame| frame.chosen);
            found.violation = Some((violation, taken.map(|choice| format!("{choice:?}")).collect()));
            return found;
        }
        let left = next.steps_left();
        match seen.entry(next.digest()) {
            Entry::Occupied(known) if *known.get() >= left => continue,
            Entry::Occupied(mut known) => _ = known.insert(left),
            Entry::Vacant(place) => {
                place.insert(left);
                found.states += 1;
                for ((_, is_seen), (_, count)) in scope.witnesses.iter().zip(&mut found.witnesses) {
                    *count += u64::from(is_seen(&next));
                }
            }
        }
        if found.states >= most {
            found.complete = false;
            return found;
        }
        let choices = next.choices(scope);
        way.push(Frame { state: next, choices, chosen: None });
        found.depth = found.depth.max(way.len());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reaches_its_witnesses_and_breaks_nothing() {
        for scope in SCOPES {
            let found = explore(scope, 20_000);
            assert_eq!(found.violation, None, "{}", scope.name);
            assert!(found.states >= 5_000, "{}: {}", scope.name, found.states);
        }
    }

    #[test]
    fn the_same_scope_has_the_same_states() {
        let counts = |_| {
            let found = explore(&SCOPES[0], 5_000);
            (found.states, found.steps, found.depth)
        };
        assert_eq!(counts(()), counts(()));
    }
}
