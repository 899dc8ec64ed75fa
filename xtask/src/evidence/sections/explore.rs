//! Small scopes: what `cargo xtask explore --json` writes.

use serde::Deserialize;

use super::{Section, number};

/// The scopes alone, or under a name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Explored {
    Named { scopes: Vec<Scope> },
    Bare(Vec<Scope>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    #[serde(alias = "scope")]
    name: String,
    states: u64,
    #[serde(alias = "steps")]
    transitions: u64,
    depth: u64,
    complete: bool,
    /// Situations, and in how many states they were seen.
    witnesses: Vec<(String, u64)>,
    seconds: f64,
    violation: Option<String>,
}

pub(super) fn section(explored: &Explored) -> Section {
    let (Explored::Named { scopes } | Explored::Bare(scopes)) = explored;
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
    let rows = scopes.iter().map(|scope| {
        let complete = if scope.complete { "yes" } else { "no" }.to_owned();
        let numbers = [scope.states, scope.transitions, scope.depth].map(number);
        let [states, transitions, depth] = numbers;
        vec![scope.name.clone(), states, transitions, depth, complete, format!("{:.1}", scope.seconds)]
    });
    section.table(&["scope", "states", "transitions", "depth", "complete", "seconds"], &["complete"], rows);
    let witnesses = scopes.iter().flat_map(|scope| {
        let row = |(name, seen): &(String, u64)| vec![scope.name.clone(), name.clone(), number(*seen)];
        scope.witnesses.iter().map(row)
    });
    section.table(&["scope", "witness", "states"], &["witness"], witnesses);
    for scope in scopes {
        if let Some(violation) = &scope.violation {
            section.paragraph(&format!("**{}**: {violation}", scope.name));
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_add_up_and_what_is_missing_is_said() {
        let scope = json!({
            "name": "election", "states": 2000, "transitions": 5000, "depth": 9, "complete": true, "seconds": 1.5,
            "witnesses": [["a leader", 4], ["a tie", 0]], "violation": null,
        });
        for written in [json!([scope, scope]), json!({ "scopes": [scope, scope] })] {
            let section = section(&serde_json::from_value(written).unwrap());
            let figure = "4 000 states, 2 of 2 scopes complete, no rule broken, 2 witnesses NEVER SEEN";
            assert_eq!(section.rows[0].1, figure);
            assert!(
                section.text.contains("| election | 2 000 | 5 000 | 9 | yes | 1.5 |"),
                "{}",
                section.text
            );
            assert!(section.text.contains("| election | a tie | 0 |"), "{}", section.text);
        }
    }
}
