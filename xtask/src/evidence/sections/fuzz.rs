//! Parsers against invented input: what `cargo xtask fuzz --json` writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Section, number};

#[derive(Deserialize)]
pub(super) struct Fuzzed {
    targets: BTreeMap<String, Target>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    seconds: f64,
    runs: u64,
    crashes: u64,
    /// Why it came to nothing.
    error: Option<String>,
}

pub(super) fn section(fuzzed: &Fuzzed) -> Section {
    let Fuzzed { targets } = fuzzed;
    let mut section = Section::default();
    let hours = |seconds: f64| format!("{:.2}", seconds / 3600.0);
    let seconds: f64 = targets.values().map(|target| target.seconds).sum();
    let runs: u64 = targets.values().map(|target| target.runs).sum();
    let crashes = match targets.values().map(|target| target.crashes).sum::<u64>() {
        0 => "no crash".to_owned(),
        crashes => format!("{crashes} CRASHES"),
    };
    let came_to_nothing = targets.values().filter(|target| target.error.is_some()).count();
    let nothing = match came_to_nothing {
        0 => String::new(),
        targets => format!(", {targets} CAME TO NOTHING"),
    };
    section.wrong = came_to_nothing > 0 || targets.values().any(|target| target.crashes > 0);
    let (targets_in_all, hours_in_all) = (targets.len(), hours(seconds));
    let figure =
        format!("{targets_in_all} targets, {hours_in_all} h, {} inputs, {crashes}{nothing}", number(runs));
    section.row("fuzzing", figure);
    let rows = targets.iter().map(|(name, target)| {
        vec![name.clone(), hours(target.seconds), number(target.runs), number(target.crashes)]
    });
    section.table(&["target", "hours", "inputs", "crashes"], &[], rows);
    for (name, target) in targets {
        if let Some(error) = &target.error {
            section.paragraph(&format!("**{name}** came to nothing: {error}"));
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hours_are_those_of_all_targets() {
        let targets =
            json!({ "wire": { "seconds": 1800, "runs": 5000 }, "wal": { "seconds": 900.5, "crashes": 1 } });
        let section = section(&serde_json::from_value(json!({ "targets": targets })).unwrap());
        assert_eq!(section.rows[0].1, "2 targets, 0.75 h, 5 000 inputs, 1 CRASHES");
        assert!(section.wrong);
        assert!(section.text.contains("| wire | 0.50 | 5 000 | 0 |"), "{}", section.text);
    }

    #[test]
    fn a_target_that_came_to_nothing_is_wrong_and_named() {
        let targets = json!({ "wire": { "seconds": 36 }, "wal": { "error": "it does not build" } });
        let section = section(&serde_json::from_value(json!({ "targets": targets })).unwrap());
        assert_eq!(section.rows[0].1, "2 targets, 0.01 h, 0 inputs, no crash, 1 CAME TO NOTHING");
        assert!(section.wrong && section.text.contains("**wal** came to nothing: it does not build"));
    }
}
