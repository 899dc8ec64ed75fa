//! A register's violation: shrunk, certified, and told on what is left of it.

use std::collections::BTreeSet;

use super::certify::{Doubt, certify};
use super::part::{Kept, Part};
use super::reduce::{Reducer, Tried, timeline};
use super::register_rules::{RegisterRules, written};
use super::{Certifier, Core, effort, searched};
use crate::check::{Method, Options};
use crate::engine::search::{Budget, Frontier, Search, linearize};
use crate::engine::unique::{self, Clash, Decision};
use crate::explain::Explainer;
use crate::models::{CasRegister, RegisterOp, ValueId};
use crate::register_history::RegisterHistory;
use crate::report::{Verdict, Violation};
use crate::timeline::Timeline;

/// What an engine found, and by which the verdict stands.
pub(crate) enum Found {
    /// Zones exclude each other.
    Clash(Clash),
    /// The search is exhausted, after so many configurations.
    DeadEnd(Frontier<ValueId>, u64),
}

/// The violation with its core, or that this checker has a bug.
pub(crate) fn verdict(register: &RegisterHistory<'_>, found: &Found, options: &Options) -> Verdict {
    let part = shrunk(register, found);
    let other = |core: &Timeline<RegisterOp>| second_opinion(&register.model, core, found);
    match certify(&register.model, &RegisterRules, &register.timeline, &part, other) {
        Ok(certified) => {
            let violation = told(register, &part, certified, found, options);
            let dead_end = match found {
                Found::DeadEnd(frontier, _) if frontier.exact => Some(register.source(frontier.entry)),
                _ => None,
            };
            Verdict::NotLinearizable(Violation { dead_end, ..violation })
        }
        Err(doubt) => distrusted(doubt),
    }
}

/// A verdict of which the proof does not stand up.
pub(crate) fn distrusted(doubt: Doubt) -> Verdict {
    Verdict::bug(&format!("the part that should prove a violation does not ({doubt})"))
}

fn shrunk(register: &RegisterHistory<'_>, found: &Found) -> Part {
    let (whole, model) = (&register.timeline, &register.model);
    let (named, end, configurations) = match found {
        Found::Clash(clash) => (clash.entries(), None, 0),
        Found::DeadEnd(frontier, configurations) => {
            let end = whole.entries()[frontier.entry].returned.filter(|_| frontier.exact);
            (Vec::new(), end, *configurations)
        }
    };
    let decide = |part: &Timeline<RegisterOp>, limit| match unique::decide(part, model.initial) {
        Decision::NotLinearizable(clash) => Tried { bad: true, configurations: 0, named: clash.entries() },
        Decision::Linearizable { .. } => Tried { bad: false, configurations: 0, named: Vec::new() },
        Decision::NotApplicable(_) => searched(model, part, limit),
    };
    let effort = effort(whole.entries().len(), configurations);
    let part = Reducer { whole, rules: &RegisterRules, decide, effort, named }.run(end);
    with_a_writer(whole, model, part)
}

/// Where the core does not say who wrote what was seen, somebody is shown who came too early or too late: a write that
/// was over before the past was hidden, or else one, as open, that was only invoked after the core's last answer. Both
/// change nothing: no order has the one in it after the write that hides it, or the other in time.
fn with_a_writer(whole: &Timeline<RegisterOp>, model: &CasRegister, mut part: Part) -> Part {
    let entries = whole.entries();
    let ops = || part.kept.iter().map(|kept| (entries[kept.entry].op, kept.returned));
    let written_in_it: BTreeSet<ValueId> = ops().filter_map(|(op, _)| written(op)).collect();
    let missing = ops().find_map(|op| match op {
        (RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. }, Some(_)) => {
            let there = part.since.is_none() && value == model.initial || written_in_it.contains(&value);
            (!there).then_some(value)
        }
        _ => None,
    });
    let Some(value) = missing else { return part };
    let writers = OtherWriters::of(value, whole, &part);
    let plain = |entry: &usize| matches!(entries[*entry].op, RegisterOp::Put(_));
    if let Some(entry) = writers.before.filter(plain) {
        part.kept.push(Kept { entry, returned: entries[entry].returned });
    } else if let Some(entry) = writers.after.filter(plain).filter(|_| writers.before.is_none()) {
        part.kept.push(Kept { entry, returned: None });
    }
    part.kept.sort_unstable_by_key(|kept| kept.entry);
    part
}

