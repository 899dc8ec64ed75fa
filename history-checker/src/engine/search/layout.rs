//! What the search needs to know of a timeline before it starts: which operations may come next when a given one is
//! the first that has not been taken, and how a configuration is packed into few bits.

use std::collections::HashMap;
use std::hash::Hash;

use super::options::{Prunings, SearchOptions};
use super::states::States;
use crate::model::Model;
use crate::seeded_bug;
use crate::timeline::{Moment, Timeline};

/// Stands for "no state".
pub(super) const NONE: u32 = u32::MAX;

/// A count of entries, or less than that: `linearize` refuses timelines with more entries than 32 bits hold.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A timeline, arranged by returns. "Rank" is a completed entry's place in the order of returns.
pub(super) struct Layout<'a, Op> {
    /// Completed entries by rank.
    pub(super) completed: Vec<Ranked<'a, Op>>,
    /// Ranks that may be taken while rank `r` is the first one missing: `candidates[starts[r]..starts[r + 1]]`, by rank, `r` first.
    candidates: Vec<u32>,
    starts: Vec<usize>,
    /// How many completed entries are in flight at once, at most: the number of mask bits that a key needs.
    pub(super) slots: usize,
    /// Open entries by their effect.
    pub(super) open: Vec<OpenClass<'a, Op>>,
    /// By word of the packed counts of used open entries: the guard bits, one above each count.
    pub(super) guards: Vec<u64>,
    /// What all of this and the way through it may occupy.
    pub(super) bytes: u64,
}

/// An operation, and what the model says of it.
pub(super) struct Step<'a, Op> {
    pub(super) op: &'a Op,
    pub(super) only_observes: bool,
    /// The only state in which it is legal, or [`NONE`].
    pub(super) requires: u32,
    /// The state that it leaves wherever it is legal, or [`NONE`].
    pub(super) leaves: u32,
}

pub(super) struct Ranked<'a, Op> {
    pub(super) step: Step<'a, Op>,
    pub(super) entry: usize,
    pub(super) invoked: Moment,
    pub(super) returned: Moment,
    /// Its mask bit. Entries that are in flight together have different ones; later entries use it again.
    pub(super) slot: usize,
}

/// Open entries with one and the same operation. They are interchangeable, so the one that was invoked first goes
/// first: it may stand wherever a later one may, as neither has a return to keep. A count says which ones were used.
pub(super) struct OpenClass<'a, Op> {
    pub(super) step: Step<'a, Op>,
    /// In the order of invocation.
    pub(super) members: Vec<(Moment, usize)>,
    /// Where its count stands in the packed counts.
    pub(super) word: usize,
    pub(super) shift: u32,
    pub(super) mask: u64,
}

/// What makes a timeline hard to search, known before the search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Completed entries in flight at once, at most.
    pub(super) peak: usize,
    /// Pairs of an entry and one that may come before it while it is the first one missing, itself included.
    pairs: usize,
    /// What a layout of it occupies.
    pub(super) bytes: u64,
}

/// Completed entries in the order of their returns.
pub(super) fn by_return<Op>(timeline: &Timeline<Op>) -> Vec<(Moment, usize)> {
    let returned = |(index, entry): (usize, &crate::Entry<Op>)| Some((entry.returned?, index));
    let mut by_return: Vec<_> = timeline.entries().iter().enumerate().filter_map(returned).collect();
    by_return.sort_unstable();
    by_return
}

impl Size {
    /// Counts without building: a layout is linear in the entries and in the pairs of entries that are in flight
    /// together.
    pub(super) fn of<Op>(timeline: &Timeline<Op>, by_return: &[(Moment, usize)], step: usize) -> Size {
        let entries = timeline.entries();
        let mut invoked: Vec<Moment> = by_return.iter().map(|&(_, entry)| entries[entry].invoked).collect();
        invoked.sort_unstable();
        let (mut begun, mut peak, mut pairs) = (0, 0, 0_usize);
        for (rank, &(returned, _)) in by_return.iter().enumerate() {
            while invoked.get(begun).is_some_and(|&moment| moment <= returned) {
                begun += 1;
            }
            peak = peak.max(begun - rank);
            pairs += begun - rank;
        }
        // Besides what is kept for an entry: its places in the orders by return and by invocation, its start, and its
        // shares of the tables of needs and of classes.
        let linear = entries.len() as u64 * (size_of::<Ranked<'_, Op>>() + step + 128) as u64;
        Size { peak, pairs, bytes: linear + 4 * pairs as u64 }
    }
}

impl<'a, Op: Clone + Eq + Hash> Layout<'a, Op> {
    pub(super) fn new<M: Model<Op = Op>>(
        model: &M,
        timeline: &'a Timeline<Op>,
        by_return: &[(Moment, usize)],
        states: &mut States<M::State>,
        options: &SearchOptions,
        size: Size,
    ) -> Layout<'a, Op> {
        let entries = timeline.entries();
        let mut completed: Vec<Ranked<'a, Op>> = Vec::with_capacity(by_return.len());
        for &(returned, entry) in by_return {
            let step = Step::new(model, &entries[entry].op, states);
            completed.push(Ranked { step, entry, invoked: entries[entry].invoked, returned, slot: 0 });
        }
        let arriving = by_invocation(&completed);
        let slots = assign_slots(&mut completed, &arriving);
        let (candidates, starts) = candidates(&completed, &arriving, size.pairs);
        let mut open = open_classes(model, timeline, states, options.prunings);
        let guards = pack(&mut open);
        Layout { completed, candidates, starts, slots, open, guards, bytes: size.bytes }
    }
}

