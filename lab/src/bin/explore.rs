//! `cargo xtask explore`: every order of events of small scopes.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Parser;
use lab::sim::explore::{Explored, SCOPES, Scope, explore};

/// Visits every state of small scopes.
#[derive(Parser)]
struct Args {
    /// Which; all if none is named
    scope: Option<String>,
    /// States of each, at most
    #[arg(long, default_value_t = 20_000_000)]
    states: u64,
    /// Scopes at once; each takes some hundred bytes a state
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn main() -> ExitCode {
    let Args { scope, states, jobs } = Args::parse();
    let wanted = |name: &str| scope.as_deref().is_none_or(|scope| scope == name);
    let scopes: Vec<&Scope> = SCOPES.iter().filter(|scope| wanted(scope.name)).collect();
    if scopes.is_empty() {
        let names: Vec<&str> = SCOPES.iter().map(|scope| scope.name).collect();
        eprintln!("error: no such scope; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    println!(
        "{:<12} {:>11} {:>11} {:>6} {:>9} {:>8}",
        "scope", "states", "steps", "depth", "complete", "seconds"
    );
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(scope) = scopes.get(next.fetch_add(1, Relaxed)) {
            let (explored, took) = timed(|| explore(scope, states));
            print(scope, &explored, took);
            if let Ok(mut found) = found.lock() {
                found.push(explored);
            }
        }
    };
    std::thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    let found = found.into_inner().unwrap_or_default();
    println!("{} states", found.iter().map(|explored| explored.states).sum::<u64>());
    let good = found.len() == scopes.len() && found.iter().all(Explored::is_good);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::disallowed_methods, reason = "how long it took is shown, and nothing follows from it")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

fn print(scope: &Scope, explored: &Explored, took: Duration) {
    let Explored { states, steps, depth, complete, witnesses, violation } = explored;
    let complete = if *complete { "yes" } else { "no" };
    let seconds = took.as_secs_f64();
    let mut text =
        format!("{:<12} {states:>11} {steps:>11} {depth:>6} {complete:>9} {seconds:>8.1}", scope.name);
    for (witness, seen) in witnesses {
        let missing = if *seen == 0 { "NEVER SEEN: " } else { "" };
        text += &format!("\n    {seen:>10} {missing}{witness}");
    }
    if let Some((what, way)) = violation {
        text += &format!("\n  VIOLATION: {what}");
        way.iter().for_each(|step| text += &format!("\n    {step}"));
    }
    println!("{text}");
}