/// Writers of a value that a core does not need.
pub(crate) struct OtherWriters {
    /// The last that was over before the write that hides the past.
    pub(crate) before: Option<usize>,
    /// The first that was invoked after the core's last answer.
    pub(crate) after: Option<usize>,
}

impl OtherWriters {
    fn of(value: ValueId, whole: &Timeline<RegisterOp>, part: &Part) -> OtherWriters {
        let entries = whole.entries();
        let begin = part.since.map_or(0, |write| entries[write].invoked);
        let writers = || (0..entries.len()).filter(|&entry| written(entries[entry].op) == Some(value));
        let over = |&entry: &usize| entries[entry].returned.is_some_and(|returned| returned < begin);
        let late = |&entry: &usize| entries[entry].invoked > part.end();
        OtherWriters {
            before: writers().filter(over).max_by_key(|&entry| entries[entry].returned),
            after: writers().filter(late).min_by_key(|&entry| entries[entry].invoked),
        }
    }
}

/// Configurations that a second opinion may cost: a few seconds.
const SECOND_OPINION: u64 = 2_000_000;

/// Of the engine that did not give the verdict: whether an order explains the core.
fn second_opinion(
    model: &CasRegister,
    core: &Timeline<RegisterOp>,
    found: &Found,
) -> Option<(Certifier, bool)> {
    match found {
        Found::Clash(_) => {
            let budget = Budget { configurations: SECOND_OPINION, ..Budget::default() };
            match linearize(model, core, budget) {
                Search::Found { .. } => Some((Certifier::Search, true)),
                Search::Impossible { .. } => Some((Certifier::Search, false)),
                Search::GaveUp { .. } => None,
            }
        }
        Found::DeadEnd(..) => match unique::decide(core, model.initial) {
            Decision::Linearizable { .. } => Some((Certifier::Zones, true)),
            Decision::NotLinearizable(_) => Some((Certifier::Zones, false)),
            Decision::NotApplicable(_) => None,
        },
    }
}

/// The sentence is about the core: by zones where they apply, being the clearer ones.
fn told(
    register: &RegisterHistory<'_>,
    part: &Part,
    certified: Certifier,
    found: &Found,
    options: &Options,
) -> Violation {
    let open = |entry: usize| !register.timeline.entries()[entry].is_completed();
    let core = Core::new(part, open, |entry| register.source(entry), certified);
    let small = register.part(part, timeline(&RegisterRules, &register.timeline, part));
    let explainer = Explainer::new(&small);
    if options.method == Method::Auto
        && let Decision::NotLinearizable(clash) = unique::decide(&small.timeline, small.model.initial)
    {
        if let Clash::NeverWritten { observer, value } = clash {
            let others = OtherWriters::of(value, &register.timeline, part);
            let observer = part.kept[observer].entry;
            return Explainer::new(register).unwritten(observer, value, part.since, &others, core);
        }
        return explainer.clash(&clash, core);
    }
    let budget = Budget { configurations: SECOND_OPINION, ..options.budget };
    match (linearize(&small.model, &small.timeline, budget), found) {
        (Search::Impossible { frontier, .. }, _) => explainer.dead_end(&frontier, core),
        (_, Found::Clash(clash)) => Explainer::new(register).clash(clash, core),
        (_, Found::DeadEnd(frontier, _)) => Explainer::new(register).dead_end(frontier, core),
    }
}
