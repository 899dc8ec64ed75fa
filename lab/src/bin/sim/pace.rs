//! How much faster than real time a busy cluster runs, with every check on.

use std::path::PathBuf;
use std::time::Duration;

use lab::origin::Origin;
use lab::sim::plan::case::Case;
use lab::sim::sweep::sweep;
use serde::Serialize;

use crate::Error;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs, one after the other
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Writes the result to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What is written.
#[derive(Serialize)]
struct Pace {
    origins: Vec<Origin>,
    nodes: usize,
    virtual_nanos: u64,
    /// Of the one thread, while it was on a processor.
    busy_nanos: u64,
    events: u64,
    operations: u64,
    failure: Option<String>,
}

/// A cluster is to run so many times as fast as in real time; less is a failure on a machine that is not much slower
/// than usual ones, so it is said, and nothing follows.
const WANTED: f64 = 100.0;

/// Whether nothing was wrong.
pub(crate) fn run(args: &Args) -> Result<bool, Error> {
    let (tally, _) = sweep(0..args.seeds, 1, |_| false, |seed| Case::steady(seed).run(), |_| {});
    let pace = Pace {
        origins: Origin::told().into_iter().collect(),
        nodes: Case::steady(0).plan.nodes,
        virtual_nanos: tally.virtual_nanos,
        busy_nanos: tally.busy_nanos,
        events: tally.events,
        operations: tally.done + tally.not_applied + tally.unknown,
        failure: tally.failures.values().next().map(|failure| failure.what.clone()),
    };
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&pace)? + "\n")
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    print(&pace);
    Ok(pace.failure.is_none())
}

fn print(pace: &Pace) {
    let seconds = |nanos| Duration::from_nanos(nanos).as_secs_f64();
    let (virtual_time, busy) = (seconds(pace.virtual_nanos), seconds(pace.busy_nanos));
    let (ratio, operations) =
        (virtual_time / busy.max(1e-9), pace.operations as f64 / virtual_time.max(1e-9));
    println!("{:<22}{}", "nodes", pace.nodes);
    println!("{:<22}{operations:.1}", "operations/s, virtual");
    println!("{:<22}{}", "events", pace.events);
    println!("{:<22}{virtual_time:.1} s", "virtual time");
    println!("{:<22}{busy:.2} s", "processor time");
    println!("{:<22}{ratio:.0} times as fast, {WANTED:.0} wanted", "real time");
    if let Some(failure) = &pace.failure {
        println!("{failure}");
    }
}
