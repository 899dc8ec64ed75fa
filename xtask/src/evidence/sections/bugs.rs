//! Seeded bugs: what `cargo xtask seeded-bugs --json` writes.

use serde::Deserialize;

use super::{Section, number, share};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Bugs {
    bugs: Vec<Bug>,
    control: Control,
}

#[derive(Deserialize)]
struct Bug {
    name: String,
    does: String,
    source: String,
    /// Some system had it.
    seen: bool,
    test: Option<Test>,
    simulator: Option<Outcome>,
    case: Option<Case>,
}

#[derive(Deserialize)]
struct Test {
    package: String,
    name: String,
    verdict: String,
}

/// One that is saved, and the rule that it breaks.
#[derive(Deserialize)]
struct Case {
    file: String,
    rule: Option<String>,
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

/// The seeds within which nearly all are to be found.
const SEEDS: u64 = 1000;

pub(super) fn section(bugs: &Bugs) -> Section {
    let mut section = Section::default();
    let Bugs { bugs, control } = bugs;
    let count = |wanted: &dyn Fn(&Bug) -> bool| bugs.iter().filter(|bug| wanted(bug)).count();
    let (seen, found) = (count(&|bug| bug.seen), count(&|bug| bug.by_test() || bug.by_simulator()));
    section
        .row("seeded bugs", format!("{}, {seen} of them known from real systems; {found} found", bugs.len()));
    let seeds = bugs.iter().filter_map(|bug| match bug.simulator {
        Some(Outcome::Found { seeds, .. }) => Some(seeds),
        _ => None,
    });
    let all = count(&|bug| bug.simulator.is_some()) as u64;
    let (by_seeds, soon) = (seeds.clone().count(), seeds.filter(|seeds| *seeds <= SEEDS).count() as u64);
    let explored = match count(&|bug| matches!(bug.simulator, Some(Outcome::Explored { .. }))) {
        0 => String::new(),
        more => format!(", {more} more by exploration"),
    };
    let within =
        format!("{by_seeds} of {all} found, {soon} ({}) within {SEEDS} seeds{explored}", share(soon, all));
    section.row("seeded bugs, by the simulator", within);
    section.row("the simulator without a bug", control.say());
    let tests = format!("{} of {} found", count(&Bug::by_test), count(&|bug| bug.test.is_some()));
    section.row("seeded bugs, by tests", tests);
    section.wrong = bugs.is_empty() || bugs.iter().any(Bug::is_missed) || !control.clean;

    section.paragraph(
        "`owner/repository#number` is an issue or a change of a system that had the bug; a *rule* is what it breaks, \
         where no case is known.",
    );
    let heading = ["bug", "what it does", "known from", "by test", "seeds", "by the simulator"];
    let left = ["what it does", "known from", "by test", "by the simulator"];
    section.table(&heading, &left, bugs.iter().map(Bug::cells));
    section
}

impl Bug {
    fn by_test(&self) -> bool {
        self.test.as_ref().is_some_and(|test| test.verdict == "found")
    }

    fn by_simulator(&self) -> bool {
        matches!(self.simulator, Some(Outcome::Found { .. } | Outcome::Explored { .. }))
    }

    /// By something that is to find it.
    fn is_missed(&self) -> bool {
        self.test.is_some() && !self.by_test()
            || matches!(self.simulator, Some(Outcome::Missed { .. }))
            || self.case.as_ref().is_some_and(|case| case.rule.is_none())
    }

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let test = self.test.as_ref().map_or_else(dash, |test| match test.verdict.as_str() {
            "found" => format!("{}: `{}`", test.package, test.name),
            verdict => format!("**{verdict}** by {}: `{}`", test.package, test.name),
        });
        let (seeds, mut rule) = self.simulator.as_ref().map_or_else(|| (dash(), dash()), Outcome::say);
        if let Some(Case { file, rule: shown }) = &self.case {
            let missed = if shown.is_some() { "" } else { "**missed** by " };
            rule += &format!("; {missed}case `{file}`");
        }
        vec![self.name.clone(), self.does.clone(), self.source.clone(), test, seeds, rule]
    }
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
            Outcome::Hole { why } => ("-".to_owned(), format!("hole: {why}")),
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
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn bugs_are_counted_by_who_found_them_and_within_how_many_seeds() {
        let bug = |simulator: Value| {
            json!({ "name": "b", "does": "d", "source": "s", "seen": true, "test": null, "simulator": simulator,
                "case": { "file": "f", "rule": "r" } })
        };
        let scope = json!({ "rule": "s", "scope": "read" });
        let soon = json!({ "outcome": "found", "rule": "r", "seeds": 1000, "explored": scope });
        let test = json!({ "package": "raft", "name": "x", "verdict": "found" });
        let tested = json!({ "name": "t", "does": "d", "source": "-", "seen": false, "test": test,
            "simulator": null, "case": null });
        let mut bugs = json!({ "bugs": [
            bug(json!({ "outcome": "found", "rule": "r", "seeds": 1001, "explored": null })),
            bug(soon),
            bug(json!({ "outcome": "hole", "why": "masked" })),
            bug(json!({ "outcome": "explored", "rule": "r", "scope": "figure-8" })),
            tested,
        ], "control": { "seeds": 1001, "explored": true, "clean": true } });
        let told = |bugs: &Value| section(&serde_json::from_value(bugs.clone()).unwrap());
        let section = told(&bugs);
        let row = |number: usize| section.rows[number].1.as_str();
        assert_eq!(row(0), "5, 4 of them known from real systems; 4 found");
        assert_eq!(row(1), "2 of 4 found, 1 (25.0 %) within 1000 seeds, 1 more by exploration");
        assert_eq!((row(2), row(3)), ("1 001 seeds and all scopes: no rule broken", "1 of 1 found"));
        assert!(!section.wrong);
        let text = &section.text;
        assert!(text.contains("| b | d | s | - | 1000 | r; s (explored: read); case `f` |"), "{text}");
        assert!(text.contains("| b | d | s | - | - | hole: masked; case `f` |"), "{text}");
        assert!(text.contains("| t | d | - | raft: `x` | - | - |"), "{text}");
        bugs["bugs"][0]["case"]["rule"] = Value::Null;
        let section = told(&bugs);
        assert!(section.wrong && section.text.contains("**missed** by case `f`"), "{}", section.text);
        assert!(told(&json!({})).wrong);
    }
}