impl<Op> Layout<'_, Op> {
    /// The ranks that may be taken while `rank` is the first one missing, itself included.
    pub(super) fn candidates(&self, rank: usize) -> &[u32] {
        &self.candidates[self.starts[rank]..self.starts[rank + 1]]
    }
}

impl<'a, Op> Step<'a, Op> {
    fn new<M: Model<Op = Op>>(model: &M, op: &'a Op, states: &mut States<M::State>) -> Step<'a, Op> {
        let mut number = |state: Option<M::State>| state.map_or(NONE, |state| states.number(model, &state));
        let requires = number(model.requires(op));
        let only_observes = model.only_observes(op);
        let leaves = if only_observes { NONE } else { number(model.leaves(op)) };
        Step { op, only_observes, requires, leaves }
    }
}

impl<Op> OpenClass<'_, Op> {
    /// The member that is used after `used` others: its moment of invocation, and its entry.
    pub(super) fn member(&self, used: u32) -> Option<(Moment, usize)> {
        let used = used as usize;
        if seeded_bug!("symmetry-latest-first") {
            return self.members.iter().rev().nth(used).copied();
        }
        self.members.get(used).copied()
    }
}

/// Ranks by invocation.
fn by_invocation<Op>(completed: &[Ranked<'_, Op>]) -> Vec<usize> {
    let mut ranks: Vec<usize> = (0..completed.len()).collect();
    ranks.sort_unstable_by_key(|&rank| completed[rank].invoked);
    ranks
}

/// Gives every entry, when it is invoked, a slot that it hands back when it returns.
fn assign_slots<Op>(completed: &mut [Ranked<'_, Op>], arriving: &[usize]) -> usize {
    let mut free = Vec::new();
    let mut slots = 0;
    let mut returned = 0;
    for &rank in arriving {
        while completed[returned].returned < completed[rank].invoked {
            free.push(completed[returned].slot);
            returned += 1;
        }
        completed[rank].slot = free.pop().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
    }
    slots
}

fn candidates<Op>(completed: &[Ranked<'_, Op>], arriving: &[usize], pairs: usize) -> (Vec<u32>, Vec<usize>) {
    let mut all = Vec::with_capacity(pairs);
    let mut starts = Vec::with_capacity(completed.len() + 1);
    let mut in_flight: Vec<u32> = Vec::new();
    let mut arriving = arriving.iter().peekable();
    for (rank, ranked) in (0_u32..).zip(completed) {
        let begun = |moment: Moment| match seeded_bug!("search-precedence-not-strict") {
            true => moment < ranked.returned,
            false => moment <= ranked.returned,
        };
        while let Some(&next) = arriving.next_if(|&&next| begun(completed[next].invoked)) {
            let next = small(next);
            let place = in_flight.partition_point(|&other| other < next);
            in_flight.insert(place, next);
        }
        starts.push(all.len());
        all.extend_from_slice(&in_flight);
        in_flight.retain(|&other| other != rank);
    }
    starts.push(all.len());
    (all, starts)
}

/// Open entries that could change something, classes in the order of their first appearance.
fn open_classes<'a, M: Model>(
    model: &M,
    timeline: &'a Timeline<M::Op>,
    states: &mut States<M::State>,
    prunings: Prunings,
) -> Vec<OpenClass<'a, M::Op>> {
    let mut numbers: HashMap<&M::Op, usize> = HashMap::new();
    let mut classes: Vec<OpenClass<'a, M::Op>> = Vec::new();
    for (index, entry) in timeline.entries().iter().enumerate() {
        if entry.is_completed() || model.only_observes(&entry.op) {
            continue;
        }
        let class = match prunings.symmetry {
            true => *numbers.entry(&entry.op).or_insert(classes.len()),
            false => classes.len(),
        };
        if class == classes.len() {
            let step = Step::new(model, &entry.op, states);
            classes.push(OpenClass { step, members: Vec::new(), word: 0, shift: 0, mask: 0 });
        }
        classes[class].members.push((entry.invoked, index));
    }
    for class in &mut classes {
        class.members.sort_unstable();
    }
    classes
}

/// Gives every class a field of the packed counts, with a guard bit above it. Returns the guards.
fn pack<Op>(classes: &mut [OpenClass<'_, Op>]) -> Vec<u64> {
    let mut guards: Vec<u64> = Vec::new();
    let mut filled = u64::BITS;
    for class in classes {
        let bits = usize::BITS - class.members.len().leading_zeros();
        if filled + bits + 1 > u64::BITS {
            guards.push(0);
            filled = 0;
        }
        (class.word, class.shift, class.mask) = (guards.len() - 1, filled, (1 << bits) - 1);
        guards[class.word] |= 1 << (filled + bits);
        filled += bits + 1;
    }
    guards
}
