//! `cargo xtask mutants`: changes the sources of `raft` in small ways, one at a time, and runs its tests. A mutant that
//! passes them all is a hole in the tests, or has a reason in `raft/mutants.toml`.
//!
//! Two stages: the quick tests for every mutant, all tests of `raft` for those that pass.

mod outcomes;
mod reasons;
mod unreachable;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::command::Cmd;
use crate::evidence;
use crate::evidence::origin::Origin;
use crate::workspace::Workspace;
use outcomes::Outcomes;
use reasons::Reasons;

/// The version that is installed where there is none.
const VERSION: &str = "27.1.0";

/// Seconds after which the tests of a mutant hang: many times what they take.
const TIMEOUT: [&str; 2] = ["--timeout", "30"];

/// Tests that take seconds; the second stage has them.
const SLOW: [&str; 3] = [
    "every_flipped_bit_is_harmless_or_named_or_only",
    "what_was_followed_is_what_is_read_anew",
    "the_replies_of_a_session_are_bounded",
];

/// Where each stage leaves its outcomes.
const STAGES: [&str; 2] = ["quick", "whole"];

/// Which mutants, and where the account goes.
#[derive(Debug, clap::Args)]
pub(crate) struct MutantsArgs {
    /// One part in so many, spread over all files, in random order
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only in this file
    #[arg(long = "in", value_name = "FILE")]
    file: Option<String>,
    /// Runs nothing: the account of what earlier runs left in these directories; where two tried the same, of the later
    #[arg(long, value_name = "DIR", num_args = 1..)]
    collect: Vec<PathBuf>,
    /// Writes what came of it, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Tries again, with all tests, those that passed in the last run
    #[arg(long)]
    again: bool,
}

/// Fails where a mutant passed all tests and has no reason.
pub(crate) fn run(workspace: &Workspace, args: &MutantsArgs) -> Result<ExitCode> {
    let origin = Origin::of(workspace, "mutants");
    let reasons = Reasons::read(&workspace.root)?;
    let mut outcomes = Outcomes::default();
    let left = STAGES.map(|stage| workspace.target.join("mutants").join(stage));
    if args.again {
        left.iter().filter(|dir| dir.exists()).try_for_each(|dir| outcomes.take(dir))?;
    } else if args.collect.is_empty() {
        install(workspace)?;
        outcomes.take(&quick(workspace, args)?)?;
    }
    for dir in &args.collect {
        outcomes.take(dir)?;
    }
    let passed = outcomes.passed();
    if args.collect.is_empty() && !passed.is_empty() {
        install(workspace)?;
        outcomes.take(&whole(workspace, &passed)?)?;
    }
    let shard = args.shard.as_deref().or(args.file.as_deref()).unwrap_or("all");
    let account = outcomes.account(&workspace.root, &reasons, shard)?;
    println!("{}", outcomes::summary(&account));
    let open = outcomes::without_reason(&account);
    open.iter().for_each(|name| println!("no reason: {name}"));
    let code = if open.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if let Some(file) = &args.json {
        evidence::write(file, &origin, account)?;
    }
    Ok(code)
}

fn install(workspace: &Workspace) -> Result<()> {
    if Cmd::cargo(["mutants", "--version"]).watch(workspace, false)?.success {
        return Ok(());
    }
    let installed =
        Cmd::cargo(["install", "cargo-mutants", "--locked", "--version", VERSION]).run(workspace)?;
    ensure!(installed == ExitCode::SUCCESS, "cargo-mutants {VERSION} could not be installed");
    Ok(())
}

/// The first stage. Says where it left its outcomes.
fn quick(workspace: &Workspace, args: &MutantsArgs) -> Result<PathBuf> {
    let mut command = mutants(&workspace.target.join("mutants").join(STAGES[0]));
    if let Some(shard) = &args.shard {
        command = command.args(["--shard", shard, "--sharding", "round-robin"].map(str::to_owned));
    }
    if let Some(file) = &args.file {
        command = command.args(["--file", file].map(str::to_owned));
    }
    let all = Cmd::cargo(["mutants", "--list", "--json", "--package", "raft"]).watch(workspace, false)?;
    let unreachable = unreachable::among(&workspace.root, &all.lines.join("\n"))?;
    command =
        command.args(unreachable.into_iter().flat_map(|name| ["--exclude-re".to_owned(), exactly(&name)]));
    command = command.args(["--cargo-test-arg=--lib", "--", "--"].map(str::to_owned));
    // A mutant is done with at its first failure: others may hang.
    command = command.args(["-Zunstable-options", "--fail-fast"].map(str::to_owned));
    command = command.args(SLOW.iter().flat_map(|test| ["--skip", test]).map(str::to_owned));
    started(&command, workspace, STAGES[0])
}

/// The second stage: all tests, for these.
fn whole(workspace: &Workspace, names: &[String]) -> Result<PathBuf> {
    let command = mutants(&workspace.target.join("mutants").join(STAGES[1]));
    let command = command.args(names.iter().flat_map(|name| ["--re".to_owned(), exactly(name)]));
    let tests = ["--cargo-test-arg=--tests", "--", "--", "-Zunstable-options", "--fail-fast"];
    started(&command.args(tests.map(str::to_owned)), workspace, STAGES[1])
}

/// Its exit code only says whether there are survivors.
fn started(command: &Cmd, workspace: &Workspace, stage: &str) -> Result<PathBuf> {
    let dir = workspace.target.join("mutants").join(stage);
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    command.run(workspace)?;
    Ok(dir)
}

/// One at a time, so that times mean something. `--fail-fast` of the tests' own is not stable: they are told that they
/// may use what is not; the compiler is not told.
fn mutants(dir: &Path) -> Cmd {
    let command = Cmd::cargo(["mutants", "--package", "raft", "--profile", "mutants", "--jobs", "1"]);
    let runner = r#"--config=target."cfg(all())".runner=["env", "RUSTC_BOOTSTRAP=1"]"#;
    let options = ["--baseline", "skip", "--build-timeout", "300", "--shuffle", "--cargo-arg", runner];
    let command = command.env("CARGO_INCREMENTAL", "1").args(options.map(str::to_owned));
    command.args(TIMEOUT.map(str::to_owned)).args(["--output".to_owned(), dir.display().to_string()])
}

/// A regular expression for a name.
fn exactly(name: &str) -> String {
    let mut pattern = "^".to_owned();
    for c in name.chars() {
        if !c.is_alphanumeric() && !" _/:<>&'\",".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself() {
        let name =
            "raft/src/wal.rs:1:2: replace <impl A for B<'_, D>>::f -> Option<(u8, &[u8])> with None in a + b";
        let expected = r"^raft/src/wal\.rs:1:2: replace <impl A for B<'_, D>>::f \-> Option<\(u8, &\[u8\]\)> with None in a \+ b$";
        assert_eq!(exactly(name), expected);
    }
}
