//! Runs a seed or a saved case again, and shows what happens.

use std::path::Path;

use lab::sim::plan::case::{Case, Saved};
use lab::sim::report::diagram;

use crate::{Error, found};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs this again: a seed, or a file of lab/regressions/ or target/sim/
    #[arg(long, value_name = "SEED|FILE", conflicts_with_all = ["seeds", "from", "shard", "twice", "json"])]
    pub(crate) replay: Option<String>,
    /// Prints everything that happens in it
    #[arg(long, requires = "replay")]
    lines: bool,
    /// Shortens it if it fails
    #[arg(long, requires = "replay")]
    shrink: bool,
    /// Shortens what fails and writes it to lab/regressions/NAME.json
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,
    /// Runs to look for a shorter failure; 0: it stays as it is
    #[arg(long, value_name = "RUNS", default_value_t = 600)]
    pub(crate) budget: u32,
}

/// Whether nothing was wrong.
pub(crate) fn run(args: &Args) -> Result<bool, Error> {
    let what = args.replay.as_deref().unwrap_or_default();
    let case = read(what)?;
    let (outcome, lines) = case.run_with_lines();
    if args.lines {
        for line in &lines {
            println!("{:>12} {:?} {:?} {}", line.at.as_nanos(), line.from, line.to, line.what);
        }
    }
    println!(
        "{} events in {:.3} s, hash {:016x}, {} done, {} not applied, {} unknown",
        outcome.events,
        outcome.time.as_secs_f64(),
        outcome.hash,
        outcome.summary.done,
        outcome.summary.not_applied,
        outcome.summary.unknown
    );
    let Some(violation) = &outcome.violation else {
        println!("nothing is wrong");
        return Ok(true);
    };
    if args.shrink || args.save.is_some() {
        let stem = Path::new(what).file_stem().map_or_else(|| what.into(), |stem| stem.to_string_lossy());
        found::shorten(&case, &stem, args.save.as_deref(), args.budget)?;
    } else {
        print!("{}", diagram::draw(case.plan.nodes, &lines, violation));
        println!("to shorten it: cargo xtask sim --replay {what} --shrink");
    }
    Ok(false)
}

fn read(what: &str) -> Result<Case, Error> {
    if let Ok(seed) = what.parse() {
        return Ok(Case::drawn(seed));
    }
    let text = std::fs::read_to_string(what).map_err(|error| format!("{what}: {error}"))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| format!("{what}: {error}"))?;
    Ok(saved.case)
}
