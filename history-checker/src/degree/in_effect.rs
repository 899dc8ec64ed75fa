//! The writes that are in effect, by the place of their latest invocation: how many lie from a place on, and which of
//! them came into effect first, in logarithmic time.

/// What lies below a node: how many writes, and the least rank among them. Ranks are given in the order of coming into
/// effect. Narrow numbers, as there are four nodes to an access; `u32::MAX` accesses fit into no memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) count: u32,
    /// [`NOBODY`] if there is none.
    pub(super) first: u32,
}

const NOBODY: u32 = u32::MAX;

const NOTHING: Sum = Sum { count: 0, first: NOBODY };

pub(super) struct InEffect {
    leaves: usize,
    /// The children of `node` are `2 * node` and `2 * node + 1`; the leaves come last.
    tree: Vec<Sum>,
}

impl InEffect {
    pub(super) fn new(leaves: usize) -> InEffect {
        InEffect { leaves, tree: vec![NOTHING; 2 * leaves] }
    }

    /// Puts the write of this rank at a place, or takes the one there away. No place: nothing happens.
    pub(super) fn set(&mut self, place: Option<usize>, rank: Option<u32>) {
        let Some(place) = place else { return };
        let mut node = self.leaves + place;
        self.tree[node] = rank.map_or(NOTHING, |first| Sum { count: 1, first });
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
        let mut sum = NOTHING;
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
    Sum { count: one.count + other.count, first: one.first.min(other.first) }
}
