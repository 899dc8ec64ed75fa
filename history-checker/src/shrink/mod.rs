//! From a violation to a small part of the history that proves it, and to somebody else who confirms that.
//!
//! A part proves something of the whole if it is not linearizable itself *and* what is missing cannot be what would
//! explain it. The first is decided again by brute force or by the other engine, the second is checked once more when
//! the part is there ([`Rules::is_complete`]). So whoever believes these two checks need not believe the engine that
//! gave the verdict, nor the shrinking.

mod certify;
mod part;
mod picture;
mod queue_rules;
mod reduce;
mod register;
mod register_rules;
mod rules;

use std::fmt;

pub use certify::Doubt;
#[doc(hidden)]
pub use part::{Kept, Part};
pub use picture::picture;
// For the tests of each rule.
#[doc(hidden)]
pub use queue_rules::QueueRules;
#[doc(hidden)]
pub use register_rules::RegisterRules;
#[doc(hidden)]
pub use rules::{AnyModel, Rules};

pub(crate) use reduce::timeline;
pub(crate) use register::{Found, OtherWriters, distrusted, verdict as register_verdict};

use crate::engine::search::{Budget, Search, linearize};
use crate::history::{History, Outcome};
use crate::model::Model;
use crate::timeline::{Moment, Timeline};
use reduce::{Reducer, Tried};

/// A part of a history that is not linearizable, and shows that the history is not. Indices are those of
/// [`History::operations`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its operations, in the order of their invocations. Every writer of each value that it depends on is among them,
    /// as far as it was invoked before the core's last answer (and not over before `since` was invoked).
    pub operations: Vec<usize>,
    /// Those of them whose answers do not count: they are taken as open. Mostly they were answered after the core's
    /// last answer that counts.
    pub unanswered: Vec<usize>,
    /// A completed write that hides what was over before it was invoked, so that it is not in the core. `None`: the
    /// core goes back to the initial value.
    pub since: Option<usize>,
    /// Who confirmed that it is not linearizable.
    pub certified: Certifier,
}

/// Who confirmed that a core is not linearizable. That nothing is missing from it is always checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certifier {
    /// Every order was tried.
    BruteForce,
    /// Zones, where the search gave the verdict.
    Zones,
    /// The search, where zones gave the verdict.
    Search,
    /// It is too large for every order, and no second engine decides it: the one that gave the verdict says so of the
    /// core too.
    SameEngine,
}

impl Core {
    /// The core as a history of its own, with the lines and times of the whole.
    #[must_use]
    pub fn history(&self, whole: &History) -> History {
        let mut history = History::default();
        for &index in &self.operations {
            let operation = &whole.operations()[index];
            let number = history.invoke(
                operation.process,
                operation.key.clone(),
                operation.action.clone(),
                operation.invoked,
            );
            let outcome = match self.unanswered.contains(&index) {
                true => Outcome::Unknown { gave_up: operation.completed_at() },
                false => operation.outcome.clone(),
            };
            history.complete(number, outcome);
        }
        history
    }

    pub(crate) fn new(
        part: &Part,
        open: impl Fn(usize) -> bool,
        source: impl Fn(usize) -> usize,
        certified: Certifier,
    ) -> Core {
        let unanswered = part.kept.iter().filter(|kept| kept.returned.is_none() && !open(kept.entry));
        Core {
            operations: part.kept.iter().map(|kept| source(kept.entry)).collect(),
            unanswered: unanswered.map(|kept| source(kept.entry)).collect(),
            since: part.since.map(&source),
            certified,
        }
    }
}

impl fmt::Display for Certifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Certifier::BruteForce => "confirmed by brute force",
            Certifier::Zones => "confirmed by zones",
            Certifier::Search => "confirmed by search",
            Certifier::SameEngine => "too large to be confirmed by another engine",
        })
    }
}

/// Shrinks a timeline of any model by the rules of [`AnyModel`]: the shortest bad prefix, without what only observes.
/// `None` if the timeline is linearizable, or if `budget` does not suffice to know.
///
/// # Errors
/// When the part does not stand up to the checks: a bug of this crate, or a [`Model`] that promises what it does not
/// keep.
pub fn shrink<M: Model>(
    model: &M,
    timeline: &Timeline<M::Op>,
    budget: Budget,
) -> Result<Option<(Part, Certifier)>, Doubt> {
    match linearize(model, timeline, budget) {
        Search::Impossible { frontier, configurations } => {
            let end = timeline.entries()[frontier.entry].returned;
            by_search(model, &AnyModel(model), timeline, end, configurations).map(Some)
        }
        Search::Found { .. } | Search::GaveUp { .. } => Ok(None),
    }
}

/// Shrinks with the search, and certifies.
pub(crate) fn by_search<M: Model>(
    model: &M,
    rules: &impl Rules<M::Op>,
    whole: &Timeline<M::Op>,
    end: Option<Moment>,
    configurations: u64,
) -> Result<(Part, Certifier), Doubt> {
    let decide = |part: &Timeline<M::Op>, limit| searched(model, part, limit);
    let effort = effort(whole.entries().len(), configurations);
    let part = Reducer { whole, rules, decide, effort, named: Vec::new() }.run(end);
    let certifier = certify::certify(model, rules, whole, &part, |_| None)?;
    Ok((part, certifier))
}

/// Whether the search refutes a part, within a limit.
fn searched<M: Model>(model: &M, part: &Timeline<M::Op>, configurations: u64) -> Tried {
    let budget = Budget { configurations, ..Budget::default() };
    let (bad, configurations) = match linearize(model, part, budget) {
        Search::Impossible { configurations, .. } => (true, configurations),
        Search::Found { configurations, .. } | Search::GaveUp { configurations, .. } => {
            (false, configurations)
        }
    };
    Tried { bad, configurations, named: Vec::new() }
}

/// Shrinking may look at every entry this often, and then costs no more than deciding did.
fn effort(entries: usize, configurations: u64) -> u64 {
    200_000 + 20 * entries as u64 + configurations
}
