//! `cargo xtask explore`: every order of events of small scopes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Parser;
use lab::origin::Origin;
use lab::sim::explore::{Bounds, Explored, SCOPES, Scope, explore};
use serde::Serialize;

/// Visits every state of small scopes.
#[derive(Parser)]
#[command(bin_name = "cargo xtask explore")]
struct Args {
    /// Which; all if none is named
    scope: Option<String>,
    /// Smaller bounds, as in each test run
    #[arg(long)]
    quick: bool,
    /// Other bounds: wakes, proposals, reads, crashes, frames that arrive twice,
    /// frames lost to newer ones, frames on a link (255: any)
    #[arg(long, num_args = 7, conflicts_with = "quick")]
    bounds: Vec<u8>,
    /// States of each, at most; each takes about 60 bytes
    #[arg(long, default_value_t = 40_000_000)]
    states: u64,
    /// Scopes at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Write what came of it to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a file says of one scope.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    bounds: Bounds,
    /// What does not happen in it: rules about that have nothing to say.
    lacks: Vec<&'static str>,
    #[serde(flatten)]
    explored: Explored,
    seconds: f64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let wanted = |name: &str| args.scope.as_deref().is_none_or(|scope| scope == name);
    let scopes: Vec<&Scope> = SCOPES.iter().filter(|scope| wanted(scope.name)).collect();
    if args.bounds.last() == Some(&0) {
        eprintln!("error: --bounds: on a link there is room for one frame at least");
        return ExitCode::from(2);
    }
    if scopes.is_empty() {
        let names: Vec<&str> = SCOPES.iter().map(|scope| scope.name).collect();
        let asked = args.scope.as_deref().unwrap_or_default();
        eprintln!("error: no scope is called `{asked}`; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    println!(
        "{:<12} {:>10} {:>11} {:>6} {:>9} {:>8}",
        "scope", "states", "transitions", "depth", "complete", "seconds"
    );
    let rows = run(&scopes, &args);
    let states: u64 = rows.iter().map(|row| row.explored.states).sum();
    println!("{states} states");
    let good = rows.len() == scopes.len() && rows.iter().all(|row| row.explored.is_good());
    if let Some(file) = &args.json
        && let Err(error) = write(file, &rows)
    {
        eprintln!("error: {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(scopes: &[&Scope], args: &Args) -> Vec<Row> {
    let bounds_of = |scope: &Scope| match *args.bounds {
        [wakes, proposals, reads, crashes, copies, losses, on_link] => {
            Bounds { wakes, proposals, reads, crashes, copies, losses, on_link }
        }
        _ if args.quick => scope.quick,
        _ => scope.bounds,
    };
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(scope) = scopes.get(next.fetch_add(1, Relaxed)) {
            let bounds = bounds_of(scope);
            let (explored, took) = timed(|| explore(scope, bounds, args.states));
            let lacks = scope.lacks(bounds);
            let row = Row { name: scope.name, bounds, lacks, explored, seconds: took.as_secs_f64() };
            print(&row);
            if let Ok(mut rows) = rows.lock() {
                rows.push(row);
            }
        }
    };
    std::thread::scope(|scope| (0..args.jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    rows.into_inner().unwrap_or_default()
}

fn write(file: &PathBuf, rows: &[Row]) -> std::io::Result<()> {
    let origins: Vec<Origin> = Origin::told().into_iter().collect();
    std::fs::write(
        file,
        serde_json::to_vec_pretty(&serde_json::json!({ "origins": origins, "scopes": rows }))?,
    )
}

#[allow(clippy::disallowed_methods, reason = "how long it took is shown, and nothing follows from it")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

fn print(row: &Row) {
    let Row { name, bounds, lacks, explored, seconds } = row;
    let Explored { states, transitions, depth, complete, limited, odd, witnesses, violation, .. } = explored;
    let complete = if *complete { "yes" } else { "NO" };
    let mut text =
        format!("{name:<12} {states:>10} {transitions:>11} {depth:>6} {complete:>9} {seconds:>8.1}");
    text += &format!("\n    {bounds}\n    lacks {}", lacks.join(", "));
    if *limited {
        text += "\n  INCOMPLETE: as many states as --states allows";
    }
    if *odd > 0 {
        text += &format!("\n  NOT SOUND: {odd} states of nodes are not what they are in a mirror");
    }
    for (witness, seen) in witnesses {
        let missing = if *seen == 0 { "NEVER SEEN: " } else { "" };
        text += &format!("\n    {seen:>10} {missing}{witness}");
    }
    if let Some(violation) = violation {
        text += &format!("\n  VIOLATION: {violation}");
    }
    println!("{text}");
}
