//! `cargo xtask explore`: every order of events of small scopes.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use lab::sim::explore::{SCOPES, explore};

/// Visits every state of small scopes.
#[derive(Parser)]
struct Args {
    /// Which; all if none is named
    scope: Option<String>,
    /// States of each, at most
    #[arg(long, default_value_t = 2_500_000)]
    states: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut good = true;
    println!("{:<14} {:>10} {:>11} {:>6} {:>9} {:>8}", "scope", "states", "steps", "depth", "complete", "seconds");
    let mut all = 0;
    for scope in SCOPES.iter().filter(|scope| args.scope.as_ref().is_none_or(|name| name == scope.name)) {
        #[allow(clippy::disallowed_methods, reason = "how long it took is shown, and nothing follows from it")]
        let began = Instant::now();
        let found = explore(scope, args.states);
        let complete = if found.complete { "yes" } else { "no" };
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{:<14} {:>10} {:>11} {:>6} {complete:>9} {seconds:>8.1}",
            scope.name, found.states, found.steps, found.depth
        );
        for (witness, seen) in &found.witnesses {
            println!("    {seen:>10} {witness}");
        }
        if let Some((violation, way)) = &found.violation {
            println!("  {violation}");
            way.iter().for_each(|step| println!("    {step}"));
        }
        good &= found.is_good();
        all += found.states;
    }
    println!("{all} states");
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
