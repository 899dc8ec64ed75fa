//! Seeded bugs: what `cargo xtask seeded-bugs --json` writes.

use serde::Deserialize;

use super::{Section, number, share};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Bugs {
    simulator: Vec<Simulated>,
    tests: Vec<Tested>,
    control: Control,
}

/// The same without a bug.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Control {
    seeds: u64,
    explored: bool,
    clean: bool,
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
        /// And there.
        explored: Option<Scope>,
    },
    /// Found only where every order of events is tried.
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
        #[serde(default)]
        seeds: u64,
        needs: u64,
    },
}

#[derive(Deserialize)]
struct Scope {
    rule: String,
    scope: String,
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
    let missed = bugs.simulator.iter().any(|bug| matches!(bug.outcome, Outcome::Missed { .. }));
    section.wrong = missed || !bugs.control.clean || bugs.tests.iter().any(|bug| bug.verdict != "found");
    section.row("the simulator without a bug", bugs.control.say());
    let good = bugs.tests.iter().filter(|bug| bug.verdict == "found").count();
    section.row("seeded bugs, by tests", format!("{good} of {} found", bugs.tests.len()));

    section.paragraph("By the simulator, in whole clusters:");
    let rows = bugs.simulator.iter().map(|bug| {
        let (seeds, rule) = bug.outcome.say();
        vec![bug.name.clone(), bug.source.clone(), seeds, rule]
    });
    let heading = ["bug", "known from", "seeds", "found by"];
    section.table(&heading, &["known from", "found by"], rows);
    section.paragraph("By the test that is named for each:");
    let rows = bugs.tests.iter().map(|bug| {
        let test = format!("{}: `{}`", bug.package, bug.test);
        vec![bug.name.clone(), bug.class.clone(), test, bug.verdict.clone()]
    });
    section.table(&["bug", "what it does", "test", "verdict"], &["what it does", "test", "verdict"], rows);
    section
}

impl Control {
    fn say(&self) -> String {
        let scopes = if self.explored { " and all scopes" } else { "" };
        match (self.seeds, self.clean) {
            (0, false) => "NOT RUN".to_owned(),
            (seeds, true) => format!("{} seeds{scopes}: no rule broken", number(seeds)),
            (seeds, false) => format!("{} seeds{scopes}: rules BROKEN", number(seeds)),
        }
    }
}

impl Outcome {
    fn say(&self) -> (String, String) {
        match self {
            Outcome::Found { rule, seeds, explored: None } => (seeds.to_string(), rule.clone()),
            Outcome::Found { rule, seeds, explored: Some(Scope { rule: also, scope }) } => {
                (seeds.to_string(), format!("{rule}; {also} (explored: {scope})"))
            }
            Outcome::Explored { rule, scope } => ("-".to_owned(), format!("{rule} (explored: {scope})")),
            Outcome::Missed { seeds } => (seeds.to_string(), "**missed**".to_owned()),
            Outcome::Hole { why } => ("-".to_owned(), format!("not found: {why}")),
            Outcome::NotTried { seeds: 0, needs } => {
                ("-".to_owned(), format!("not tried: needs {needs} seeds"))
            }
            Outcome::NotTried { seeds, needs } => {
                (seeds.to_string(), format!("not found in these: needs {needs} seeds"))
            }
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
        soon["explored"] = json!({ "rule": "s", "scope": "read" });
        let test = json!({ "name": "t", "class": "c", "package": "raft", "test": "x", "verdict": "found" });
        let bugs = json!({ "simulator": [found, soon, hole, explored], "tests": [test],
            "control": { "seeds": 1001, "explored": true, "clean": true } });
        let section = section(&serde_json::from_value(bugs).unwrap());
        assert_eq!(section.rows[0].1, "2 of 4 found, 1 (25.0 %) within 1000 seeds, 1 more by exploration");
        assert_eq!(section.rows[1].1, "1 001 seeds and all scopes: no rule broken");
        assert_eq!(section.rows[2].1, "1 of 1 found");
        assert!(section.text.contains("| b | s | 1000 | r; s (explored: read) |"), "{}", section.text);
        assert!(section.text.contains("| b | s | - | not found: masked |"), "{}", section.text);
    }
}
