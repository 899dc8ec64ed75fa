//! `cargo xtask fuzz`: what reads what others wrote, against invented input; and one node against invented peers. Not
//! part of the test run, since it has no end of its own: `raft/tests/fuzz_seeds.rs` is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::command::{Cmd, Outcome};
use crate::evidence;
use crate::evidence::origin::Origin;
use crate::workspace::Workspace;

/// Every target, and where it lives.
pub(crate) const TARGETS: [(&str, &str); 10] = [
    ("jsonl", "history-checker/fuzz"),
    ("edn", "history-checker/fuzz"),
    ("verdicts", "history-checker/fuzz"),
    ("wire", "raft/fuzz"),
    ("frames", "raft/fuzz"),
    ("records", "raft/fuzz"),
    ("damage", "raft/fuzz"),
    ("snapshots", "raft/fuzz"),
    ("core", "raft/fuzz"),
    ("node", "raft/fuzz"),
];

/// MiB that a target may hold: a length that is believed before it is checked takes more.
const MEMORY: u32 = 1024;
/// Bytes of an input, at most.
const INPUT: u32 = 4096;

/// What to fuzz, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// The target; all of them by default, one after the other
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS.map(|(target, _)| target)))]
    target: Option<String>,
    /// For each target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Writes what was done, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Goes on after a target that finds something, or that comes to nothing; cargo-fuzz says how to see it again.
pub(crate) fn run(workspace: &Workspace, args: &FuzzArgs) -> Result<ExitCode> {
    let origin = Origin::of(workspace, "fuzz");
    let wanted = |target: &str| args.target.as_ref().is_none_or(|chosen| chosen == target);
    let wanted = TARGETS.into_iter().filter(|(target, _)| wanted(target));
    let all = each(wanted, |target, dir| one(workspace, target, dir, args.seconds));
    if let Some(file) = &args.json {
        evidence::write(workspace, "fuzz", file, &origin, json!({ "targets": all }))?;
    }
    let bad = all.values().filter(|target| !is_good(target)).count();
    println!("{} targets, {bad} found something or came to nothing", all.len());
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What each came to; of one that came to nothing, why.
fn each<'a>(
    targets: impl Iterator<Item = (&'a str, &'a str)>,
    one: impl Fn(&str, &str) -> Result<Value>,
) -> BTreeMap<&'a str, Value> {
    let tried = |(target, dir)| {
        let report = one(target, dir).unwrap_or_else(|error| {
            println!("error: {target}: {error:#}");
            json!({ "seconds": 0, "runs": 0, "crashes": 0, "error": format!("{error:#}") })
        });
        (target, report)
    };
    targets.map(tried).collect()
}

fn is_good(report: &Value) -> bool {
    report["crashes"] == json!(0) && report["error"].is_null()
}

fn one(workspace: &Workspace, target: &str, dir: &str, seconds: u64) -> Result<Value> {
    // cargo-fuzz adds what it finds to the first directory.
    let corpus = workspace.root.join(dir).join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("creating {}", corpus.display()))?;
    let built = build(target, dir).run(workspace)?;
    ensure!(built == ExitCode::SUCCESS, "it does not build");
    let began = Instant::now();
    let outcome = command(target, dir, seconds).watch(workspace, true)?;
    report(&outcome, began.elapsed())
}

/// Sanitizers need a nightly compiler.
fn build(target: &str, dir: &str) -> Cmd {
    Cmd::path("rustup", ["run", "nightly", "cargo", "fuzz", "build", "--fuzz-dir", dir, target])
}

fn command(target: &str, dir: &str, seconds: u64) -> Cmd {
    let fuzz = ["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", dir];
    Cmd::path("rustup", fuzz).args([
        target.to_owned(),
        format!("{dir}/corpus/{target}"),
        format!("{dir}/seeds/{target}"),
        "--".to_owned(),
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT}"),
        format!("-rss_limit_mb={MEMORY}"),
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
    ])
}

