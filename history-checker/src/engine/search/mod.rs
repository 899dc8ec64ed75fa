//! Engine A: the search of Wing and Gong with the memory of Lowe, for any model.
//!
//! Take a legal operation that nothing untaken precedes in real time, go on, and turn back where nothing fits; try no
//! configuration twice. Success is when no completed operation is left. Beyond that, six shortcuts ([`Prunings`]):
//!
//! | shortcut | exact for |
//! |---|---|
//! | compact keys (`configuration`) | every model |
//! | operations that only observe are taken at once and for good | what [`Model::only_observes`] names |
//! | no state is left that is still needed and cannot come back (`stranding`) | models with [`Model::requires`] and [`Model::leaves`] |
//! | open operations wait until they are needed | models with [`Model::open_can_wait`] |
//! | open operations of equal effect are counted, not told apart (`layout`) | every model |
//! | of configurations that differ in the open operations used, the least (`memory`) | every model |
//!
//! The last is exact as an open operation need not take effect: whatever completes a configuration completes one that
//! used less, class by class. The number of those used says nothing: one write of 1 is not worth two of 2.
//!
//! The search goes deep first, and soon begins anew by layers if that does not end (`queue`).

mod arena;
mod configuration;
mod difficulty;
mod layout;
mod memory;
mod options;
mod queue;
mod searcher;
mod states;
mod stranding;
#[cfg(test)]
mod tests;

pub use difficulty::{Difficulty, Limit};
pub use options::{Budget, Prunings, SearchOptions};

use layout::{Layout, Size};
use searcher::{End, Searcher};
use states::States;
use stranding::Stranding;

use crate::model::Model;
use crate::timeline::Timeline;

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
        /// What was spent, and what made it hard.
        difficulty: Difficulty,
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
    /// Whether the search is exhausted, and `entry` is proven to end the shortest prefix that nothing explains. Where
    /// it is not although the verdict is, the budget did not suffice for that proof as well: entries may be explained
    /// beyond this one.
    pub exact: bool,
}

impl<State> Frontier<State> {
    /// How many states are kept, for people to read.
    pub const STATES: usize = 8;
}

/// Searches for an order that explains `timeline`. It is not split into parts: see [`split`](super::split::split).
pub fn linearize<M: Model>(model: &M, timeline: &Timeline<M::Op>, budget: Budget) -> Search<M::State> {
    linearize_with(model, timeline, &SearchOptions { budget, ..SearchOptions::default() })
}

/// The same, with a choice of shortcuts.
pub fn linearize_with<M: Model>(
    model: &M,
    timeline: &Timeline<M::Op>,
    options: &SearchOptions,
) -> Search<M::State> {
    linearize_watched(model, timeline, options, &|_| ())
}

/// How far a search has come that is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searching {
    /// How many operations, in the order of their returns, some order explains.
    pub explained: usize,
    /// How many there are to be explained.
    pub completed: usize,
    /// How many configurations were tried.
    pub configurations: u64,
}

/// The same, and `watch` hears from time to time how far it has come.
pub(crate) fn linearize_watched<M: Model>(
    model: &M,
    timeline: &Timeline<M::Op>,
    options: &SearchOptions,
    watch: &(dyn Fn(Searching) + Sync),
) -> Search<M::State> {
    let by_return = layout::by_return(timeline);
    let Some(&(_, entry)) = by_return.first() else {
        return Search::Found { order: Vec::new(), configurations: 0 };
    };
    let size = Size::of(timeline, &by_return, searcher::STEP_BYTES);
    if size.bytes > options.budget.bytes || u32::try_from(timeline.entries().len()).is_err() {
        // Nothing has been built, and nothing is explained.
        let frontier = Frontier { entry, explained: 0, states: vec![(model.initial(), None)], exact: false };
        let difficulty = Difficulty::of_size(timeline, size, options.budget.bytes);
        return Search::GaveUp { frontier, configurations: 0, difficulty };
    }
    let mut states = States::new();
    let layout = Layout::new(model, timeline, &by_return, &mut states, options, size);
    drop(by_return);
    let stranding = if options.prunings.stranding { Stranding::new::<M>(&layout, &states) } else { None };

    let mut searcher = Searcher::new(model, &layout, states, stranding, *options, watch);
    let end = searcher.run();
    let configurations = searcher.tried();
    match end {
        End::Found => Search::Found { order: searcher.order(), configurations },
        End::Impossible => {
            let (frontier, more) = searcher.exact_frontier();
            Search::Impossible { frontier, configurations: configurations + more }
        }
        End::GaveUp(limit) => {
            let difficulty = searcher.difficulty(limit, size);
            Search::GaveUp { frontier: searcher.frontier(false), configurations, difficulty }
        }
    }
}
