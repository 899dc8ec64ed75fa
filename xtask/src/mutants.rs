//! `cargo xtask mutants`: changes the sources of `raft` in small ways, one at a time, and runs its tests. A mutant that
//! passes them all is a hole in the tests, or has a reason in `raft/mutants.toml`.
//!
//! Two stages: the quick tests for every mutant, all tests of `raft` for those that pass.

mod draw;
mod outcomes;
mod reasons;
mod stage;
mod unreachable;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::Cmd;
use crate::evidence;
use crate::evidence::origin::Origin;
use crate::workspace::Workspace;
use draw::Drawn;
use outcomes::Outcomes;
use reasons::Reasons;
use stage::{Begun, Stage};

/// The version that is installed where there is none.
const VERSION: &str = "27.1.0";

/// Which mutants, and where the account goes.
#[derive(Debug, clap::Args)]
pub(crate) struct MutantsArgs {
    /// So many, drawn from all; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// What they are drawn with: of the same sources the same mutants
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only in this file
    #[arg(long = "in", value_name = "FILE")]
    file: Option<String>,
    /// Mutants at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    jobs: u32,
    /// Runs nothing: the account of what runs left in these directories; where two tried the same, of the later
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["sample", "file", "again"])]
    collect: Vec<PathBuf>,
    /// Tries again, with all tests, those that passed in the last run
    #[arg(long, conflicts_with_all = ["sample", "file"])]
    again: bool,
    /// Runs nothing: gives the survivors of an account, of earlier sources perhaps, the reasons that are known by now
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sample", "file", "again", "collect", "json"])]
    explain: Option<PathBuf>,
    /// Writes what came of it, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Fails where a mutant passed all tests and has no reason, or was not tried.
pub(crate) fn run(workspace: &Workspace, args: &MutantsArgs) -> Result<ExitCode> {
    let reasons = Reasons::read(&workspace.root)?;
    if let Some(file) = &args.explain {
        return explain(workspace, &reasons, file);
    }
    let (first, outcomes) = match (args.collect.as_slice(), args.again) {
        ([], false) => {
            install(workspace)?;
            let first = quick(workspace, args)?;
            judged(workspace, &[first], args.jobs)?
        }
        ([], true) => {
            install(workspace)?;
            judged(workspace, &stage::left(workspace), args.jobs)?
        }
        (dirs, _) => taken(workspace, dirs)?,
    };
    let account = outcomes.account(&workspace.root, &reasons, &first.drawn)?;
    let code = print(&account);
    if let Some(file) = &args.json {
        evidence::write(workspace, "mutants", file, &first.origin, account)?;
    }
    Ok(code)
}

