//! `cargo xtask sim`: whole clusters on virtual time, many seeds at once.
//!
//! | file | what |
//! |---|---|
//! | [`sweep`] | runs seeds, some of them twice |
//! | [`pace`] | a busy cluster against real time |
//! | [`replay`] | runs one again, and shows what happens |
//! | [`found`] | what becomes of a failure: shortened, saved, drawn |

mod found;
mod pace;
mod replay;
mod sweep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::sim::sweep::tally::Tally;

/// Whole clusters on virtual time: runs seeds, and shortens what breaks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask sim", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    job: Option<Job>,
    #[command(flatten)]
    sweep: sweep::Args,
    #[command(flatten)]
    replay: replay::Args,
}

#[derive(Subcommand)]
enum Job {
    /// Adds up the results of several shards
    Merge {
        /// What --json wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Writes the sum to this file
        #[arg(long)]
        json: Option<PathBuf>,
        /// Seeds between them may be missing
        #[arg(long)]
        gaps: bool,
    },
    /// Five nodes under 200 operations a virtual second: how much faster than real time they run
    Pace(pace::Args),
    /// Prints the hashes of seeds: the second process of --twice
    #[command(hide = true)]
    Hashes(sweep::Args),
}

/// Why the program could not do what it was asked.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    lab::sim::plan::case::keep_panics();
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong.
fn run(args: Args) -> Result<bool, Error> {
    match args.job {
        None if args.replay.replay.is_some() => replay::run(&args.replay),
        None => sweep::run(&args.sweep, args.replay.save.as_deref(), args.replay.budget),
        Some(Job::Pace(args)) => pace::run(&args),
        Some(Job::Hashes(args)) => sweep::hashes(&args),
        Some(Job::Merge { files, json, gaps }) => merge(&files, json.as_deref(), gaps),
    }
}

fn merge(files: &[PathBuf], json: Option<&Path>, gaps: bool) -> Result<bool, Error> {
    let mut sum = Tally::default();
    for file in files {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
        let tally = serde_json::from_str(&text).map_err(|error| named(&error))?;
        sum.merge(tally).map_err(|error| named(&error))?;
    }
    let missing = sum.gaps();
    let missing = missing.iter().map(|gap| format!("seeds {} to {} are missing", gap.start, gap.end - 1));
    let missing: Vec<String> = missing.collect();
    if !gaps && !missing.is_empty() {
        return Err(format!("{}; --gaps takes them all the same", missing.join(", ")).into());
    }
    end(sum, json)
}

/// Prints failures and the table, and writes the file.
fn end(mut tally: Tally, json: Option<&Path>) -> Result<bool, Error> {
    tally.marks.name_all();
    if let Some(file) = json {
        let mut written = serde_json::to_value(&tally)?;
        written["missing"] = tally.missing().iter().map(|mark| mark.name).collect();
        std::fs::write(file, serde_json::to_string_pretty(&written)? + "\n")
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    for (seed, failure) in &tally.failures {
        println!("seed {seed}: {}", failure.what);
        println!("    cargo xtask sim --replay {seed}");
    }
    println!("{tally}");
    for mark in tally.missing() {
        println!("never seen: {}: {}", mark.name, mark.meaning);
    }
    Ok(tally.is_good())
}
