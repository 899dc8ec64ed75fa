//! Registers: zones where they are exact, the search elsewhere.

use crate::check::{Method, Options};
use crate::check_keys::{Decided, judged, undecided};
use crate::degree;
use crate::engine::search::{Search, SearchOptions, Searching, linearize_watched};
use crate::engine::unique::{self, Decision};
use crate::explain::Explainer;
use crate::history::History;
use crate::register_history::RegisterHistory;
use crate::report::{Engine, Verdict};
use crate::shrink;

/// Decides the operations of one register.
pub(crate) fn decide(
    history: &History,
    indices: &[usize],
    options: &Options,
    watch: &(dyn Fn(Searching) + Sync),
) -> Decided {
    let register = RegisterHistory::new(history, indices, &options.initial, options.failed_cas);
    let (engine, verdict) = verdict(&register, options, watch);
    let wrong = matches!(verdict, Verdict::NotLinearizable(_));
    let degree = wrong.then(|| degree::measure(&register, options.budget));
    Decided { engine, verdict, degree }
}

fn verdict(
    register: &RegisterHistory<'_>,
    options: &Options,
    watch: &(dyn Fn(Searching) + Sync),
) -> (Engine, Verdict) {
    let explainer = Explainer::new(register);
    let believe = |order| judged(&register.model, &register.timeline, |entry| register.source(entry), order);
    let because = match options.method {
        Method::SearchOnly => "as asked".to_owned(),
        Method::Auto | Method::ZonesOnly => {
            match unique::decide(&register.timeline, register.model.initial) {
                Decision::Linearizable { order } => return (Engine::Zones, believe(order)),
                Decision::NotLinearizable(clash) => {
                    let found = shrink::Found::Clash(clash);
                    return (Engine::Zones, shrink::register_verdict(register, &found, options));
                }
                Decision::NotApplicable(obstacle) => explainer.obstacle(obstacle),
            }
        }
    };
    if options.method == Method::ZonesOnly {
        return undecided(because);
    }
    let how = SearchOptions { budget: options.budget, ..SearchOptions::default() };
    let search = linearize_watched(&register.model, &register.timeline, &how, watch);
    let (verdict, configurations) = match search {
        Search::Found { order, configurations } => (believe(order), configurations),
        Search::Impossible { frontier, configurations } => {
            let found = shrink::Found::DeadEnd(frontier, configurations);
            (shrink::register_verdict(register, &found, options), configurations)
        }
        Search::GaveUp { frontier, configurations, difficulty } => {
            (Verdict::Unknown(explainer.spent(&frontier, configurations, &difficulty)), configurations)
        }
    };
    (Engine::Search { because, configurations }, verdict)
}