/// Fails where a survivor has no reason, or a mutant was not tried.
fn print(account: &Value) -> ExitCode {
    println!("{}", outcomes::summary(account));
    let open = outcomes::without_reason(account);
    open.iter().for_each(|name| println!("no reason: {name}"));
    let whole = open.is_empty() && account["not_tried"] == 0;
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Who looks at survivors writes tests for some, and then the sources are others.
fn explain(workspace: &Workspace, reasons: &Reasons, file: &Path) -> Result<ExitCode> {
    let read = || Ok::<Value, anyhow::Error>(serde_json::from_str(&fs::read_to_string(file)?)?);
    let mut account = read().with_context(|| format!("reading {}", file.display()))?;
    let missed = account.get_mut("missed").and_then(Value::as_array_mut);
    let missed = missed.with_context(|| format!("{}: no account of mutants", file.display()))?;
    for missed in missed {
        if let (true, Some(name)) = (missed["reason"].is_null(), missed["name"].as_str()) {
            missed["reason"] = reasons.later(&workspace.root, name)?.into();
        }
    }
    let text = serde_json::to_string_pretty(&account)? + "\n";
    fs::write(file, text).with_context(|| file.display().to_string())?;
    Ok(print(&account))
}

/// What lies in these directories.
fn taken(workspace: &Workspace, dirs: &[PathBuf]) -> Result<(Begun, Outcomes)> {
    let (mut first, mut outcomes) = (None, Outcomes::default());
    for dir in dirs {
        let begun = Begun::read(dir)?;
        let first = first.get_or_insert_with(|| begun.clone());
        ensure!(first.goes_with(&begun), "{}: of another commit, or of another draw", dir.display());
        outcomes.take(dir, &begun)?;
    }
    let first: Begun = first.context("there is no earlier run")?;
    // Names of mutants say lines.
    let commit = &first.origin.commit;
    ensure!(
        first.origin.is_of_same_sources(workspace, "mutants"),
        "the sources are no more those of {commit}"
    );
    Ok((first, outcomes))
}

/// The same, and then the second stage for those that passed.
fn judged(workspace: &Workspace, dirs: &[PathBuf], jobs: u32) -> Result<(Begun, Outcomes)> {
    let (first, mut outcomes) = taken(workspace, dirs)?;
    let passed = outcomes.passed();
    if !passed.is_empty() {
        let whole = Begun { stage: Stage::Whole, names: passed, ..first.clone() };
        outcomes.take(&stage::whole(workspace, &whole, jobs)?, &whole)?;
    }
    Ok((first, outcomes))
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

/// The first stage, for those that are drawn. Says where it left its outcomes.
fn quick(workspace: &Workspace, args: &MutantsArgs) -> Result<PathBuf> {
    let list = Cmd::cargo(["mutants", "--list", "--json", "--package", "raft"]);
    let list = serde_json::from_str(&list.output(workspace)?).context("reading the list of mutants")?;
    let list = unreachable::left_out(&workspace.root, &list)?;
    let in_file = |name: &String| args.file.as_ref().is_none_or(|file| name.starts_with(&format!("{file}:")));
    let list: Vec<String> = list.into_iter().filter(in_file).collect();
    ensure!(!list.is_empty(), "there is nothing to change in {}", args.file.as_deref().unwrap_or("raft"));
    let of = list.len();
    let names = match args.sample {
        Some(sample) => draw::sample(list, sample, args.seed),
        None => list,
    };
    println!("{} of {of} mutants", names.len());
    let (seed, file) = (args.sample.map(|_| args.seed), args.file.clone());
    let drawn = Drawn { of, sample: names.len(), seed, file };
    let origin = Origin::of(workspace, "mutants");
    let begun = Begun { stage: Stage::Quick, origin, drawn, names: names.into_iter().collect() };
    stage::quick(workspace, &begun, args.jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of outcomes of this commit.
    fn left(workspace: &Workspace, name: &str, commit: &str) -> PathBuf {
        let dir = workspace.target.join(name);
        std::fs::create_dir_all(dir.join("mutants.out")).unwrap();
        let origin = Origin { commit: commit.to_owned(), ..Origin::of(workspace, "mutants") };
        let drawn = Drawn { of: 9, sample: 1, seed: Some(1), file: None };
        let begun = Begun { stage: Stage::Quick, origin, drawn, names: ["a".to_owned()].into() };
        begun.write(&dir).unwrap();
        let outcomes = r#"{ "outcomes": [{ "scenario": "Baseline", "summary": "Success",
            "phase_results": [{ "phase": "Test", "duration": 1.5 }] }] }"#;
        std::fs::write(dir.join("mutants.out/outcomes.json"), outcomes).unwrap();
        dir
    }

    /// As `--again` reads them: of a try that was killed too soon nothing, of all others what they came to.
    #[test]
    fn a_later_try_has_the_last_word_and_one_that_was_killed_loses_nothing() {
        let (_dir, workspace) = Workspace::made_up();
        let outcomes = |fates: &[(&str, &str)]| {
            let tested = serde_json::json!([{ "phase": "Test", "duration": 1.5 }]);
            let baseline =
                serde_json::json!({ "scenario": "Baseline", "summary": "Success", "phase_results": tested });
            let mutant = |(name, fate): &(&str, &str)| serde_json::json!({ "scenario": { "Mutant": { "name": name } }, "summary": fate });
            let all: Vec<_> = [baseline].into_iter().chain(fates.iter().map(mutant)).collect();
            serde_json::json!({ "outcomes": all }).to_string()
        };
        let missed = [("a", "MissedMutant"), ("b", "MissedMutant"), ("c", "MissedMutant")];
        for (name, stage, tried) in [
            ("quick", Stage::Quick, Some(outcomes(&missed))),
            ("whole", Stage::Whole, Some(outcomes(&[("a", "CaughtMutant"), ("b", "MissedMutant")]))),
            ("whole-2", Stage::Whole, None),
            ("whole-3", Stage::Whole, Some(outcomes(&[("c", "CaughtMutant")])[..99].to_owned())),
            ("whole-4", Stage::Whole, Some(outcomes(&[]).replace("Success", "Failure"))),
            ("whole-5", Stage::Whole, Some(outcomes(&[("b", "CaughtMutant")]))),
        ] {
            let dir = left(&workspace, &format!("mutants/{name}"), "unknown");
            let names = ["a", "b", "c"].map(str::to_owned).into();
            Begun { stage, names, ..Begun::read(&dir).unwrap() }.write(&dir).unwrap();
            let file = dir.join("mutants.out/outcomes.json");
            match tried {
                Some(text) => std::fs::write(file, text).unwrap(),
                None => std::fs::remove_file(file).unwrap(),
            }
        }
        let (_, outcomes) = taken(&workspace, &stage::left(&workspace)).unwrap();
        assert_eq!(outcomes.passed().into_iter().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn outcomes_are_of_the_sources_that_are_here_and_of_one_draw() {
        let (_dir, workspace) = Workspace::made_up();
        // Where there is no git, what is here is "unknown".
        let [here, again, other] =
            [("a", "unknown"), ("b", "unknown"), ("c", "abc")].map(|(name, of)| left(&workspace, name, of));
        assert!(taken(&workspace, &[here.clone(), again]).is_ok());
        assert!(taken(&workspace, std::slice::from_ref(&other)).is_err(), "the sources have changed");
        assert!(taken(&workspace, &[here, other]).is_err(), "of two commits");
        assert!(taken(&workspace, &[]).is_err());
    }
}
