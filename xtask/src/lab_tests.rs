//! `cargo xtask test-4a` and `test-4b`: the lab tests over QUIC, in release, by default one at a time.

use std::process::Command;

use anyhow::{Context, bail};

/// What the lab tests are run with.
#[derive(Clone, Debug, clap::Args)]
pub struct LabTestArgs {
    /// Run the tests whose names contain this (any of several); all by default
    names: Vec<String>,
    /// Run each test so many times and print medians
    #[arg(long, default_value_t = 1)]
    repeat: u64,
    /// Run so many tests at once
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Draw from this seed, as a failure printed it
    #[arg(long)]
    seed: Option<u64>,
    /// Print medians beside the reference
    #[arg(long)]
    compare: bool,
    /// Print how near each limit came
    #[arg(long)]
    verbose: bool,
}

/// Builds and runs the tests of one part, `4a` or `4b`.
pub fn run(part: &str, args: &LabTestArgs) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--release", "--quiet", "--package", "transport-quic", "--test"]);
    cargo.arg(format!("lab_{part}")).arg("--").args(target_arguments(args));
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the lab tests {part} failed");
    }
    Ok(())
}

fn target_arguments(args: &LabTestArgs) -> Vec<String> {
    let mut all = vec![format!("--repeat={}", args.repeat), format!("--jobs={}", args.jobs)];
    all.extend(args.seed.map(|seed| format!("--seed={seed}")));
    all.extend(args.compare.then(|| "--compare".to_owned()));
    all.extend(args.verbose.then(|| "--verbose".to_owned()));
    all.extend(args.names.iter().cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_test_target() {
        let args = LabTestArgs {
            names: vec!["Figure 8".to_owned()],
            repeat: 5,
            jobs: 2,
            seed: Some(7),
            compare: true,
            verbose: false,
        };
        let expected = ["--repeat=5", "--jobs=2", "--seed=7", "--compare", "Figure 8"];
        assert_eq!(target_arguments(&args), expected);
    }
}
