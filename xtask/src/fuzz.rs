//! `cargo xtask fuzz`: the parsers against invented input. Not part of the test run: it has no end of its own.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Where the targets live.
const FUZZ: &str = "history-checker/fuzz";

/// Every target.
const TARGETS: [&str; 2] = ["jsonl", "edn"];

/// What to fuzz, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// The target; all of them by default, one after the other
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// For each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Stops at the first target that finds something; cargo-fuzz says how to see it again.
pub(crate) fn run(workspace: &Workspace, args: &FuzzArgs) -> Result<ExitCode> {
    for target in TARGETS {
        if args.target.as_ref().is_some_and(|chosen| chosen != target) {
            continue;
        }
        // cargo-fuzz adds what it finds to the first directory.
        let corpus = workspace.root.join(FUZZ).join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("creating {}", corpus.display()))?;
        let code = command(target, args.seconds).run(workspace)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One target. Sanitizers need a nightly compiler.
fn command(target: &str, seconds: u64) -> Cmd {
    let fuzz = ["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", FUZZ];
    Cmd::path("rustup", fuzz).args([
        target.to_owned(),
        format!("{FUZZ}/corpus/{target}"),
        format!("{FUZZ}/seeds/{target}"),
        "--".to_owned(),
        format!("-max_total_time={seconds}"),
        "-timeout=10".to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_time_are_passed_on() {
        let expected = "rustup run nightly cargo fuzz run --fuzz-dir history-checker/fuzz edn \
             history-checker/fuzz/corpus/edn history-checker/fuzz/seeds/edn -- -max_total_time=9 -timeout=10";
        assert_eq!(command("edn", 9).to_string(), expected);
    }

    #[test]
    fn every_target_has_a_file_and_a_seed() {
        let root = Workspace::find().unwrap().root.join(FUZZ);
        for target in TARGETS {
            assert!(root.join("fuzz_targets").join(format!("{target}.rs")).is_file(), "{target}");
            assert!(root.join("seeds").join(target).is_dir(), "{target}");
        }
    }
}
