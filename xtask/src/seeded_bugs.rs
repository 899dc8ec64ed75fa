//! Proof that the tests bite: real bugs of real systems, each a small change that exists only in a
//! build with `--cfg seeded_bugs`, switched on one at a time. The test that is named for a bug must
//! pass without it and fail with it.

mod record;
mod simulator;
mod simulator_rows;
mod tested_rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use simulator::{Control, Sim};
use tested_rows::{BUGS, SeededBug};

use crate::command::Cmd;
use crate::evidence;
use crate::evidence::origin::Origin;
use crate::step::test_counts;
use crate::workspace::Workspace;

/// For a bug that is named: none may need more.
const ALL_SEEDS: u64 = 1000;

/// Which bugs to try.
#[derive(clap::Args)]
pub(crate) struct SeededBugsArgs {
    /// Only this one
    name: Option<String>,
    /// Show the tests' output
    #[arg(long)]
    show: bool,
    /// So many seeds of the simulator for each bug, also for those that need many
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Writes to this file what all came to
    #[arg(long, conflicts_with = "name")]
    json: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Found,
    /// The test passes with the bug on: a hole in the tests.
    Missed,
    /// The test fails without the bug, so its failing proves nothing.
    Broken,
    /// No test of that name ran.
    NoTest,
}

pub(crate) fn run(workspace: &Workspace, args: &SeededBugsArgs) -> Result<ExitCode> {
    let wanted = |bug: &&SeededBug| args.name.as_ref().is_none_or(|name| bug.name == name);
    let bugs: Vec<&SeededBug> = BUGS.iter().filter(wanted).collect();
    let rows = simulator::rows(args.name.as_deref());
    if bugs.is_empty() && rows.is_empty() {
        let unit = BUGS.iter().map(|bug| bug.name);
        let names: Vec<&str> = unit.chain(simulator::rows(None).iter().map(|row| row.name)).collect();
        bail!(
            "no seeded bug is called `{}`; there are {}",
            args.name.as_deref().unwrap_or(""),
            names.join(", ")
        );
    }
    let origin = Origin::of(workspace, "seeded-bugs");
    let mut results = Vec::new();
    for bug in bugs {
        println!("{}: {}", bug.name, bug.class);
        let verdict = try_one(workspace, bug, args.show)?;
        println!("    {}", verdict.word());
        results.push((bug, verdict));
    }
    let (simulated, control) = simulate(workspace, &rows, args)?;
    print!("\n{}\n{}\n{control}\n", simulator::table(&simulated), table(&results));
    print!("{}", count(&results, &simulated));
    if let Some(file) = &args.json {
        let result = record::result(&results, &simulated, &control);
        evidence::write(workspace, "seeded-bugs", file, &origin, result)?;
    }
    let by_tests = results.iter().all(|(_, verdict)| *verdict == Verdict::Found);
    let by_seeds = simulated.iter().all(|(_, sim)| !matches!(sim, Sim::Missed { .. }));
    Ok(if by_tests && by_seeds && control.clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn simulate<'a>(
    workspace: &Workspace,
    rows: &[&'a simulator::Row],
    args: &SeededBugsArgs,
) -> Result<(Vec<(&'a simulator::Row, Sim)>, Control)> {
    if rows.is_empty() {
        return Ok((Vec::new(), Control { clean: true, ..Control::default() }));
    }
    simulator::build(workspace, args.show)?;
    let seeds = args.seeds.or_else(|| args.name.is_some().then_some(ALL_SEEDS));
    let hunt = |row: &&'a simulator::Row| Ok((*row, simulator::hunt(workspace, row, seeds)?));
    let results = rows.iter().map(hunt).collect::<Result<Vec<_>>>()?;
    let control = simulator::control(workspace, &results)?;
    Ok((results, control))
}

fn try_one(workspace: &Workspace, bug: &SeededBug, show: bool) -> Result<Verdict> {
    let target = workspace.target.join("seeded-bugs");
    // A target directory of its own: the flag would otherwise rebuild everything, back and forth.
    let build = Cmd::cargo(["test", "--package", bug.package, "--lib", "--tests"])
        // Built anew where everything else is cached: compiling fast matters more than running fast.
        .args(["--config", "profile.dev.package.'*'.opt-level=0"].map(str::to_owned))
        .args(["--target-dir".to_owned(), target.to_string_lossy().into_owned(), bug.test.to_owned()])
        .env("RUSTFLAGS", "--cfg seeded_bugs");

    let without = build.watch(workspace, show)?;
    let (passed, failed) = test_counts(&without.lines);
    if !without.success || passed + failed == 0 {
        if !show {
            without.lines.iter().for_each(|line| println!("    {line}"));
        }
        println!("    to see it again: {build}");
        return Ok(if without.success { Verdict::NoTest } else { Verdict::Broken });
    }

    let with = build.env("SEEDED_BUG", bug.name);
    let outcome = with.watch(workspace, show)?;
    println!("    {with}");
    // A run that ends without a failed test (a build error, say) has found nothing.
    let failed = test_counts(&outcome.lines).1;
    Ok(if !outcome.success && failed > 0 { Verdict::Found } else { Verdict::Missed })
}

fn table(results: &[(&SeededBug, Verdict)]) -> String {
    let name = results.iter().map(|(bug, _)| bug.name.len()).max().unwrap_or(0).max("bug".len());
    let mut text = format!("{:name$}  found    by\n", "bug");
    for (bug, verdict) in results {
        let found = if *verdict == Verdict::Found { "yes" } else { "NO" };
        text += &format!("{:name$}  {found:7}  {}: {}\n", bug.name, bug.package, bug.test);
    }
    text
}

/// One line, the last: a bug counts once for its test and once for its seeds, where those were tried.
fn count(results: &[(&SeededBug, Verdict)], simulated: &[(&simulator::Row, Sim)]) -> String {
    let tests = results.iter().filter(|(_, verdict)| *verdict == Verdict::Found).count();
    let tried: Vec<_> =
        simulated.iter().filter(|(_, sim)| !matches!(sim, Sim::TooFew { seeds: 0, .. })).collect();
    let seeds = tried.iter().filter(|(_, sim)| matches!(sim, Sim::Found { .. })).count();
    format!(
        "by tests {tests} of {}, by the simulator {seeds} of {} seeded bugs found\n",
        results.len(),
        tried.len()
    )
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Verdict::Found => "found",
            Verdict::Missed => "MISSED: the test passes with the bug on",
            Verdict::Broken => "BROKEN: the test fails, or does not build, without the bug",
            Verdict::NoTest => "NO TEST of that name ran",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_bug_and_counts_the_found() {
        let bug = SeededBug { name: "bug-a", package: "raft", test: "finds_a", class: "" };
        let other = SeededBug { name: "b", package: "raft", test: "finds_b", class: "" };
        let text = table(&[(&bug, Verdict::Found), (&other, Verdict::NoTest)]);
        assert_eq!(
            text,
            "bug    found    by\n\
             bug-a  yes      raft: finds_a\n\
             b      NO       raft: finds_b\n"
        );
        let counted = count(&[(&bug, Verdict::Found), (&other, Verdict::NoTest)], &[]);
        assert_eq!(counted, "by tests 1 of 2, by the simulator 0 of 0 seeded bugs found\n");
    }

    #[test]
    fn names_are_unique() {
        for (i, bug) in BUGS.iter().enumerate() {
            assert!(BUGS[..i].iter().all(|earlier| earlier.name != bug.name), "{} twice", bug.name);
        }
    }
}
