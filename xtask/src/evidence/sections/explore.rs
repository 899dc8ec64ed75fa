//! Small scopes: what `cargo xtask explore --json` writes.

use serde::Deserialize;
use serde_json::Value;

use super::{Section, number};

#[derive(Deserialize)]
pub(super) struct Explored {
    scopes: Vec<Scope>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    name: String,
    states: u64,
    transitions: u64,
    depth: u64,
    complete: bool,
    /// States of single nodes whose mirror image depends on how they were reached: names mean something.
    odd: u64,
    /// How often what may happen.
    bounds: Value,
    /// What does not happen in it.
    lacks: Vec<String>,
    /// Situations, and in how many states they were seen.
    witnesses: Vec<(String, u64)>,
    seconds: f64,
    violation: Option<String>,
}

pub(super) fn section(explored: &Explored) -> Section {
    // They come in the order in which they ended.
    let mut scopes: Vec<&Scope> = explored.scopes.iter().collect();
    scopes.sort_by(|one, two| one.name.cmp(&two.name));
    let mut section = Section::default();
    let states: u64 = scopes.iter().map(|scope| scope.states).sum();
    let complete = scopes.iter().filter(|scope| scope.complete).count();
    let unseen = scopes.iter().flat_map(|scope| &scope.witnesses).filter(|(_, seen)| *seen == 0).count();
    let broken = match scopes.iter().filter(|scope| scope.violation.is_some()).count() {
        0 => "no rule broken".to_owned(),
        broken => format!("rules BROKEN in {broken}"),
    };
    let unseen = if unseen == 0 { String::new() } else { format!(", {unseen} witnesses NEVER SEEN") };
    let (scopes_in_all, states) = (scopes.len(), number(states));
    let figure = format!("{states} states, {complete} of {scopes_in_all} scopes complete, {broken}{unseen}");
    section.row("exploration", figure);
    section.wrong = scopes.is_empty() || scopes.iter().any(|scope| scope.is_wrong());
    let rows = scopes.iter().map(|scope| {
        let complete = if scope.complete { "yes" } else { "no" }.to_owned();
        let numbers = [scope.states, scope.transitions, scope.depth].map(number);
        let [states, transitions, depth] = numbers;
        let seconds = format!("{:.1}", scope.seconds);
        vec![scope.name.clone(), states, transitions, depth, complete, seconds]
    });
    section.table(&["scope", "states", "transitions", "depth", "complete", "seconds"], &["complete"], rows);
    let rows = scopes.iter().map(|scope| vec![scope.name.clone(), scope.bounds(), scope.lacks()]);
    section.table(&["scope", "bounds", "lacks"], &["bounds", "lacks"], rows);
    let witnesses = scopes.iter().flat_map(|scope| {
        let row = |(name, seen): &(String, u64)| vec![scope.name.clone(), name.clone(), number(*seen)];
        scope.witnesses.iter().map(row)
    });
    section.table(&["scope", "witness", "states"], &["witness"], witnesses);
    for scope in scopes {
        if let Some(violation) = &scope.violation {
            section.paragraph(&format!("**{}**: {violation}", scope.name));
        }
        if scope.odd > 0 {
            section.paragraph(&format!("**{}**: {} mirror images that are none", scope.name, scope.odd));
        }
    }
    section
}

/// A bound that bounds nothing.
const ANY: u64 = 255;

impl Scope {
    fn is_wrong(&self) -> bool {
        let unseen = self.witnesses.iter().any(|(_, seen)| *seen == 0);
        !self.complete || self.odd > 0 || self.violation.is_some() || unseen
    }

    fn lacks(&self) -> String {
        if self.lacks.is_empty() { "-".to_owned() } else { self.lacks.join(", ") }
    }

    fn bounds(&self) -> String {
        match &self.bounds {
            Value::Null => "-".to_owned(),
            Value::String(bounds) => bounds.clone(),
            Value::Object(bounds) => {
                let any = |bound: &Value| if *bound == ANY { "any".to_owned() } else { bound.to_string() };
                let bounds =
                    bounds.iter().map(|(what, bound)| format!("{} {}", what.replace('_', " "), any(bound)));
                bounds.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_add_up_and_what_is_missing_is_said() {
        let scope = json!({
            "name": "election", "states": 2000, "transitions": 5000, "depth": 9, "complete": true, "seconds": 1.5,
            "witnesses": [["a leader", 4], ["a tie", 0]], "violation": null, "odd": 0,
            "bounds": { "wakes": 4, "on_link": 255 }, "lacks": ["reads", "crashes"],
        });
        let mut earlier = scope.clone();
        earlier["name"] = json!("crash");
        let section = of(&json!([scope, earlier]));
        let figure = "4 000 states, 2 of 2 scopes complete, no rule broken, 2 witnesses NEVER SEEN";
        assert_eq!(section.rows[0].1, figure);
        for line in [
            "| election | 2 000 | 5 000 | 9 | yes | 1.5 |",
            "| election | on link any, wakes 4 | reads, crashes |",
            "| election | a tie | 0 |",
        ] {
            assert!(section.text.lines().any(|known| known == line), "{line} in {}", section.text);
        }
        assert_eq!(section, of(&json!([earlier, scope])), "the order in which they ended");
    }

    fn of(scopes: &Value) -> Section {
        section(&serde_json::from_value(json!({ "scopes": scopes })).unwrap())
    }

    #[test]
    fn what_was_not_all_seen_is_wrong() {
        let good = json!({ "name": "election", "complete": true, "witnesses": [["a leader", 4]] });
        assert!(!of(&json!([good])).wrong && of(&json!([])).wrong);
        for (field, value) in [
            ("complete", json!(false)),
            ("odd", json!(1)),
            ("violation", json!("two leaders")),
            ("witnesses", json!([["a tie", 0]])),
        ] {
            let mut wrong = good.clone();
            wrong[field] = value;
            assert!(of(&json!([good, wrong])).wrong, "{field}");
        }
    }
}
