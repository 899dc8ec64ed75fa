//! `cargo xtask test`: everything that must hold before a change is merged, in the order in which
//! a failure is cheapest to find.
//!
//! Heavy dependencies are compiled twice, no more: clippy, the tests and the documentation share
//! the dev profile, the lab tests and the demo the release profile; the seeded bugs build only
//! crates without QUIC.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::command::Cmd;
use crate::demo;
use crate::step::{self, Step};
use crate::workspace::Workspace;

/// How much to run.
#[derive(clap::Args, Default)]
pub(crate) struct TestArgs {
    /// Only this part; everything if none is named
    part: Option<Part>,
    /// Also a longer demo, and the benches once each to see that they run; of a part, all that takes longer
    #[arg(long)]
    full: bool,
}

/// A part of the suite that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The log and its disks; with --full the real file systems too, and what takes longer
    Storage,
    /// The checker of histories; with --full, a million histories and more against its referees
    Checker,
}

/// Lab tests at the same time: they mostly wait, so four on two cores do not disturb each other.
const LAB_JOBS: &str = "4";

/// Everything is to take no longer, on two cores.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Seeds of each lab test on virtual time: a few seconds.
const LAB_SEEDS: &str = "100";

pub(crate) fn run(workspace: &Workspace, args: &TestArgs) -> Result<ExitCode> {
    let steps = match args.part {
        None => steps(workspace, args),
        Some(Part::Storage) => storage_steps(args.full),
        Some(Part::Checker) => vec![checker(args.full)],
    };
    let limit = (args.part.is_none() && !args.full).then_some(LIMIT);
    let passed = step::run_all(workspace, &steps, limit);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn steps(workspace: &Workspace, args: &TestArgs) -> Vec<Step> {
    let demo_seconds = if args.full { "120" } else { "20" };
    let demo = Cmd::path(workspace.release_binary("bench"), ["demo", "--seconds", demo_seconds]);
    let mut steps = vec![
        step("format", Cmd::cargo(["fmt", "--all", "--check"])),
        step("tidy", Cmd::xtask(["tidy"])),
        step("clippy", clippy(&["--workspace", "--all-targets", "--test", "lab_4a", "--test", "lab_4b"])),
        step("clippy raft", clippy(&["--package", "raft", "--no-default-features"])),
        step("clippy register", clippy(&["--package", "register", "--no-default-features"])),
        step("tests", Cmd::cargo(["test", "--workspace", "--no-fail-fast"])),
        exhaustive_storage(),
        step("docs", Cmd::cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")),
        lab_tests_simulated("test-4a"),
        lab_tests_simulated("test-4b"),
        step("seeded bugs", Cmd::xtask(["seeded-bugs"])),
        step("simulator", Cmd::xtask(["sim", "--seeds", "300", "--jobs", "2", "--twice", "20"])),
        step("exploration", Cmd::xtask(["explore", "--quick"])),
        step("release build", demo::build()),
        Step { name: "demo", command: demo, needs: Some("release build") },
        step("lab tests 4A", Cmd::xtask(["test-4a", "--jobs", LAB_JOBS])),
        step("lab tests 4B", Cmd::xtask(["test-4b", "--jobs", LAB_JOBS])),
    ];
    if args.full {
        steps.push(step("benches", Cmd::cargo(["bench", "--package", "bench", "--", "--test"])));
    }
    steps
}

fn storage_steps(full: bool) -> Vec<Step> {
    let register = |test: &str| Cmd::cargo(["test", "--release", "--package", "register", "--test", test]);
    let shown = |cmd: Cmd| {
        if full { cmd.args(["--", "--nocapture"].map(str::to_owned)).env("STORAGE_FULL", "1") } else { cmd }
    };
    vec![
        step("storage, unit tests", Cmd::cargo(["test", "--package", "raft", "--lib", "storage::"])),
        exhaustive_storage(),
        step("killed processes", shown(register("crashes"))),
        step("damaged disks", shown(register("damage"))),
        step("snapshots", shown(register("snapshots"))),
        step("real file systems", shown(register("real_disks"))),
    ]
}

/// What is compared with a referee, and how often with --full.
const REFEREED: &[(&str, &str)] = &[
    ("CHECKER_HISTORIES", "1000000"),
    ("CHECKER_DEGREES", "600000"),
    ("CHECKER_CORES", "100000"),
    ("CHECKER_DELETIONS", "20000"),
    ("CHECKER_PLANTED", "12000"),
    ("CHECKER_PLANTS", "10000"),
];

/// A hundred times each in less time than once in real time.
fn lab_tests_simulated(part: &'static str) -> Step {
    let name = if part == "test-4a" { "lab tests 4A, simulated" } else { "lab tests 4B, simulated" };
    step(name, Cmd::xtask([part, "--sim", "--seeds", LAB_SEEDS]))
}

/// In release, where the searches of its tests belong.
fn checker(full: bool) -> Step {
    let test = Cmd::cargo(["test", "--release", "--package", "history-checker"]);
    let command = match full {
        true => REFEREED.iter().fold(test, |command, (name, count)| command.env(name, *count)),
        false => test,
    };
    step("checker", command)
}

/// Every flipped bit, every truncation, every crash point, every failed sync; prints its counts. In
/// release, where it takes a quarter of a minute.
fn exhaustive_storage() -> Step {
    let test = Cmd::cargo(["test", "--release", "--package", "raft", "--lib", "storage::exhaustive"]);
    step("storage, exhaustive", test.args(["--", "--nocapture"].map(str::to_owned)).env("STORAGE_FULL", "1"))
}

fn step(name: &'static str, command: Cmd) -> Step {
    Step { name, command, needs: None }
}

fn clippy(what: &[&str]) -> Cmd {
    let what = what.iter().map(ToString::to_string);
    // All that is wrong at once, not only in the first crate that has something.
    Cmd::cargo(["clippy", "--keep-going"]).args(what).args(["--", "-D", "warnings"].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_name_earlier_steps() {
        let workspace = Workspace::find().unwrap();
        let steps = steps(&workspace, &TestArgs { part: None, full: true });
        for (i, step) in steps.iter().enumerate() {
            assert!(steps[..i].iter().all(|earlier| earlier.name != step.name), "{} twice", step.name);
            if let Some(needed) = step.needs {
                assert!(
                    steps[..i].iter().any(|earlier| earlier.name == needed),
                    "{needed} is no earlier step"
                );
            }
        }
    }
}
