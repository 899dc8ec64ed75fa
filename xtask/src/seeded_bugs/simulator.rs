//! The seeded bugs that the simulator is to find: whole clusters with the bug on, seed by seed, until a rule is
//! broken.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

use super::Tried;
use super::bug::Known;
use super::compile::{self, with_bugs};
use crate::command::Cmd;
use crate::workspace::Workspace;

/// Seeds that each bug gets at least.
const LEAST: u64 = 100;

/// In an ordinary run so many times the seeds that it needed once: which seed shows it, any change can shift.
const MARGIN: u64 = 5;

/// A bug that needed more is left to its test or its saved case in an ordinary run: a few such took as many seeds as
/// all others together.
pub(super) const ORDINARY: u64 = 250;

/// For a bug that is named.
const NAMED: u64 = 1000;

/// What came of a bug.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sim {
    /// A rule was broken, in seeds or in a scope or in both.
    Found { seeds: Option<BySeeds>, scope: Option<ByScope> },
    /// Nothing happened, as is known of it.
    Hole { why: &'static str },
    /// Nothing happened, where something should have.
    Missed { seeds: u64 },
    /// Nothing happened in so many seeds, of which it is known that they are too few; none were tried if that is 0.
    TooFew { seeds: u64, needs: u64 },
}

/// The rule that was broken, in which seed, counted from one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct BySeeds {
    pub(super) rule: String,
    pub(super) seeds: u64,
}

/// The rule that was broken in a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ByScope {
    pub(super) rule: String,
    pub(super) scope: &'static str,
}

/// The same without a bug: what it finds, no bug had to bring about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Control {
    /// As many as any bug got.
    pub(super) seeds: u64,
    /// Whether all scopes were explored too: where one was for a bug.
    pub(super) explored: bool,
    pub(super) clean: bool,
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = if self.explored { " and all scopes" } else { "" };
        let clean =
            if self.clean { "no rule broken" } else { "rules BROKEN: the bugs are not what was found" };
        write!(f, "without a bug, {} seeds{scopes}: {clean}", self.seeds)
    }
}

/// Builds the simulator with the bugs in it.
pub(super) fn build(workspace: &Workspace, show: bool) -> Result<()> {
    let build = ["build", "--release", "--package", "lab", "--bin", "sim", "--bin", "explore"];
    let build = with_bugs(workspace, Cmd::cargo(build));
    if !build.watch(workspace, show)?.success {
        bail!("the simulator does not build; to see it again: {build}");
    }
    Ok(())
}

/// The seeds for a bug: so many for all if that is `asked`, and more than usual for one that is `named`.
pub(super) fn limit(known: &Known, asked: Option<u64>, named: bool) -> u64 {
    let enough = match known {
        Known::After(needed) => LEAST.max(needed.saturating_mul(MARGIN)),
        Known::Explored(_) | Known::Hole(_) => 0,
    };
    let usual = if matches!(known, Known::After(needed) if *needed > ORDINARY) { 0 } else { enough };
    asked.unwrap_or(if named { enough.max(NAMED) } else { usual })
}

/// Runs seeds until one is bad, `limit` at most, and the scope where one is known.
pub(super) fn hunt(workspace: &Workspace, name: &str, known: &Known, limit: u64) -> Result<Sim> {
    let by_seeds = by_seeds(workspace, Some(name), limit)?;
    let by_scope = match known {
        Known::Explored(scope) => by_scope(workspace, Some(name), scope)?,
        Known::After(_) | Known::Hole(_) => None,
    };
    Ok(came_to(known, by_seeds, by_scope, limit))
}

/// Replays a saved case with the bug in it that it was saved for: the rule that is broken, if one still is.
pub(super) fn replay(workspace: &Workspace, bug: &str, name: &str) -> Result<Option<String>> {
    let file = case(name, &workspace.root).to_string_lossy().into_owned();
    let sim = program(workspace, "sim", Some(bug)).args(["--replay".to_owned(), file]);
    said(workspace, &sim, drawn)
}

/// The file of a saved case.
pub(super) fn case(name: &str, root: &Path) -> PathBuf {
    root.join("lab/regressions").join(name).with_extension("json")
}

fn came_to(known: &Known, seeds: Option<BySeeds>, scope: Option<ByScope>, limit: u64) -> Sim {
    match known {
        _ if seeds.is_some() || scope.is_some() => Sim::Found { seeds, scope },
        Known::After(known) if *known > limit => Sim::TooFew { seeds: limit, needs: *known },
        Known::After(_) | Known::Explored(_) => Sim::Missed { seeds: limit },
        Known::Hole(why) => Sim::Hole { why },
    }
}

