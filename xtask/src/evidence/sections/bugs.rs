//! Seeded bugs: what `cargo xtask seeded-bugs --json` writes.

use serde::Deserialize;

use super::{Section, share};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Bugs {
    simulator: Vec<Simulated>,
    tests: Vec<Tested>,
}

#[derive(Deserialize)]
struct Simulated {
    name: String,
    source: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Outcome {
    Found {
        rule: String,
        seeds: u64,
    },
    /// Found where every order of events is tried.
    Explored {
        rule: String,
        scope: String,
    },
    Missed {
        seeds: u64,
    },
    /// Known not to be found, and why.
    Hole {
        why: String,
    },
    /// Known to need more seeds than were tried.
    NotTried {
        needs: u64,
    },
}

#[derive(Deserialize)]
struct Tested {
    name: String,
    class: String,
    package: String,
    test: String,
    verdict: String,
}

/// The seeds within which nearly all are to be found.
const SEEDS: u64 = 1000;

pub(super) fn section(bugs: &Bugs) -> Section {
    let mut section = Section::default();
    let found = bugs.simulator.iter().filter_map(|bug| match bug.outcome {
        Outcome::Found { seeds, .. } => Some(seeds),
        _ => None,
    });
    let (all, count) = (bugs.simulator.len() as u64, found.clone().count() as u64);
    let soon = found.filter(|seeds| *seeds <= SEEDS).count() as u64;
    let explored =
        bugs.simulator.iter().filter(|bug| matches!(bug.outcome, Outcome::Explored { .. })).count();
    let explored = if explored == 0 { String::new() } else { format!(", {explored} more by exploration") };
    let within =
        format!("{count} of {all} found, {soon} ({}) within {SEEDS} seeds{explored}", share(soon, all));
    section.row("seeded bugs, by the simulator", within);
    let good = bugs.tests.iter().filter(|bug| bug.verdict == "found").count();
    section.row("seeded bugs, by tests", format!("{good} of {} found", bugs.tests.len()));

    section.paragraph("By the simulator, in whole clusters:");
    let rows = bugs.simulator.iter().map(|bug| {
        let (seeds, rule) = bug.outcome.say();
        vec![bug.name.clone(), bug.source.clone(), seeds, rule]
    });
    let heading = ["bug", "known from", "seeds", "rule that it breaks"];
    section.table(&heading, &["known from", "rule that it breaks"], rows);
    section.paragraph("By the test that is named for each:");
    let rows = bugs.tests.iter().map(|bug| {
        let test = format!("{}: `{}`", bug.package, bug.test);
        vec![bug.name.clone(), bug.class.clone(), test, bug.verdict.clone()]
    });
    section.table(&["bug", "what it does", "test", "verdict"], &["what it does", "test", "verdict"], rows);
    section
}

impl Outcome {
    fn say(&self) -> (String, String) {
        match self {
            Outcome::Found { rule, seeds } => (seeds.to_string(), rule.clone()),
            Outcome::Explored { rule, scope } => ("-".to_owned(), format!("{rule} (explored: {scope})")),
            Outcome::Missed { seeds } => (seeds.to_string(), "**missed**".to_owned()),
            Outcome::Hole { why } => ("-".to_owned(), format!("not found: {why}")),
            Outcome::NotTried { needs } => ("-".to_owned(), format!("not tried: needs {needs} seeds")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bugs_are_counted_by_who_found_them_and_within_how_many_seeds() {
        let sim = |outcome| json!({ "name": "b", "source": "s", "outcome": outcome });
        let mut found = sim("found");
        (found["rule"], found["seeds"]) = (json!("r"), json!(1001));
        let mut soon = found.clone();
        soon["seeds"] = json!(1000);
        let mut hole = sim("hole");
        hole["why"] = json!("masked");
        let mut explored = sim("explored");
        (explored["rule"], explored["scope"]) = (json!("r"), json!("figure-8"));
        let test = json!({ "name": "t", "class": "c", "package": "raft", "test": "x", "verdict": "found" });
        let bugs = json!({ "simulator": [found, soon, hole, explored], "tests": [test] });
        let section = section(&serde_json::from_value(bugs).unwrap());
        assert_eq!(section.rows[0].1, "2 of 4 found, 1 (25.0 %) within 1000 seeds, 1 more by exploration");
        assert_eq!(section.rows[1].1, "1 of 1 found");
        assert!(section.text.contains("| b | s | - | not found: masked |"), "{}", section.text);
    }
}
