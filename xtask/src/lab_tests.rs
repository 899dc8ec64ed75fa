//! `cargo xtask test-4a` and `test-4b`: the lab tests in release, over QUIC and by default one at a time, or with
//! `--sim` on virtual time under many seeds.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::evidence::kinds::LAB_TESTS;
use crate::evidence::origin::{self, Origin};
use crate::workspace::Workspace;

/// What the lab tests are run with.
#[derive(Clone, Debug, clap::Args)]
pub struct LabTestArgs {
    /// Run the tests whose names contain this (any of several); all by default
    names: Vec<String>,
    /// On virtual time, where a seed decides everything
    #[arg(long)]
    sim: bool,
    /// Run each test under so many seeds and print medians
    #[arg(long, default_value_t = 1, requires = "sim", value_parser = at_least_one())]
    seeds: u64,
    /// Run each test so many times and print medians
    #[arg(long, default_value_t = 1, conflicts_with = "sim", value_parser = at_least_one())]
    repeat: u64,
    /// Run so many tests at once; one by default, and with --sim as many as there are cores
    #[arg(long, value_parser = at_least_one())]
    jobs: Option<u64>,
    /// Draw from this seed, as a failure printed it; with --sim the first of them
    #[arg(long)]
    seed: Option<u64>,
    /// Print medians beside the reference
    #[arg(long)]
    compare: bool,
    /// Print how near each limit came
    #[arg(long)]
    verbose: bool,
    /// Write to this file what the seeds came to
    #[arg(long, requires = "sim")]
    json: Option<PathBuf>,
}

fn at_least_one() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..)
}

/// Builds and runs the tests of one part, `4a` or `4b`.
pub fn run(part: &str, args: &LabTestArgs) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["test", "--release", "--quiet"])
        .args(target(part, args))
        .arg("--")
        .args(target_arguments(part, args));
    if let Some(file) = &args.json {
        // A test target runs in the directory of its package.
        cargo.arg("--json").arg(std::path::absolute(file)?);
        let words = std::env::args().skip(1).collect::<Vec<_>>();
        let command = origin::command(words.iter().map(String::as_str));
        cargo.env(origin::VARIABLE, Origin::here(&Workspace::find()?, LAB_TESTS, command).told());
    }
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the lab tests {part} failed");
    }
    Ok(())
}

/// The simulation needs no QUIC, and does not build it.
fn target(part: &str, args: &LabTestArgs) -> Vec<String> {
    let (package, test) = match args.sim {
        true => ("lab", "lab_tests".to_owned()),
        false => ("transport-quic", format!("lab_{part}")),
    };
    vec!["--package".to_owned(), package.to_owned(), "--test".to_owned(), test]
}

fn target_arguments(part: &str, args: &LabTestArgs) -> Vec<String> {
    let mut all = match args.sim {
        true => vec!["--sim".to_owned(), format!("--part={part}"), format!("--seeds={}", args.seeds)],
        false => vec![format!("--repeat={}", args.repeat)],
    };
    // Without a word of it the simulation takes all cores.
    let jobs = args.jobs.or((!args.sim).then_some(1));
    all.extend(jobs.map(|jobs| format!("--jobs={jobs}")));
    all.extend(args.seed.map(|seed| format!("--seed={seed}")));
    all.extend(args.compare.then(|| "--compare".to_owned()));
    all.extend(args.verbose.then(|| "--verbose".to_owned()));
    all.extend(args.names.iter().cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> LabTestArgs {
        LabTestArgs {
            names: vec!["Figure 8".to_owned()],
            sim: false,
            seeds: 1,
            repeat: 5,
            jobs: Some(2),
            seed: Some(7),
            compare: true,
            verbose: false,
            json: None,
        }
    }

    #[test]
    fn arguments_reach_the_test_target() {
        let expected = ["--repeat=5", "--jobs=2", "--seed=7", "--compare", "Figure 8"];
        assert_eq!(target_arguments("4b", &args()), expected);
        assert_eq!(target("4b", &args()), ["--package", "transport-quic", "--test", "lab_4b"]);
    }

    #[test]
    fn a_simulation_runs_without_quic_and_with_all_cores() {
        let args = LabTestArgs { sim: true, seeds: 1000, jobs: None, seed: None, ..args() };
        let expected = ["--sim", "--part=4b", "--seeds=1000", "--compare", "Figure 8"];
        assert_eq!(target_arguments("4b", &args), expected);
        assert_eq!(target("4b", &args), ["--package", "lab", "--test", "lab_tests"]);
    }
}
