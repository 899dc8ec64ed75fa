//! Proof that the tests bite: bugs, many of them of real systems, each a small change that exists only in a build
//! with `--cfg seeded_bugs`, switched on one at a time. A test that is named for a bug must pass without it and fail
//! with it; in the simulator a rule must be broken.
//!
//! | file | what |
//! |---|---|
//! | [`bug`] | what is known of a bug |
//! | [`rows`] | all of them |
//! | [`compile`] | how they come into programs |
//! | [`programs`] | tests with a bug on |
//! | [`simulator`] | seeds, scopes and saved cases with a bug on |
//! | [`table`] | what is printed |
//! | [`record`] | what is written for `EVIDENCE.md` |

mod bug;
mod compile;
mod programs;
mod record;
mod rows;
mod simulator;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use bug::{Bug, Test};
use programs::Programs;
use simulator::{Control, Sim};

use crate::evidence;
use crate::evidence::origin::Origin;
use crate::step::test_counts;
use crate::workspace::Workspace;

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

/// A bug, and what came of it where it was tried.
struct Tried<'a> {
    bug: &'a Bug,
    test: Option<Verdict>,
    sim: Option<Sim>,
    /// The rule that its saved case breaks, if it does.
    case: Option<Option<String>>,
}

pub(crate) fn run(workspace: &Workspace, args: &SeededBugsArgs) -> Result<ExitCode> {
    let mut results: Vec<Tried<'_>> = rows::rows(args.name.as_deref()).into_iter().map(Tried::new).collect();
    if results.is_empty() {
        let names: Vec<&str> = rows::rows(None).iter().map(|bug| bug.name).collect();
        bail!(
            "no seeded bug is called `{}`; there are {}",
            args.name.as_deref().unwrap_or(""),
            names.join(", ")
        );
    }
    let origin = Origin::of(workspace, "seeded-bugs");
    let mut programs = Programs::default();
    for tried in &mut results {
        let Some(test) = &tried.bug.test else { continue };
        println!("{}: {}", tried.bug.name, tried.bug.does);
        let verdict = try_one(workspace, &mut programs, tried.bug.name, test, args.show)?;
        println!("    {}", verdict.word());
        tried.test = Some(verdict);
    }
    let control = simulate(workspace, &mut results, args)?;
    print!("\n{}\n{control}\n{}", table::table(&results), table::count(&results));
    if let Some(file) = &args.json {
        evidence::write(workspace, "seeded-bugs", file, &origin, record::result(&results, &control))?;
    }
    let well = control.clean && results.iter().all(Tried::is_as_known);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The seeds, scopes and cases of all that a cluster has in it, and the same without a bug.
fn simulate(workspace: &Workspace, results: &mut [Tried<'_>], args: &SeededBugsArgs) -> Result<Control> {
    if results.iter().all(|tried| tried.bug.simulated.is_none()) {
        return Ok(Control { clean: true, ..Control::default() });
    }
    simulator::build(workspace, args.show)?;
    for tried in results.iter_mut() {
        let Bug { name, simulated, case, .. } = tried.bug;
        if let Some(known) = simulated {
            let seeds = simulator::limit(known, args.seeds, args.name.is_some());
            tried.sim = Some(simulator::hunt(workspace, name, known, seeds)?);
        }
        if let Some(case) = case {
            tried.case = Some(simulator::replay(workspace, name, case)?);
        }
    }
    simulator::control(workspace, results)
}

fn try_one(
    workspace: &Workspace,
    programs: &mut Programs,
    bug: &str,
    test: &Test,
    show: bool,
) -> Result<Verdict> {
    if let Some(without) = programs.without(workspace, test, show)? {
        if !show {
            without.lines.iter().for_each(|line| println!("    {line}"));
        }
        return Ok(if without.success { Verdict::NoTest } else { Verdict::Broken });
    }
    println!("    {}", programs::by_cargo(workspace, test, bug));
    let with = programs.with(workspace, test, bug, show)?;
    let failed = test_counts(&with.lines).1;
    Ok(if !with.success && failed > 0 { Verdict::Found } else { Verdict::Missed })
}

impl Tried<'_> {
    fn new(bug: &Bug) -> Tried<'_> {
        Tried { bug, test: None, sim: None, case: None }
    }

    /// Nothing missed it that is to find it.
    fn is_as_known(&self) -> bool {
        self.test.as_ref().is_none_or(|verdict| *verdict == Verdict::Found)
            && !matches!(self.sim, Some(Sim::Missed { .. }))
            && self.case != Some(None)
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Verdict::Found => "found",
            Verdict::Missed => "MISSED: the test passes with the bug on",
            Verdict::Broken => "BROKEN: the test fails without the bug",
            Verdict::NoTest => "NO TEST of that name ran",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bug::Source;
    use super::*;

    #[test]
    fn what_is_to_find_a_bug_and_does_not_fails_the_run() {
        let bug = Bug::new("a", Source::Ours, "forgets");
        let tried = || Tried::new(&bug);
        assert!(tried().is_as_known());
        assert!(
            Tried { test: Some(Verdict::Found), case: Some(Some("r".to_owned())), ..tried() }.is_as_known()
        );
        assert!(Tried { sim: Some(Sim::TooFew { seeds: 9, needs: 10 }), ..tried() }.is_as_known());
        assert!(!Tried { test: Some(Verdict::NoTest), ..tried() }.is_as_known());
        assert!(!Tried { sim: Some(Sim::Missed { seeds: 9 }), ..tried() }.is_as_known());
        assert!(!Tried { case: Some(None), ..tried() }.is_as_known());
    }
}
