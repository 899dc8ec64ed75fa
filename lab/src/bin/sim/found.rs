//! What becomes of a failure: it is shortened, saved and drawn.

use std::fs;
use std::path::Path;

use lab::sim::plan::case::{Case, Saved};
use lab::sim::report::diagram;
use lab::sim::sweep::shrink::{Shrunk, shrink};

use crate::Error;

const REGRESSIONS: &str = "lab/regressions";

/// A case may take so many times as many events as the one that it is shortened from.
const LONGER: u64 = 2;

/// Whether what a sweep finds is kept with the regressions, which every test run replays. A bug that was put in on
/// purpose is none of them; and somewhere else than in the project there are none.
pub(crate) fn is_kept() -> bool {
    !cfg!(seeded_bugs) && Path::new(REGRESSIONS).is_dir()
}

/// Shortens a case that fails, and saves it: under `name` with the regressions if there is one, else out of
/// the way.
pub(crate) fn shorten(case: &Case, origin: &str, name: Option<&str>, budget: u32) -> Result<(), Error> {
    let first = case.run();
    let Some(violation) = first.violation else { return Err(differs(origin)) };
    // One that takes much longer is not smaller, and may take for ever.
    let limit = LONGER * first.events + LONGER * case.plan.events;
    let breaks =
        |case: &Case| case.run_within(limit).violation.is_some_and(|found| found.is_like(&violation));
    let Shrunk { case: small, runs } = shrink(case, budget, breaks);
    let (outcome, lines) = small.run_with_lines();
    let Some(violation) = outcome.violation else { return Err(differs(origin)) };
    println!("\nshortened {origin} in {runs} runs:");
    println!("    before  {}", size(case));
    println!("    after   {}, {} happen", size(&small), outcome.events);
    for episode in &small.plan.episodes {
        println!(
            "    at {:.6} s for {:.6} s: {:?}",
            seconds(episode.at),
            seconds(episode.lasts),
            episode.fault
        );
    }
    let (dir, stem) = name.map_or(("target/sim", origin), |name| (REGRESSIONS, name));
    let file = Path::new(dir).join(format!("{stem}.json"));
    let saved = Saved { what: violation.to_string(), case: small };
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&file, serde_json::to_string_pretty(&saved)? + "\n"))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    println!("    cargo xtask sim --replay {}\n", file.display());
    print!("{}", diagram::draw(saved.case.plan.nodes, &lines, &violation));
    Ok(())
}

fn differs(origin: &str) -> Error {
    format!("what failed as {origin} fails no more: a run is not deterministic").into()
}

fn size(case: &Case) -> String {
    let plan = &case.plan;
    let (nodes, clients, episodes) = (plan.nodes, plan.clients, plan.episodes.len());
    format!("{nodes} nodes, {clients} clients, {episodes} episodes, faults for {} events", plan.events)
}

fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