/// What libFuzzer said, at the end or before a crash.
fn report(outcome: &Outcome, took: Duration) -> Result<Value> {
    let lines = &outcome.lines;
    let number = |word: &str| word.parse::<u64>().ok();
    let inputs =
        lines.iter().find_map(|line| number(line.strip_prefix("stat::number_of_executed_units:")?.trim()));
    let began = lines.iter().any(|line| line.contains("\tINITED"));
    ensure!(began || inputs.is_some(), "it did not begin");
    ensure!(!outcome.success || inputs.is_some(), "it ended without its account");
    let covered = lines.iter().rev().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "cov:").skip(1);
        number(words.next()?)
    });
    // `Done 5000 runs in 9 second(s)`: without what cargo does before.
    let done = lines.iter().find_map(|line| {
        let (_, seconds) = line.strip_prefix("Done ")?.split_once(" runs in ")?;
        number(seconds.split(' ').next()?)
    });
    let seconds = done.unwrap_or(took.as_secs());
    let crashes = u64::from(!outcome.success);
    Ok(json!({ "seconds": seconds, "runs": inputs.unwrap_or(0), "edges": covered, "crashes": crashes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_time_are_passed_on() {
        let expected = "rustup run nightly cargo fuzz run --fuzz-dir history-checker/fuzz edn \
             history-checker/fuzz/corpus/edn history-checker/fuzz/seeds/edn -- -max_total_time=9 -max_len=4096 \
             -rss_limit_mb=1024 -timeout=10 -print_final_stats=1";
        assert_eq!(command("edn", "history-checker/fuzz", 9).to_string(), expected);
    }

    #[test]
    fn a_target_that_comes_to_nothing_loses_nothing_of_the_others() {
        let good = json!({ "seconds": 9, "crashes": 0 });
        let all = each([("a", "x"), ("b", "x"), ("c", "x")].into_iter(), |target, _| match target {
            "b" => anyhow::bail!("it does not build"),
            _ => Ok(good.clone()),
        });
        assert_eq!((&all["a"], &all["c"]), (&good, &good));
        assert_eq!(all["b"]["error"], "it does not build");
        assert_eq!(all.values().filter(|report| is_good(report)).count(), 2);
        assert!(!is_good(&json!({ "crashes": 1 })));
    }

    #[test]
    fn every_target_has_a_file_and_a_seed() {
        let root = Workspace::find().unwrap().root;
        for (target, dir) in TARGETS {
            let dir = root.join(dir);
            assert!(dir.join("fuzz_targets").join(format!("{target}.rs")).is_file(), "{target}");
            assert!(fs::read_dir(dir.join("seeds").join(target)).unwrap().next().is_some(), "{target}");
        }
    }

    #[test]
    fn the_account_is_read_and_time_is_what_it_took() {
        let lines = [
            "#2\tINITED cov: 12 ft: 13 corp: 1/1b",
            "#4096\tpulse  cov: 99 ft: 200 corp: 5/9b lim: 4",
            "Done 5000 runs in 9 second(s)",
            "stat::number_of_executed_units: 5000",
        ];
        let report = |success, lines: &[&str]| {
            let lines = lines.iter().map(ToString::to_string).collect();
            report(&Outcome { success, lines }, Duration::from_secs(3))
        };
        let expected = json!({ "seconds": 9, "runs": 5000, "edges": 99, "crashes": 0 });
        assert_eq!(report(true, &lines).unwrap(), expected);
        assert!(report(true, &lines[..2]).is_err(), "it ended without its account");
        let crashed = report(false, &lines[..2]).unwrap();
        assert_eq!((&crashed["crashes"], &crashed["seconds"]), (&json!(1), &json!(3)));
        assert!(report(false, &["error: toolchain 'nightly' is not installed"]).is_err(), "no crash");
    }
}
