//! The writes that are in effect, by the place of their latest invocation: how many lie from a place on, and which of
//! them came into effect first, in logarithmic time.

use crate::timeline::Moment;

/// Since when a write is in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Effect {
    pub(super) moment: Moment,
    /// The access that returned.
    pub(super) by: usize,
    /// The first place whose invocation is later.
    pub(super) place: usize,
}

/// What lies below a node: how many writes, and the first of them to come into effect.
type Sum = (usize, Option<Effect>);

pub(super) struct InEffect {
    leaves: usize,
    /// The children of `node` are `2 * node` and `2 * node + 1`; the leaves come last.
    tree: Vec<Sum>,
}

impl InEffect {
    pub(super) fn new(leaves: usize) -> InEffect {
        InEffect { leaves, tree: vec![(0, None); 2 * leaves] }
    }

    /// Puts a write at its place, or takes the one there away. No place: nothing happens.
    pub(super) fn set(&mut self, place: Option<usize>, effect: Option<Effect>) {
        let Some(place) = place else { return };
        let mut node = self.leaves + place;
        self.tree[node] = (usize::from(effect.is_some()), effect);
        while node > 1 {
            node /= 2;
            self.tree[node] = both(self.tree[2 * node], self.tree[2 * node + 1]);
        }
    }

    /// Of the writes from `place` on, leaving out the one at `except`.
    pub(super) fn from(&self, place: usize, except: Option<usize>) -> Sum {
        match except.filter(|&except| except >= place) {
            Some(except) => both(self.between(place, except), self.between(except + 1, self.leaves)),
            None => self.between(place, self.leaves),
        }
    }

    fn between(&self, start: usize, end: usize) -> Sum {
        let (mut low, mut high) = (self.leaves + start, self.leaves + end);
        let mut sum = (0, None);
        while low < high {
            if low % 2 == 1 {
                sum = both(sum, self.tree[low]);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                sum = both(sum, self.tree[high]);
            }
            low /= 2;
            high /= 2;
        }
        sum
    }
}

fn both(one: Sum, other: Sum) -> Sum {
    let first = match (one.1, other.1) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    (one.0 + other.0, first)
}
