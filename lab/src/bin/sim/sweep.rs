//! Runs seeds, some of them again in another process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lab::origin::Origin;
use lab::sim::plan::case::Case;
use lab::sim::sweep::tally::{DIFFERS, Tally};
use lab::sim::sweep::{Shard, is_in_share, sweep};

use crate::{Error, end, found};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; each seed runs on one
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only this share of the seeds, as I/K with I from 0
    #[arg(long)]
    shard: Option<Shard>,
    /// So many of a hundred seeds run again in another process, and must do the same
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    twice: u64,
    /// Writes the result to this file, for `merge`
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Rules of which the first failure is shortened.
const SHORTENED: usize = 3;

/// Whether all was well.
pub(crate) fn run(args: &Args, save: Option<&str>, budget: u32) -> Result<bool, Error> {
    let (mut tally, hashes) = sweep(seeds(args)?, args.jobs, in_share(args), run_seed, tell);
    tally.origins.extend(Origin::told());
    again(args, &hashes, &mut tally)?;
    end_line();
    let failures = tally.failures.clone();
    let all_well = end(tally, args.json.as_deref())?;
    let mut rules = BTreeSet::new();
    for (seed, failure) in &failures {
        // What differs is found by looking at what the code reads, not at what the cluster does.
        let shortens = budget > 0 || save.is_some();
        if shortens && failure.rule != DIFFERS && rules.len() < SHORTENED && rules.insert(&failure.rule) {
            // The first gets the name that was given.
            let name = save.filter(|_| rules.len() == 1).map(str::to_owned);
            let name = name.or_else(|| found::is_kept().then(|| format!("seed-{seed}")));
            found::shorten(&Case::drawn(*seed), &seed.to_string(), name.as_deref(), budget)?;
        }
    }
    Ok(all_well)
}

/// The second process of `--twice`: a line with the seed and its hash for each.
pub(crate) fn hashes(args: &Args) -> Result<bool, Error> {
    let wanted = in_share(args);
    let seeds = seeds(args)?.filter(|seed| wanted(*seed)).collect::<Vec<_>>();
    let places = 0..seeds.len() as u64;
    let run = |place| run_seed(seeds[usize::try_from(place).unwrap_or(0)]);
    let (_, hashes) = sweep(places, args.jobs, |_| true, run, |_| {});
    for (seed, hash) in seeds.iter().zip(hashes.values()) {
        println!("{seed} {hash}");
    }
    Ok(true)
}

fn again(args: &Args, hashes: &BTreeMap<u64, u64>, tally: &mut Tally) -> Result<(), Error> {
    if hashes.is_empty() {
        return Ok(());
    }
    let seeds = seeds(args)?;
    let count = seeds.end - seeds.start;
    let numbers = [("--from", seeds.start), ("--seeds", count), ("--twice", args.twice)];
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("hashes").arg("--jobs").arg(args.jobs.to_string());
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let second: BTreeMap<u64, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(seed, hash)| Some((seed.parse().ok()?, hash.parse().ok()?)))
        .collect();
    if !output.status.success() || !second.keys().eq(hashes.keys()) {
        return Err(
            format!("the second process ended with {} and {} hashes", output.status, second.len()).into()
        );
    }
    for (seed, first) in hashes {
        tally.add_second(*seed, *first, second[seed]);
    }
    Ok(())
}

fn seeds(args: &Args) -> Result<Range<u64>, Error> {
    let end = args.from.checked_add(args.seeds).ok_or("seeds end at 2^64")?;
    Ok(args.shard.unwrap_or(Shard::WHOLE).of(&(args.from..end)))
}

fn in_share(args: &Args) -> impl Fn(u64) -> bool + Sync + use<> {
    let percent = args.twice;
    move |seed| is_in_share(seed, percent)
}

fn run_seed(seed: u64) -> lab::sim::world::Outcome {
    Case::drawn(seed).run()
}

/// One line that changes, where somebody looks.
fn tell(tally: &Tally) {
    if std::io::stderr().is_terminal() {
        let line = format!(
            "\r{} seeds, {} M events, {} failures",
            tally.seeds,
            tally.events / 1_000_000,
            tally.failures.len()
        );
        // A closed terminal must not stop a sweep.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn end_line() {
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
}
