//! From a history to a report, by whatever model: split by key, have every key decided and every order judged.

use rayon::prelude::*;

use crate::by_key::by_key;
use crate::check::{Options, Progress};
use crate::degree::Degree;
use crate::engine::replay::replay;
use crate::engine::search::{Budget, Searching};
use crate::history::History;
use crate::model::Model;
use crate::report::{Counts, Engine, KeyReport, Unexplained, Verdict};
use crate::timeline::Timeline;
use crate::value::Key;

/// So many keys are searched at once at most: a fixed number, as verdicts must not depend on the machine.
const SHARES: usize = 16;

/// What an engine says of one key.
pub(crate) struct Decided {
    pub(crate) engine: Engine,
    pub(crate) verdict: Verdict,
    pub(crate) degree: Option<Degree>,
}

/// Every model's way: first all keys with a share of the memory, then those again, one by one, that need all of it.
pub(crate) fn check_keys(
    history: &History,
    options: &Options,
    watch: &(dyn Fn(Progress<'_>) + Sync),
    decide: &(impl Fn(&[usize], &Options, &(dyn Fn(Searching) + Sync)) -> Decided + Sync),
) -> Vec<KeyReport> {
    let groups = by_key(history);
    let all = groups.len();
    watch(Progress::Keys(all));
    let shared = share(options, all);
    let report = |key: Option<&Key>, indices: &[usize], options: &Options| {
        let Decided { engine, verdict, degree } =
            decide(indices, options, &|searching| watch(Progress::Searching(key, searching)));
        KeyReport { key: key.cloned(), verdict, engine, counts: count(history, indices), degree }
    };
    let first = |(key, indices): (Option<&Key>, Vec<usize>)| {
        let report = report(key, &indices, &shared);
        let again = all > 1 && wants_memory(&report, options.budget);
        if !again {
            watch(Progress::Decided(&report));
        }
        (report, again.then_some(indices))
    };
    let reports: Vec<(KeyReport, Option<Vec<usize>>)> = match all {
        0 | 1 => groups.into_iter().map(first).collect(),
        // No more pieces than shares.
        _ => groups.into_par_iter().with_min_len(all.div_ceil(SHARES)).map(first).collect(),
    };
    let second = |(first, again): (KeyReport, Option<Vec<usize>>)| {
        let Some(indices) = again else { return first };
        let report = report(first.key.as_ref(), &indices, options);
        watch(Progress::Decided(&report));
        report
    };
    reports.into_iter().map(second).collect()
}

/// The options for each of so many keys that are searched at once.
fn share(options: &Options, keys: usize) -> Options {
    let shares = keys.clamp(1, SHARES) as u64;
    let budget = Budget { bytes: options.budget.bytes / shares, ..options.budget };
    Options { budget, ..options.clone() }
}

/// Whether the search gave up, and not for want of configurations.
fn wants_memory(report: &KeyReport, budget: Budget) -> bool {
    let tried = match &report.engine {
        Engine::Search { configurations, .. } => *configurations,
        Engine::Zones | Engine::ZonesOnly { .. } => return false,
    };
    matches!(report.verdict, Verdict::Unknown(_)) && tried < budget.configurations
}

/// Zones are not exact, and the search must not be used.
pub(crate) fn undecided(because: String) -> (Engine, Verdict) {
    let sentence = format!("undecided, as only zones may be used and they are not exact here: {because}");
    (Engine::ZonesOnly { because }, Verdict::Unknown(Unexplained { sentence, explained: 0, next: None }))
}

/// An order is believed only after its replay, and then told in the history's indices.
pub(crate) fn judged<M: Model>(
    model: &M,
    timeline: &Timeline<M::Op>,
    source: impl Fn(usize) -> usize,
    order: Vec<usize>,
) -> Verdict {
    match replay(model, timeline, &order) {
        Ok(()) => Verdict::Linearizable { order: order.into_iter().map(source).collect() },
        Err(flaw) => Verdict::bug(&format!("the order that it found does not replay ({flaw})")),
    }
}

fn count(history: &History, indices: &[usize]) -> Counts {
    let mut counts = Counts::default();
    for &index in indices {
        counts.add(&history.operations()[index].outcome);
    }
    counts
}
