//! What the seeded bugs came to, as `cargo xtask evidence` reads it.

use serde_json::{Value, json};

use super::Tried;
use super::bug::Source;
use super::simulator::{Control, Sim};

pub(super) fn result(results: &[Tried<'_>], control: &Control) -> Value {
    json!({ "bugs": results.iter().map(one).collect::<Vec<_>>(), "control": control })
}

fn one(tried: &Tried<'_>) -> Value {
    let bug = tried.bug;
    let test = bug.test.as_ref().zip(tried.test.as_ref());
    json!({
        "name": bug.name,
        "does": bug.does,
        "source": bug.source.to_string(),
        "seen": matches!(bug.source, Source::Seen(_) | Source::Ours),
        "test": test.map(|(test, verdict)| json!({ "package": test.package, "name": test.name, "verdict": verdict })),
        "simulator": tried.sim.as_ref().map(simulated),
        "case": bug.case.zip(tried.case.as_ref()).map(|(file, rule)| json!({ "file": file, "rule": rule })),
    })
}

fn simulated(sim: &Sim) -> Value {
    match sim {
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
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::bug::Bug;
    use super::super::simulator::{ByScope, BySeeds};
    use super::*;

    #[test]
    fn each_bug_says_what_became_of_it() {
        let tested = Bug::new("a", Source::Unknown, "forgets").tested("raft", "finds_a");
        let bug = Bug::new("b", Source::Ours, "lies").replayed("saved");
        let seeds = Some(BySeeds { rule: "r".to_owned(), seeds: 2 });
        let scope = Some(ByScope { rule: "s".to_owned(), scope: "read" });
        let sim = |sim| Tried { sim: Some(sim), ..Tried::new(&bug) };
        let results = [
            sim(Sim::Found { seeds, scope: scope.clone() }),
            sim(Sim::Found { seeds: None, scope }),
            sim(Sim::TooFew { seeds: 100, needs: 700 }),
            Tried { case: Some(None), ..sim(Sim::Missed { seeds: 1000 }) },
            sim(Sim::Hole { why: "masked" }),
            Tried { test: Some(Verdict::NoTest), ..Tried::new(&tested) },
        ];
        let control = Control { seeds: 1000, explored: true, clean: true };
        let value = result(&results, &control);
        assert_eq!(value["control"]["clean"], true);
        let bugs = &value["bugs"];
        assert_eq!((&bugs[5]["test"]["verdict"], &bugs[5]["seen"]), (&json!("no-test"), &json!(false)));
        assert_eq!((&bugs[5]["simulator"], &bugs[5]["case"]), (&Value::Null, &Value::Null));
        assert_eq!(bugs[3]["case"], json!({ "file": "saved", "rule": null }));
        assert_eq!(bugs[3]["seen"], true);
        let of = |row: usize, field: &str| bugs[row]["simulator"][field].clone();
        let outcomes: Vec<_> = (0..5).map(|row| of(row, "outcome")).collect();
        assert_eq!(outcomes, ["found", "explored", "not-tried", "missed", "hole"]);
        assert_eq!((of(0, "rule"), of(0, "explored")["scope"].clone()), (json!("r"), json!("read")));
        assert_eq!((of(1, "rule"), of(1, "scope")), (json!("s"), json!("read")));
        assert_eq!(of(2, "needs"), 700);
    }
}
