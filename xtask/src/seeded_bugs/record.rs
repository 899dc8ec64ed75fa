//! What the seeded bugs came to, as `cargo xtask evidence` reads it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::simulator::{Known, Row, Sim};
use super::{SeededBug, Verdict};
use crate::evidence::origin::{self, Origin};
use crate::evidence::{self, kinds};
use crate::workspace::Workspace;

/// Of a run that begins now.
pub(super) fn origin(workspace: &Workspace) -> Origin {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    let sources = kinds::named("seeded-bugs").map_or(&[][..], |kind| kind.sources);
    Origin::here(workspace, sources, origin::command(words.iter().map(String::as_str)))
}

pub(super) fn write(
    file: &Path,
    origin: &Origin,
    tests: &[(&SeededBug, Verdict)],
    simulated: &[(&Row, Sim)],
) -> Result<()> {
    evidence::write(file, origin, result(tests, simulated))
}

fn result(tests: &[(&SeededBug, Verdict)], simulated: &[(&Row, Sim)]) -> Value {
    let test = |(bug, verdict): &(&SeededBug, Verdict)| {
        let SeededBug { name, package, test, class } = bug;
        json!({ "name": name, "package": package, "test": test, "class": class, "verdict": verdict })
    };
    json!({
        "tests": tests.iter().map(test).collect::<Vec<_>>(),
        "simulator": simulated.iter().map(simulated_one).collect::<Vec<_>>(),
    })
}

fn simulated_one((row, sim): &(&Row, Sim)) -> Value {
    let mut value = match (sim, &row.known) {
        (Sim::Found { rule, seeds }, _) => json!({ "outcome": "found", "rule": rule, "seeds": seeds }),
        (Sim::Explored { rule, scope }, _) => json!({ "outcome": "explored", "rule": rule, "scope": scope }),
        (Sim::Missed { seeds }, _) => json!({ "outcome": "missed", "seeds": seeds }),
        (Sim::Hole | Sim::Skipped, Known::Hole(why)) => json!({ "outcome": "hole", "why": why }),
        (Sim::Hole | Sim::Skipped, Known::Explored(scope)) => {
            json!({ "outcome": "hole", "why": format!("explored: {scope}") })
        }
        (Sim::Hole | Sim::Skipped, Known::After(seeds)) => json!({ "outcome": "not-tried", "needs": seeds }),
    };
    value["name"] = json!(row.name);
    value["source"] = json!(row.source);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bug_says_what_became_of_it() {
        let bug = SeededBug { name: "a", package: "raft", test: "finds_a", class: "forgets" };
        let row = |known| Row { name: "b", source: "paper", known };
        let (found, hole) = (row(Known::After(700)), row(Known::Hole("masked")));
        let simulated = [
            (&found, Sim::Found { rule: "r".to_owned(), seeds: 2 }),
            (&found, Sim::Skipped),
            (&found, Sim::Missed { seeds: 1000 }),
            (&hole, Sim::Hole),
        ];
        let value = result(&[(&bug, Verdict::NoTest)], &simulated);
        assert_eq!(value["tests"][0]["verdict"], "no-test");
        let outcomes =
            value["simulator"].as_array().unwrap().iter().map(|row| row["outcome"].as_str().unwrap());
        assert_eq!(outcomes.collect::<Vec<_>>(), ["found", "not-tried", "missed", "hole"]);
        assert_eq!(value["simulator"][1]["needs"], 700);
    }
}