/// Runs as many seeds as any bug got, and all scopes if one was explored, without a bug.
pub(super) fn control(workspace: &Workspace, results: &[Tried<'_>]) -> Result<Control> {
    let used = |sim: &Sim| match sim {
        Sim::Found { seeds, .. } => seeds.as_ref().map_or(0, |found| found.seeds),
        Sim::Missed { seeds } | Sim::TooFew { seeds, .. } => *seeds,
        Sim::Hole { .. } => 0,
    };
    let seeds = results.iter().filter_map(|tried| tried.sim.as_ref()).map(used).max().unwrap_or(0);
    let explored = results.iter().any(|tried| matches!(tried.bug.simulated, Some(Known::Explored(_))));
    let mut clean = true;
    let mut found = |rule: String| {
        println!("    without a bug: {rule}");
        clean = false;
    };
    if let Some(BySeeds { rule, seeds }) = by_seeds(workspace, None, seeds)? {
        found(format!("{rule} (seed {})", seeds - 1));
    }
    if explored && let Some(ByScope { rule, .. }) = by_scope(workspace, None, ALL_SCOPES)? {
        found(format!("{rule} (explored)"));
    }
    Ok(Control { seeds, explored, clean })
}

/// Seeds until one is bad, so many at most.
fn by_seeds(workspace: &Workspace, bug: Option<&str>, limit: u64) -> Result<Option<BySeeds>> {
    // A few more each time: most are found in the first seeds.
    let (mut from, mut count) = (0, 4);
    while from < limit {
        let some = count.min(limit - from).to_string();
        let sim = program(workspace, "sim", bug);
        let sim =
            sim.args(["--seeds", &some, "--from", &from.to_string(), "--budget", "0"].map(str::to_owned));
        if let Some(found) = said(workspace, &sim, by_seed)? {
            return Ok(Some(found));
        }
        from += count;
        count *= 2;
    }
    Ok(None)
}

/// No name: `explore` then takes all.
const ALL_SCOPES: &str = "";

fn by_scope(workspace: &Workspace, bug: Option<&str>, scope: &'static str) -> Result<Option<ByScope>> {
    let words = [scope, "--quick"].into_iter().filter(|word| *word != ALL_SCOPES);
    let explore = program(workspace, "explore", bug).args(words.map(str::to_owned));
    let rule = said(workspace, &explore, violation)?;
    Ok(rule.map(|rule| ByScope { rule, scope }))
}

fn program(workspace: &Workspace, name: &str, bug: Option<&str>) -> Cmd {
    let program = Cmd::path(compile::program(workspace, name), []);
    bug.into_iter().fold(program, |program, bug| program.env("SEEDED_BUG", bug))
}

/// The first line that names a rule. A program that fails without naming one has not found anything.
fn said<T>(workspace: &Workspace, command: &Cmd, of: fn(&str) -> Option<T>) -> Result<Option<T>> {
    let outcome = command.watch(workspace, false)?;
    let found = outcome.lines.iter().find_map(|line| of(line));
    if found.is_none() && !outcome.success {
        outcome.lines.iter().for_each(|line| println!("    {line}"));
        bail!("it failed and named no rule; to see it again: {command}");
    }
    Ok(found)
}

/// `seed 12: rule at 1.5 s: what`.
fn by_seed(line: &str) -> Option<BySeeds> {
    let (seed, rest) = line.strip_prefix("seed ")?.split_once(": ")?;
    let rule = rest.split(" at ").next().unwrap_or(rest).to_owned();
    Some(BySeeds { rule, seeds: seed.parse::<u64>().ok()? + 1 })
}

/// `VIOLATION: rule: what`.
fn violation(line: &str) -> Option<String> {
    let broken = line.trim().strip_prefix("VIOLATION: ")?;
    Some(broken.split(": ").next().unwrap_or(broken).to_owned())
}

/// The last line of a diagram: `1.500000!!!!  rule: what`.
fn drawn(line: &str) -> Option<String> {
    let (_, broken) = line.split_once("!!  ")?;
    Some(broken.split(": ").next().unwrap_or(broken).to_owned())
}

impl Sim {
    pub(super) fn is_found(&self) -> bool {
        matches!(self, Sim::Found { .. })
    }

    pub(super) fn was_tried(&self) -> bool {
        !matches!(self, Sim::TooFew { seeds: 0, .. })
    }

    /// After how many seeds, and by what.
    pub(super) fn say(&self) -> (String, String) {
        match self {
            Sim::Found { seeds, scope } => {
                let count = seeds.as_ref().map_or("-".to_owned(), |found| found.seeds.to_string());
                let seeds = seeds.iter().map(|found| found.rule.clone());
                let scope = scope.iter().map(|found| format!("{} (explored: {})", found.rule, found.scope));
                (count, seeds.chain(scope).collect::<Vec<_>>().join("; "))
            }
            Sim::Hole { why } => ("-".to_owned(), format!("hole: {why}")),
            Sim::Missed { seeds } => (seeds.to_string(), "MISSED".to_owned()),
            Sim::TooFew { seeds: 0, needs } => ("-".to_owned(), format!("not run: needs {needs} seeds")),
            Sim::TooFew { seeds, needs } => {
                (seeds.to_string(), format!("not found in these: needs {needs} seeds"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bug::Known::{After, Explored, Hole};
    use super::super::bug::{Bug, Source};
    use super::*;
    use crate::command::script;

    fn in_seeds(seeds: u64) -> Option<BySeeds> {
        Some(BySeeds { rule: "r".to_owned(), seeds })
    }

    #[test]
    fn the_rule_and_the_seed_are_read_from_the_programs_lines() {
        let rule = "what a node says is durable".to_owned();
        let line = "seed 6: what a node says is durable at 1.250000 s: node 1 speaks at length";
        assert_eq!(by_seed(line), Some(BySeeds { rule: rule.clone(), seeds: 7 }));
        assert_eq!(by_seed("300 seeds, 0 bad, 1 events"), None);
        assert_eq!(violation("  VIOLATION: what a node says is durable: node 1 speaks"), Some(rule));
    }

    #[test]
    fn a_bug_is_missed_where_neither_seeds_nor_its_scope_find_it() {
        let scope = Some(ByScope { rule: "r".to_owned(), scope: "read" });
        for seeds in [0, 1000] {
            assert_eq!(came_to(&Known::Explored("read"), None, None, seeds), Sim::Missed { seeds });
        }
        let found = Sim::Found { seeds: in_seeds(3), scope: None };
        assert_eq!(came_to(&Known::Explored("read"), in_seeds(3), None, 1000), found);
        let found = Sim::Found { seeds: None, scope: scope.clone() };
        assert_eq!(came_to(&Known::Explored("read"), None, scope, 0), found);
        assert_eq!(came_to(&Known::After(90), None, None, 90), Sim::Missed { seeds: 90 });
        assert_eq!(came_to(&Known::After(90), None, None, 89), Sim::TooFew { seeds: 89, needs: 90 });
        assert_eq!(came_to(&Known::Hole("masked"), None, None, 1000), Sim::Hole { why: "masked" });
    }

    #[test]
    fn a_program_that_fails_and_names_no_rule_is_an_error() {
        let workspace = Workspace::find().unwrap();
        let said = |script: &str| said(&workspace, &Cmd::path("sh", ["-c", script]), violation);
        assert_eq!(said("echo '  VIOLATION: r: w'; false").unwrap(), Some("r".to_owned()));
        assert_eq!(said("true").unwrap(), None);
        assert!(said("echo killed; false").is_err());
    }

    /// Without a bug seeds are bad: then nothing is known of the bugs.
    #[test]
    fn the_control_gets_as_many_seeds_as_any_bug() {
        let (dir, workspace) = Workspace::made_up();
        let programs = dir.path().join("seeded-bugs/release");
        std::fs::create_dir_all(&programs).unwrap();
        // `sim` has one bad seed, 5; `explore` none.
        let sim = "[ $4 -le 5 ] && [ $(($4 + $2)) -gt 5 ] || exit 0; echo 'seed 5: r at 1 s: w'; exit 1";
        script(&programs.join("sim"), sim);
        script(&programs.join("explore"), "exit 0");
        let bug = |known| Bug::new("a", Source::Ours, "").simulated(known);
        let (seeds, scope) = (bug(Known::After(1)), bug(Known::Explored("read")));
        let tried = |bug, sim| Tried { sim: Some(sim), ..Tried::new(bug) };
        let five = || tried(&seeds, Sim::Found { seeds: in_seeds(5), scope: None });
        let control = |results: &[Tried<'_>]| control(&workspace, results).unwrap();
        assert_eq!(control(&[five()]), Control { seeds: 5, explored: false, clean: true });
        let results = [five(), tried(&scope, Sim::Missed { seeds: 6 })];
        assert_eq!(control(&results), Control { seeds: 6, explored: true, clean: false });
    }

    #[test]
    fn a_shift_of_seeds_is_no_miss() {
        let limit_of = |known: Known| limit(&known, None, false);
        assert_eq!([After(1), After(20), After(240)].map(limit_of), [100, 100, 1200]);
        assert_eq!([Explored("read"), Hole("masked")].map(limit_of), [0, 0]);
        assert_eq!([After(ORDINARY), After(ORDINARY + 1)].map(limit_of), [ORDINARY * MARGIN, 0]);
        let named = |known: Known| limit(&known, None, true);
        assert_eq!([After(1), After(540), Hole("masked")].map(named), [1000, 2700, 1000]);
        assert_eq!(limit(&After(540), Some(7), true), 7);
    }

    #[test]
    fn the_rule_is_read_from_a_diagram() {
        let line = "    5.748018!!!!!!!!  a read is confirmed: node 2, asked in term 8, read without one";
        assert_eq!(drawn(line).as_deref(), Some("a read is confirmed"));
        assert_eq!(drawn("    5.748018     o---->|  heard round 185 in term 8"), None);
    }
}
