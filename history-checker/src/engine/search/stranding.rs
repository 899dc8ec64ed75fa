//! States that must not be left: an entry still needs them, and nothing can bring them back in time.

use super::configuration::Configuration;
use super::layout::{Layout, NONE, Ranked};
use super::states::States;
use crate::model::Model;
use crate::seeded_bug;
use crate::timeline::Moment;

/// Who needs each state, and who leads to it.
pub(super) struct Stranding {
    /// By state: the ranks of the completed entries that are legal in it only.
    needed_by: Grouped<usize>,
    /// By state: when the completed entries that lead to it were invoked.
    led_to: Grouped<Moment>,
    /// By state: the classes of open entries that lead to it.
    led_to_by_open: Grouped<usize>,
    /// Needs of this rank and of later ones do not count.
    horizon: usize,
    /// The last rank for whose sake something was not tried.
    latest: Option<usize>,
    /// The one for whose sake the last choice was not.
    last: Option<usize>,
}

impl Stranding {
    /// `None` if some operation may lead anywhere.
    pub(super) fn new<M: Model>(layout: &Layout<'_, M::Op>, states: &States<M::State>) -> Option<Stranding> {
        let steps = || layout.completed.iter().map(|ranked| &ranked.step);
        let all = steps().chain(layout.open.iter().map(|class| &class.step));
        if all.into_iter().any(|step| !step.only_observes && step.leaves == NONE) {
            return None;
        }
        let completed = || layout.completed.iter().enumerate();
        let needs = completed().map(|(rank, ranked)| (ranked.step.requires, rank));
        let leads = completed().map(|(_, ranked)| (ranked.step.leaves, ranked.invoked));
        let open = layout.open.iter().enumerate().map(|(class, open)| (open.step.leaves, class));
        Some(Stranding {
            needed_by: Grouped::new(needs, states.len()),
            led_to: Grouped::new(leads, states.len()),
            led_to_by_open: Grouped::new(open, states.len()),
            horizon: usize::MAX,
            latest: None,
            last: None,
        })
    }

    pub(super) fn with_horizon(self, horizon: usize) -> Stranding {
        Stranding { horizon, latest: None, last: None, ..self }
    }

    /// The rank for whose sake the last choice was not tried, if that was the reason.
    pub(super) fn take_last(&mut self) -> Option<usize> {
        self.last.take()
    }

    /// The last rank for whose sake something was not tried.
    pub(super) fn latest(&self) -> Option<usize> {
        self.latest
    }

    /// Whether some completed entry, `taken` excepted, needs the state that `now` is in, and nothing that remains leads
    /// there before its return: then this state must not be left by taking `taken`.
    pub(super) fn strands<Op>(
        &mut self,
        layout: &Layout<'_, Op>,
        now: &Configuration,
        taken: Option<usize>,
    ) -> bool {
        let first_return = layout.completed[now.first].returned;
        let remains = |rank: usize, ranked: &Ranked<'_, Op>| {
            rank >= now.first
                && Some(rank) != taken
                && (ranked.invoked > first_return || !now.is_ahead(ranked.slot))
        };
        // Whatever comes in time for the earliest return comes in time for all.
        let needed_by = self.needed_by.of(now.state);
        let mut left = needed_by[needed_by.partition_point(|&rank| rank < now.first)..].iter();
        let Some(&rank) = left.find(|&&rank| remains(rank, &layout.completed[rank])) else { return false };
        if rank >= self.horizon {
            return false;
        }
        let deadline = layout.completed[rank].returned;
        let led_to = self.led_to.of(now.state);
        let later = led_to.get(led_to.partition_point(|&invoked| invoked <= first_return));
        let brought_back = later.is_some_and(|&invoked| invoked <= deadline)
            || layout.candidates(now.first).iter().any(|&rank| {
                let ranked = &layout.completed[rank as usize];
                ranked.step.leaves == now.state && remains(rank as usize, ranked)
            })
            || !seeded_bug!("stranding-ignores-open")
                && self.led_to_by_open.of(now.state).iter().any(|&class| {
                    let member = layout.open[class].member(now.used(layout, class));
                    member.is_some_and(|(invoked, _)| invoked <= deadline)
                });
        if !brought_back {
            self.latest = self.latest.max(Some(rank));
            self.last = Some(rank);
        }
        !brought_back
    }
}

/// Lists by state, each in ascending order.
struct Grouped<T> {
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Ord + Copy> Grouped<T> {
    fn new(pairs: impl Iterator<Item = (u32, T)>, states: usize) -> Grouped<T> {
        let mut pairs: Vec<(u32, T)> = pairs.filter(|&(state, _)| state != NONE).collect();
        pairs.sort_unstable();
        let mut starts = vec![0; states + 1];
        for &(state, _) in &pairs {
            starts[state as usize + 1] += 1;
        }
        for state in 0..states {
            starts[state + 1] += starts[state];
        }
        Grouped { starts, items: pairs.into_iter().map(|(_, item)| item).collect() }
    }

    /// The list of this state; empty if it was met only later, in the search.
    fn of(&self, state: u32) -> &[T] {
        let state = state as usize;
        match (self.starts.get(state), self.starts.get(state + 1)) {
            (Some(&start), Some(&end)) => &self.items[start..end],
            _ => &[],
        }
    }
}
