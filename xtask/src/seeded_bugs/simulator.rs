//! The seeded bugs that the simulator is to find: whole clusters with the bug on, seed by seed, until a rule is
//! broken.

use anyhow::{Result, bail};

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
    /// The rule that was broken, in which seed, counted from one.
    Found { rule: String, seeds: u64 },
    /// The rule that was broken in a scope.
    Explored { rule: String, scope: &'static str },
    /// Nothing happened in so many seeds, as is known of it.
    Hole,
    /// Nothing happened, where something should have.
    Missed { seeds: u64 },
    /// It needs more seeds than this run takes.
    Skipped,
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

/// Runs seeds until one is bad, `seeds` at most; without a number, as many as an ordinary run takes.
pub(super) fn hunt(workspace: &Workspace, row: &Row, seeds: Option<u64>) -> Result<Sim> {
    let limit = match (&row.known, seeds) {
        (Known::Explored(scope), None) => return explore(workspace, row, scope),
        (_, Some(seeds)) => seeds,
        (Known::After(known), None) if *known <= SHORT => SHORT,
        (Known::After(_) | Known::Hole(_), None) => return Ok(Sim::Skipped),
    };
    let binary = workspace.target.join("seeded-bugs/release/sim");
    // A few more each time: most are found in the first seeds.
    let (mut from, mut count) = (0, 4);
    while from < limit {
        let some = count.min(limit - from).to_string();
        let sim = Cmd::path(binary.clone(), ["--seeds", &some, "--from", &from.to_string(), "--budget", "0"])
            .env("SEEDED_BUG", row.name);
        let outcome = sim.watch(workspace, false)?;
        if let Some(found) = outcome.lines.iter().find_map(|line| violation(line)) {
            return Ok(found);
        }
        if !outcome.success {
            outcome.lines.iter().for_each(|line| println!("    {line}"));
            bail!("the simulator failed and named no rule; to see it again: {sim}");
        }
        from += count;
        count *= 2;
    }
    Ok(match row.known {
        Known::After(known) if known <= limit => Sim::Missed { seeds: limit },
        Known::After(_) => Sim::Skipped,
        Known::Explored(_) | Known::Hole(_) => Sim::Hole,
    })
}

fn explore(workspace: &Workspace, row: &Row, scope: &'static str) -> Result<Sim> {
    let binary = workspace.target.join("seeded-bugs/release/explore");
    let explore = Cmd::path(binary, [scope, "--quick"]).env("SEEDED_BUG", row.name);
    let outcome = explore.watch(workspace, false)?;
    let broken = outcome.lines.iter().find_map(|line| line.trim().strip_prefix("VIOLATION: "));
    let Some(broken) = broken else { return Ok(Sim::Missed { seeds: 0 }) };
    let rule = broken.split(": ").next().unwrap_or(broken).to_owned();
    Ok(Sim::Explored { rule, scope })
}

/// `seed 12: rule at 1.5 s: what`.
fn violation(line: &str) -> Option<Sim> {
    let (seed, rest) = line.strip_prefix("seed ")?.split_once(": ")?;
    let rule = rest.split(" at ").next().unwrap_or(rest).to_owned();
    Some(Sim::Found { rule, seeds: seed.parse::<u64>().ok()? + 1 })
}

/// The rows that are wanted.
pub(super) fn rows(name: Option<&str>) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| name.is_none_or(|name| row.name == name)).collect()
}

/// Bug, where it comes from, after how many seeds which rule.
pub(super) fn table(results: &[(&Row, Sim)]) -> String {
    let name = results.iter().map(|(row, _)| row.name.len()).max().unwrap_or(0).max("bug".len());
    let source = results.iter().map(|(row, _)| row.source.len()).max().unwrap_or(0).max("known from".len());
    let mut text = format!("{:name$}  {:source$}  seeds  rule\n", "bug", "known from");
    for (row, sim) in results {
        let (seeds, what) = match (sim, &row.known) {
            (Sim::Found { rule, seeds }, _) => (seeds.to_string(), rule.clone()),
            (Sim::Explored { rule, scope }, _) => ("-".to_owned(), format!("{rule} (explored: {scope})")),
            (Sim::Missed { seeds }, _) => (seeds.to_string(), "MISSED".to_owned()),
            (Sim::Hole | Sim::Skipped, Known::Hole(why)) => ("-".to_owned(), format!("hole: {why}")),
            (_, Known::After(known)) => ("-".to_owned(), format!("not run: needs {known} seeds")),
            (_, Known::Explored(scope)) => ("-".to_owned(), format!("not run: explored: {scope}")),
        };
        text += &format!("{:name$}  {:source$}  {seeds:>5}  {what}\n", row.name, row.source);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_and_the_seed_are_read_from_the_simulators_line() {
        let rule = "what a node says is durable".to_owned();
        let line = "seed 6: what a node says is durable at 1.250000 s: node 1 speaks at length";
        assert_eq!(violation(line), Some(Sim::Found { rule, seeds: 7 }));
        assert_eq!(violation("300 seeds, 0 bad, 1 events"), None);
    }

    #[test]
    fn each_row_says_what_became_of_it() {
        let row = |name, known| Row { name, source: "paper", known };
        let (found, hole) = (row("a", Known::After(1)), row("b", Known::Hole("masked")));
        let results = [
            (&found, Sim::Found { rule: "r".to_owned(), seeds: 2 }),
            (&hole, Sim::Hole),
            (&found, Sim::Missed { seeds: 60 }),
        ];
        let text = table(&results);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "a    paper           2  r");
        assert_eq!(lines[2], "b    paper           -  hole: masked");
        assert_eq!(lines[3], "a    paper          60  MISSED");
    }

    #[test]
    fn names_are_unique() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|earlier| earlier.name != row.name), "{} twice", row.name);
        }
    }
}
