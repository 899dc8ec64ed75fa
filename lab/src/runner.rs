//! Runs the lab tests by name, over one kind of transport or on virtual time: the `main` of a test target.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use raft::Config;

use crate::carrier::Carrier;
use crate::cluster::Cluster;
use crate::lab::Lab;
use crate::options::{Options, USAGE};
use crate::recorder::Stateless;
use crate::report::{self, Outcome};
use crate::suite::{Cost, Part, TESTS, TIME_LIMIT, Test};
use crate::sweep;

/// What a test target runs.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The parts that belong to it.
    pub parts: &'static [Part],
    /// How many tests run at once unless the arguments say otherwise: they mostly sleep.
    pub jobs: usize,
    /// What starts it: a failure prints it with the seed and the name.
    pub command: &'static str,
}

/// A test that waits for its turn.
struct Turn {
    test: &'static Test,
    seed: u64,
}

/// Runs what the process's arguments ask for.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a run of real nodes takes real time")]
pub fn main<C: Carrier>(target: &Target) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("{complaint}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let tests: Vec<&'static Test> =
        TESTS.iter().filter(|test| target.parts.contains(&test.part) && options.selects(test)).collect();
    if options.list {
        tests.iter().for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }

    let began = Instant::now();
    let outcomes =
        if options.sim { sweep::run_all(&options, &tests) } else { run_all::<C>(target, &options, &tests) };
    if let Some(file) = &options.json
        && let Err(error) = sweep::write(file, &tests, &outcomes)
    {
        eprintln!("{}: {error}", file.display());
        return ExitCode::from(2);
    }
    if options.repeat > 1 && !options.compare {
        print!("{}", report::medians(&tests, &outcomes));
    }
    if options.compare {
        print!("{}", report::comparison(&tests, &outcomes));
    }
    println!("{}", report::totals(&outcomes, began.elapsed(), report::cpu()));
    let failed = outcomes.iter().any(|outcome| outcome.failure.is_some());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run_all<C: Carrier>(target: &Target, options: &Options, tests: &[&'static Test]) -> Vec<Outcome> {
    let jobs = options.jobs.unwrap_or(target.jobs);
    let first_seed = options.seed.unwrap_or_else(any_seed);
    let turns = Mutex::new(turns(tests, first_seed, options.repeat, jobs));
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        // Not `while let`: the lock would be held for as long as the test runs.
        loop {
            let Some(turn) = lock(&turns).pop_front() else { return };
            // Several at once print their two lines together, so that they do not mix.
            if jobs == 1 {
                println!("{}", report::heading(turn.test));
            }
            let outcome = run::<C>(turn.test, turn.seed);
            let mut outcomes = lock(&outcomes);
            if jobs > 1 {
                println!("{}", report::heading(turn.test));
            }
            println!("{}", report::row(&outcome, target.command));
            if options.verbose || outcome.failure.is_some() {
                println!("{}", report::details(&outcome));
            }
            outcomes.push(outcome);
        }
    };
    if jobs == 1 {
        work();
    } else {
        std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    }
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The runs in their order: that of the table, or the longest first where several run at once.
fn turns(tests: &[&'static Test], first_seed: u64, repeat: u64, jobs: usize) -> VecDeque<Turn> {
    let mut turns: Vec<Turn> = (0..repeat)
        .flat_map(|turn| tests.iter().map(move |test| Turn { test, seed: first_seed.wrapping_add(turn) }))
        .collect();
    if jobs > 1 {
        turns.sort_by(|a, b| b.test.reference.seconds.total_cmp(&a.test.reference.seconds));
    }
    turns.into()
}

/// Runs one test on a runtime of its own: nodes, network and test share one thread, so no message
/// has to wake a core.
fn run<C: Carrier>(test: &'static Test, seed: u64) -> Outcome {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run_in_cluster::<C>(test, seed)),
        Err(error) => Outcome { failure: Some(format!("no runtime: {error}")), ..Outcome::new(test, seed) },
    }
}

async fn run_in_cluster<C: Carrier>(test: &'static Test, seed: u64) -> Outcome {
    let cluster = match Cluster::<C, Stateless>::start(test.peers, test.seed(seed), Config::lab()).await {
        Ok(cluster) => cluster,
        Err(failure) => return Outcome { failure: Some(failure.0), ..Outcome::new(test, seed) },
    };
    let lab = Lab::new(cluster);
    let verdict = tokio::select! {
        verdict = tokio::time::timeout(TIME_LIMIT, test.run(&lab)) => match verdict {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure.0),
            Err(_) => Some(format!("it took more than {TIME_LIMIT:?}")),
        },
        () = lab.world.watch() => Some("the watch ended".to_owned()),
    };
    let cost = Cost::of(&lab.world);
    let failure = match verdict {
        Some(why) => Some(format!("{why}\n{}", lab.world.diagnosis().await)),
        None => None,
    };
    Outcome { test, seed, cost, margins: lab.margins(), kinds: lab.world.kinds(), failure }
}

/// A seed that is short enough to be typed.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one draw from which all others follow")]
pub fn any_seed() -> u64 {
    fastrand::u64(..1 << 32)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
