//! The seeded bugs that the simulator is to find: whole clusters with the bug on, seed by seed, until a rule is
//! broken.

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::simulator_rows::ROWS;
use crate::command::Cmd;
use crate::workspace::Workspace;

/// In the ordinary run a bug gets so many seeds; those that need more wait for `--seeds`.
pub(super) const SHORT: u64 = 100;

/// A bug, and what is known of it.
pub(super) struct Row {
    /// What `SEEDED_BUG` is set to.
    pub(super) name: &'static str,
    /// A system that had it, or where it is warned of.
    pub(super) source: &'static str,
    pub(super) known: Known,
}

/// What earlier runs say.
pub(super) enum Known {
    /// Found after so many seeds.
    After(u64),
    /// Found where every order of the events of this scope is tried (`cargo xtask explore`), in its quick bounds.
    Explored(&'static str),
    /// Not found, and why.
    Hole(&'static str),
}

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
    let target = workspace.target.join("seeded-bugs").to_string_lossy().into_owned();
    let build = Cmd::cargo([
        "build",
        "--release",
        "--package",
        "lab",
        "--bin",
        "sim",
        "--bin",
        "explore",
        "--target-dir",
    ])
    .args([target])
    .env("RUSTFLAGS", "--cfg seeded_bugs");
    if !build.watch(workspace, show)?.success {
        bail!("the simulator does not build; to see it again: {build}");
    }
    Ok(())
}

/// Runs seeds until one is bad, and the scope where one is known; without a number of seeds, as many as an ordinary run
/// takes.
pub(super) fn hunt(workspace: &Workspace, row: &Row, seeds: Option<u64>) -> Result<Sim> {
    let limit = match (&row.known, seeds) {
        (_, Some(seeds)) => seeds,
        (Known::After(known), None) if *known <= SHORT => SHORT,
        (Known::After(_) | Known::Explored(_) | Known::Hole(_), None) => 0,
    };
    let by_seeds = by_seeds(workspace, Some(row.name), limit)?;
    let by_scope = match row.known {
        Known::Explored(scope) => by_scope(workspace, Some(row.name), scope)?,
        Known::After(_) | Known::Hole(_) => None,
    };
    Ok(came_to(&row.known, by_seeds, by_scope, limit))
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
pub(super) fn control(workspace: &Workspace, results: &[(&Row, Sim)]) -> Result<Control> {
    let used = |sim: &Sim| match sim {
        Sim::Found { seeds, .. } => seeds.as_ref().map_or(0, |found| found.seeds),
        Sim::Missed { seeds } | Sim::TooFew { seeds, .. } => *seeds,
        Sim::Hole { .. } => 0,
    };
    let seeds = results.iter().map(|(_, sim)| used(sim)).max().unwrap_or(0);
    let explored = results.iter().any(|(row, _)| matches!(row.known, Known::Explored(_)));
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
    let program = Cmd::path(workspace.target.join("seeded-bugs/release").join(name), []);
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

/// The rows that are wanted.
pub(super) fn rows(name: Option<&str>) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| name.is_none_or(|name| row.name == name)).collect()
}

/// Bug, where it comes from, after how many seeds which rule found it.
pub(super) fn table(results: &[(&Row, Sim)]) -> String {
    let name = results.iter().map(|(row, _)| row.name.len()).max().unwrap_or(0).max("bug".len());
    let source = results.iter().map(|(row, _)| row.source.len()).max().unwrap_or(0).max("known from".len());
    let mut text = format!("{:name$}  {:source$}  seeds  found by\n", "bug", "known from");
    for (row, sim) in results {
        let (seeds, by) = sim.say();
        text += &format!("{:name$}  {:source$}  {seeds:>5}  {by}\n", row.name, row.source);
    }
    text
}

impl Sim {
    /// After how many seeds, and by what.
    fn say(&self) -> (String, String) {
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
        let root = std::env::temp_dir().join(format!("xtask-control-{}", std::process::id()));
        let workspace = Workspace { root: root.clone(), target: root.clone(), xtask: root.clone() };
        let programs = root.join("seeded-bugs/release");
        std::fs::create_dir_all(&programs).unwrap();
        // `sim` has one bad seed, 5; `explore` none.
        let sim = "[ $4 -le 5 ] && [ $(($4 + $2)) -gt 5 ] || exit 0; echo 'seed 5: r at 1 s: w'; exit 1";
        script(&programs.join("sim"), sim);
        script(&programs.join("explore"), "exit 0");
        let row = |known| Row { name: "a", source: "paper", known };
        let (seeds, scope) = (row(Known::After(1)), row(Known::Explored("read")));
        let of = |seeds| Sim::Found { seeds: in_seeds(seeds), scope: None };
        let control = |results: &[(&Row, Sim)]| control(&workspace, results).unwrap();
        assert_eq!(control(&[(&seeds, of(5))]), Control { seeds: 5, explored: false, clean: true });
        let missed = Sim::Missed { seeds: 6 };
        let results = [(&seeds, of(5)), (&scope, missed)];
        assert_eq!(control(&results), Control { seeds: 6, explored: true, clean: false });
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn each_row_says_what_became_of_it() {
        let row = |name, known| Row { name, source: "paper", known };
        let (found, hole) = (row("a", Known::After(1)), row("b", Known::Hole("masked")));
        let scope = Some(ByScope { rule: "s".to_owned(), scope: "read" });
        let results = [
            (&found, Sim::Found { seeds: in_seeds(2), scope }),
            (&hole, Sim::Hole { why: "masked" }),
            (&found, Sim::Missed { seeds: 60 }),
            (&found, Sim::TooFew { seeds: 0, needs: 300 }),
            (&found, Sim::TooFew { seeds: 60, needs: 300 }),
        ];
        let text = table(&results);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "a    paper           2  r; s (explored: read)");
        assert_eq!(lines[2], "b    paper           -  hole: masked");
        assert_eq!(lines[3], "a    paper          60  MISSED");
        assert_eq!(lines[4], "a    paper           -  not run: needs 300 seeds");
        assert_eq!(lines[5], "a    paper          60  not found in these: needs 300 seeds");
    }

    #[test]
    fn names_are_unique() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|earlier| earlier.name != row.name), "{} twice", row.name);
        }
    }
}
