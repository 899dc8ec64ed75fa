//! Runs lab tests on virtual time, each under many seeds, and prints one row a test.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Serialize;

use crate::options::Options;
use crate::origin::Origin;
use crate::report::{self, Outcome};
use crate::sim::lab_tests::run;
use crate::suite::Test;

/// So many failures of a test are told in full; of the others only how to repeat them.
const TOLD: usize = 3;

/// Runs the tests, and prints their rows. A seed decides everything, so they are counted from 0.
pub(crate) fn run_all(options: &Options, tests: &[&'static Test]) -> Vec<Outcome> {
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    let first = options.seed.unwrap_or(0);
    let mut all = Vec::new();
    for test in tests {
        println!("{}", report::heading(test));
        let outcomes =
            sweep(test, first, options.seeds, jobs, if options.lines { run::run_aloud } else { run::run });
        println!("{}", report::seeds_row(test, &outcomes));
        if options.verbose {
            println!("{}", report::worst(&outcomes));
        }
        tell_failures(test, &outcomes);
        all.extend(outcomes);
    }
    all
}

/// What is written of all tests.
#[derive(Serialize)]
struct Record<'a> {
    origins: BTreeSet<Origin>,
    tests: Vec<Row<'a>>,
}

/// What is written of one test.
#[derive(Serialize)]
struct Row<'a> {
    part: &'a str,
    name: &'a str,
    seeds: usize,
    failed: usize,
    /// On virtual time, of all seeds together.
    seconds: f64,
    rpcs: u64,
    commits: u64,
}

/// Writes what the tests came to.
pub(crate) fn write(file: &Path, tests: &[&'static Test], outcomes: &[Outcome]) -> std::io::Result<()> {
    let tests = tests.iter().map(|test| Row::of(test, outcomes)).collect();
    let record = Record { origins: Origin::told().into_iter().collect(), tests };
    std::fs::write(file, serde_json::to_string_pretty(&record)? + "\n")
}

impl Row<'_> {
    fn of(test: &'static Test, outcomes: &[Outcome]) -> Row<'static> {
        let runs = || outcomes.iter().filter(|outcome| outcome.test.name == test.name);
        Row {
            part: test.part.name(),
            name: test.name,
            seeds: runs().count(),
            failed: runs().filter(|outcome| outcome.failure.is_some()).count(),
            seconds: runs().map(|outcome| outcome.cost.seconds).sum(),
            rpcs: runs().map(|outcome| outcome.cost.rpcs).sum(),
            commits: runs().map(|outcome| outcome.cost.commits).sum(),
        }
    }
}

/// The outcomes of these seeds, in their order.
fn sweep(
    test: &'static Test,
    first: u64,
    seeds: u64,
    jobs: usize,
    run: fn(&'static Test, u64) -> Outcome,
) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= seeds {
                return;
            }
            let outcome = run(test, first.wrapping_add(number));
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn tell_failures(test: &Test, outcomes: &[Outcome]) {
    let command = format!("cargo xtask test-{} --sim", test.part.name().to_lowercase());
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some());
    for (number, outcome) in failed.enumerate() {
        if number < TOLD {
            println!("{}\n{}", report::row(outcome, &command), report::details(outcome));
        } else {
            println!("  {command} --seed {} '{}'", outcome.seed, test.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Cost, TESTS};

    #[test]
    fn what_is_written_counts_the_seeds_of_each_test_and_those_that_failed() {
        let cost = Cost { seconds: 1.5, rpcs: 2, bytes: 3, commits: 4 };
        let passed = Outcome { cost, ..Outcome::new(&TESTS[0], 1) };
        let failed = Outcome { failure: Some("no leader".to_owned()), ..passed.clone() };
        let row = Row::of(&TESTS[0], &[passed, failed, Outcome::new(&TESTS[1], 1)]);
        assert_eq!((row.name, row.seeds, row.failed), (TESTS[0].name, 2, 1));
        assert_eq!((row.seconds, row.rpcs, row.commits), (3.0, 4, 8));
    }

    #[test]
    fn outcomes_come_in_the_order_of_their_seeds_however_many_run_at_once() {
        let outcomes = sweep(&TESTS[2], 7, 6, 3, run::run);
        assert_eq!(outcomes.iter().map(|outcome| outcome.seed).collect::<Vec<_>>(), [7, 8, 9, 10, 11, 12]);
        assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()), "{outcomes:?}");
    }
}
