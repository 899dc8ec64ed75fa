//! What the search needs to know of a timeline before it starts: which operations may come next when a given one is
//! the first that has not been taken, and how a configuration is packed into few bits.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::Model;
use crate::timeline::{Moment, Timeline};

/// A timeline, arranged by returns. "Rank" is a completed entry's place in the order of returns.
pub(super) struct Layout<Op> {
    /// Completed entries by rank.
    pub(super) completed: Vec<Ranked<Op>>,
    /// Ranks that may be taken while rank `r` is the first one missing: `candidates[starts[r]..starts[r + 1]]`, by rank, `r` first.
    candidates: Vec<usize>,
    starts: Vec<usize>,
    /// How many completed entries are in flight at once, at most: the number of mask bits that a key needs.
    pub(super) slots: usize,
    /// Open entries by their effect.
    pub(super) open: Vec<OpenClass<Op>>,
}

pub(super) struct Ranked<Op> {
    pub(super) op: Op,
    pub(super) entry: usize,
    /// Its mask bit. Entries that are in flight together have different ones; later entries use it again.
    pub(super) slot: usize,
    pub(super) returned: Moment,
    pub(super) only_observes: bool,
}

/// Open entries with one and the same operation. They are interchangeable, so the one that was invoked first goes
/// first: it may stand wherever a later one may, as neither has a return to keep. A count says which ones were used.
pub(super) struct OpenClass<Op> {
    pub(super) op: Op,
    /// In the order of invocation.
    pub(super) members: Vec<(Moment, usize)>,
}

impl<Op: Clone + Eq + Hash> Layout<Op> {
    pub(super) fn new<M: Model<Op = Op>>(model: &M, timeline: &Timeline<Op>) -> Layout<Op> {
        let entries = timeline.entries();
        let mut by_return: Vec<(Moment, usize)> =
            entries.iter().enumerate().filter_map(|(index, entry)| Some((entry.returned?, index))).collect();
        by_return.sort_unstable();
        let mut completed: Vec<Ranked<Op>> = Vec::with_capacity(by_return.len());
        for &(returned, entry) in &by_return {
            let op = entries[entry].op.clone();
            let only_observes = model.only_observes(&op);
            completed.push(Ranked { op, entry, slot: 0, returned, only_observes });
        }
        let invoked: Vec<Moment> = completed.iter().map(|ranked| entries[ranked.entry].invoked).collect();
        let slots = assign_slots(&mut completed, &invoked);
        let (candidates, starts) = candidates(&completed, &invoked);
        Layout { completed, candidates, starts, slots, open: open_classes(model, timeline) }
    }

    /// The ranks that may be taken while `rank` is the first one missing, itself included.
    pub(super) fn candidates(&self, rank: usize) -> &[usize] {
        &self.candidates[self.starts[rank]..self.starts[rank + 1]]
    }
}

/// Ranks by invocation.
fn by_invocation(invoked: &[Moment]) -> Vec<usize> {
    let mut ranks: Vec<usize> = (0..invoked.len()).collect();
    ranks.sort_unstable_by_key(|&rank| invoked[rank]);
    ranks
}

/// Gives every entry, when it is invoked, a slot that it hands back when it returns.
fn assign_slots<Op>(completed: &mut [Ranked<Op>], invoked: &[Moment]) -> usize {
    let mut free = Vec::new();
    let mut slots = 0;
    let mut returned = 0;
    for rank in by_invocation(invoked) {
        while completed[returned].returned < invoked[rank] {
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

fn candidates<Op>(completed: &[Ranked<Op>], invoked: &[Moment]) -> (Vec<usize>, Vec<usize>) {
    let mut all = Vec::new();
    let mut starts = Vec::with_capacity(completed.len() + 1);
    let mut in_flight: Vec<usize> = Vec::new();
    let mut arriving = by_invocation(invoked).into_iter().peekable();
    for (rank, ranked) in completed.iter().enumerate() {
        while let Some(next) = arriving.next_if(|&next| invoked[next] < ranked.returned) {
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
fn open_classes<M: Model>(model: &M, timeline: &Timeline<M::Op>) -> Vec<OpenClass<M::Op>> {
    let mut numbers: HashMap<&M::Op, usize> = HashMap::new();
    let mut classes: Vec<OpenClass<M::Op>> = Vec::new();
    for (index, entry) in timeline.entries().iter().enumerate() {
        if entry.is_completed() || model.only_observes(&entry.op) {
            continue;
        }
        let class = *numbers.entry(&entry.op).or_insert(classes.len());
        if class == classes.len() {
            classes.push(OpenClass { op: entry.op.clone(), members: Vec::new() });
        }
        classes[class].members.push((entry.invoked, index));
    }
    for class in &mut classes {
        class.members.sort_unstable();
    }
    classes
}
