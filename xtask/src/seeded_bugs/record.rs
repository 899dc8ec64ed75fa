//! What the seeded bugs came to, as `cargo xtask evidence` reads it.

use serde_json::{Value, json};

use super::simulator::{Control, Row, Sim};
use super::{SeededBug, Verdict};

pub(super) fn result(tests: &[(&SeededBug, Verdict)], simulated: &[(&Row, Sim)], control: &Control) -> Value {
    let test = |(bug, verdict): &(&SeededBug, Verdict)| {
        let SeededBug { name, package, test, class } = bug;
        json!({ "name": name, "package": package, "test": test, "class": class, "verdict": verdict })
    };
    json!({
        "tests": tests.iter().map(test).collect::<Vec<_>>(),
        "simulator": simulated.iter().map(simulated_one).collect::<Vec<_>>(),
        "control": control,
    })
}

fn simulated_one((row, sim): &(&Row, Sim)) -> Value {
    let mut value = match sim {
        Sim::Found { seeds: Some(found), scope } => {
            json!({ "outcome": "found", "rule": found.rule, "seeds": found.seeds, "explored": scope })
        }
        Sim::Found { seeds: None, scope } => {
            let mut value = json!(scope);
            value["outcome"] = json!("explored");
            value
        }
        Sim::Hole { why } => json!({ "outcome": "hole", "why": why }),
        Sim::Missed { seeds } => json!({ "outcome": "missed", "seeds": seeds }),
        Sim::TooFew { seeds, needs } => json!({ "outcome": "not-tried", "seeds": seeds, "needs": needs }),
    };
    value["name"] = json!(row.name);
    value["source"] = json!(row.source);
    value
}

#[cfg(test)]
mod tests {
    use super::super::simulator::{ByScope, BySeeds, Known};
    use super::*;

    #[test]
    fn each_bug_says_what_became_of_it() {
        let bug = SeededBug { name: "a", package: "raft", test: "finds_a", class: "forgets" };
        let row = |known| Row { name: "b", source: "paper", known };
        let (found, hole) = (row(Known::After(700)), row(Known::Hole("masked")));
        let seeds = Some(BySeeds { rule: "r".to_owned(), seeds: 2 });
        let scope = Some(ByScope { rule: "s".to_owned(), scope: "read" });
        let simulated = [
            (&found, Sim::Found { seeds, scope: scope.clone() }),
            (&found, Sim::Found { seeds: None, scope }),
            (&found, Sim::TooFew { seeds: 100, needs: 700 }),
            (&found, Sim::Missed { seeds: 1000 }),
            (&hole, Sim::Hole { why: "masked" }),
        ];
        let control = Control { seeds: 1000, explored: true, clean: true };
        let value = result(&[(&bug, Verdict::NoTest)], &simulated, &control);
        assert_eq!(value["tests"][0]["verdict"], "no-test");
        assert_eq!(value["control"]["clean"], true);
        let of = |row: usize, field: &str| value["simulator"][row][field].clone();
        let outcomes: Vec<_> = (0..5).map(|row| of(row, "outcome")).collect();
        assert_eq!(outcomes, ["found", "explored", "not-tried", "missed", "hole"]);
        assert_eq!((of(0, "rule"), of(0, "explored")["scope"].clone()), (json!("r"), json!("read")));
        assert_eq!((of(1, "rule"), of(1, "scope")), (json!("s"), json!("read")));
        assert_eq!(of(2, "needs"), 700);
    }
}
