//! All that a run of the register follows from: what can be run again, shortened and kept as a file.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use raft::Timestamp;
use serde::{Deserialize, Serialize};

use super::swarm::{Limits, Plan};
use crate::sim::clients::load::Load;
use crate::sim::clients::register_workload::RegisterWorkload;
use crate::sim::clients::workload::Workload;
use crate::sim::cluster::Pace;
use crate::sim::cluster::links::Weather;
use crate::sim::invariants::{PANICS, Violation};
use crate::sim::random::Random;
use crate::sim::report::trace::Line;
use crate::sim::world::{Outcome, World};

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The cluster and what goes wrong.
    pub plan: Plan,
    /// What its clients do.
    pub load: Load,
}

/// A case in a file of `lab/regressions/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// What was wrong.
    pub what: String,
    /// What shows it, for as long as it is.
    #[serde(flatten)]
    pub case: Case,
}

thread_local! {
    /// The panic of the run on this thread.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// From now on the text and place of a panic in a run are kept for [`Case::run`] to tell, and are not printed where they
/// happen.
pub fn keep_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| match RUNS.get() {
        true => PANIC.set(Some(info.to_string())),
        false => before(info),
    }));
}

impl Case {
    /// What this seed means.
    #[must_use]
    pub fn drawn(seed: u64) -> Case {
        Case { plan: Plan::drawn(seed), load: Load::drawn(Random::new(seed)) }
    }

    /// Five nodes and 200 operations a second, for some minutes in which nothing goes wrong.
    #[must_use]
    pub fn steady(seed: u64) -> Case {
        let plan = Plan {
            seed,
            nodes: 5,
            clients: 10,
            events: 1_000_000,
            limits: Limits::usual(),
            weather: Weather::FAIR,
            pace: Pace::STEADY,
            drift_ppm: 0,
            late_requests_ppm: 0,
            is_even: false,
            episodes: Vec::new(),
            at_rest: None,
            scrub_every: None,
        };
        let load = Load { pause: Duration::from_millis(50), in_flight: 4, ..Load::default() };
        Case { plan, load }
    }

    /// Runs it. A panic is a violation like any other.
    #[must_use]
    pub fn run(&self) -> Outcome {
        run(&mut self.world(), World::run)
    }

    /// The same, and more events than this are a violation, too.
    #[must_use]
    pub fn run_within(&self, events: u64) -> Outcome {
        run(&mut self.world(), |world| world.run_within(events))
    }

    /// Runs it and keeps lines of what happened.
    #[must_use]
    pub fn run_with_lines(&self) -> (Outcome, Vec<Line>) {
        let mut world = self.world();
        world.keep_lines();
        let outcome = run(&mut world, World::run);
        (outcome, world.lines().to_vec())
    }

    fn world(&self) -> World<RegisterWorkload> {
        World::new(self.plan.clone(), RegisterWorkload { load: self.load.clone() })
    }
}

pub(in crate::sim) fn run<W: Workload>(
    world: &mut World<W>,
    how: impl FnOnce(&mut World<W>) -> Outcome,
) -> Outcome {
    // After a panic only what is plain data in a world is looked at.
    RUNS.set(true);
    let run = panic::catch_unwind(AssertUnwindSafe(|| how(world)));
    RUNS.set(false);
    run.unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().cloned();
        let said = said.or_else(|| payload.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        let what = PANIC.take().or(said).unwrap_or_default();
        let at = Timestamp::default() + world.outcome().time;
        Outcome { violation: Some(Violation { at, rule: PANICS, what }), ..world.outcome() }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Episode, Fault};
    use super::*;

    #[test]
    fn a_case_survives_its_file() {
        for seed in 0..50 {
            let saved = Saved { what: "nothing".to_owned(), case: Case::drawn(seed) };
            let text = serde_json::to_string(&saved).unwrap();
            assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved);
        }
    }

    #[test]
    fn a_case_is_the_run_of_its_seed_and_lines_do_not_change_it() {
        let mut case = Case::drawn(4);
        case.plan.events = 2_000;
        let (first, (second, lines)) = (case.run(), case.run_with_lines());
        assert_eq!((first.hash, first.events), (second.hash, second.events));
        assert!(first.violation.is_none() && lines.len() > 100);
        case.plan.seed += 1;
        assert_ne!(case.run().hash, first.hash);
    }

    #[test]
    fn a_steady_cluster_has_the_load_that_is_promised() {
        let mut case = Case::steady(1);
        case.plan.events = 20_000;
        let outcome = case.run();
        let operations = outcome.summary.done as f64 / outcome.time.as_secs_f64();
        assert!(outcome.violation.is_none() && operations > 150.0, "{operations} a second");
        assert_eq!(outcome.summary.not_applied + outcome.summary.unknown, 0);
    }

    #[test]
    fn a_run_that_does_not_end_breaks_a_rule() {
        let outcome = Case::drawn(4).run_within(1_000);
        assert_eq!(
            (outcome.events, outcome.violation.map(|violation| violation.rule)),
            (1_000, Some("a run ends"))
        );
    }

    #[test]
    fn a_panic_breaks_a_rule() {
        let mut case = Case::drawn(4);
        // There is no such link.
        case.plan.episodes = vec![Episode { at: 1_000_000, lasts: 1, fault: Fault::Cut { from: 99, to: 0 } }];
        let outcome = case.run();
        assert!(outcome.events > 0 && outcome.events < 2_000);
        let rule = outcome.violation.map(|violation| violation.rule);
        assert_eq!(rule, Some(PANICS));
    }

    #[test]
    fn a_panic_is_kept_only_in_a_run() {
        thread_local!(static PRINTED: Cell<bool> = const { Cell::new(false) });
        panic::set_hook(Box::new(|_| PRINTED.set(true)));
        keep_panics();
        let mut case = Case::drawn(4);
        case.plan.episodes = vec![Episode { at: 1_000_000, lasts: 1, fault: Fault::Cut { from: 99, to: 0 } }];
        let broken = case.run().violation.map(|violation| violation.what);
        assert!(broken.is_some_and(|what| what.contains(".rs:")) && !PRINTED.get());
        assert!(panic::catch_unwind(|| panic!("elsewhere")).is_err() && PRINTED.get());
    }
}
