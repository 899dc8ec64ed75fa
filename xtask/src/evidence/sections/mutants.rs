//! Changes that tests are to notice: what `cargo xtask mutants --json` writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Section, number, share};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Mutants {
    /// Of those that were drawn: the run did not come to its end.
    not_tried: u64,
    tested: u64,
    caught: u64,
    missed: Vec<Missed>,
    timeouts: Vec<Timeout>,
    unviable: u64,
    drawn: Drawn,
    /// What the tests of each stage take without a mutant.
    baseline_seconds: BTreeMap<String, f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Drawn {
    of: u64,
    sample: u64,
    /// None where all were taken.
    seed: Option<u64>,
    /// The only file that was looked at.
    file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timeout {
    name: String,
    /// Whose tests did not end: of the second stage only if those of the first passed.
    stage: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Missed {
    name: String,
    /// Why it may survive; nobody has looked if it is not there.
    reason: Option<String>,
}

pub(super) fn section(mutants: &Mutants) -> Section {
    let mut section = Section::default();
    let (missed, timeouts) = (mutants.missed.len() as u64, mutants.timeouts.len() as u64);
    section.wrong = mutants.not_tried > 0 || mutants.missed.iter().any(|missed| missed.reason.is_none());
    // A change that does not compile was never run; one that runs for ever is told apart.
    let judged = mutants.caught + missed;
    let score = share(mutants.caught, judged);
    let (caught, judged) = (number(mutants.caught), number(judged));
    let left = match mutants.not_tried {
        0 => String::new(),
        left => format!(", {} NOT TRIED", number(left)),
    };
    section.row("mutants", format!("{caught} of {judged} caught ({score}), {timeouts} timeouts apart{left}"));
    let seconds = mutants.baseline_seconds.iter().map(|(stage, seconds)| format!("{stage} {seconds:.1}"));
    let rows = [
        ("drawn", mutants.drawn.say()),
        ("tested", number(mutants.tested)),
        ("caught", caught),
        ("missed", number(missed)),
        ("timeouts", number(timeouts)),
        ("not compiled", number(mutants.unviable)),
        ("score: caught, of caught and missed", score),
        ("seconds of the tests without a mutant", seconds.collect::<Vec<_>>().join(", ")),
    ];
    section.table(&["", "came to"], &["came to"], rows.map(|(what, figure)| vec![what.to_owned(), figure]));
    if missed > 0 {
        section.paragraph("Survivors:");
        let reason = |missed: &Missed| missed.reason.clone().unwrap_or_else(|| "not looked at".to_owned());
        let rows = mutants.missed.iter().map(|missed| vec![format!("`{}`", missed.name), reason(missed)]);
        section.table(&["change", "why no test notices"], &["why no test notices"], rows);
    }
    if timeouts > 0 {
        section.paragraph("Timeouts, five times what the tests take without a mutant:");
        let rows = mutants.timeouts.iter().map(|hung| vec![format!("`{}`", hung.name), hung.stage.clone()]);
        section.table(&["change", "stage"], &["stage"], rows);
    }
    section
}

impl Drawn {
    fn say(&self) -> String {
        let mut text = match self.seed {
            Some(seed) => format!("{} of {} by seed {seed}", number(self.sample), number(self.of)),
            None => format!("all {}", number(self.of)),
        };
        if let Some(file) = &self.file {
            text += &format!(" of {file}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_score_leaves_out_timeouts_and_what_does_not_compile() {
        let mutants = json!({
            "tested": 120, "caught": 90, "unviable": 15, "timeouts": [{ "name": "x", "stage": "whole" }, {}, {}, {}, {}],
            "drawn": { "of": 1200, "sample": 120, "seed": 1, "file": null }, "baseline_seconds": { "quick": 4.25, "whole": 30 },
            "missed": [{ "name": "a", "reason": "speed only" }, { "name": "b" }, {}, {}, {}, {}, {}, {}, {}, {}],
        });
        let section = section(&serde_json::from_value(mutants).unwrap());
        assert_eq!(section.rows[0].1, "90 of 100 caught (90.0 %), 5 timeouts apart");
        assert!(section.text.contains("| `a` | speed only |\n| `b` | not looked at |"), "{}", section.text);
        for line in [
            "| drawn | 120 of 1 200 by seed 1 |",
            "| seconds of the tests without a mutant | quick 4.2, whole 30.0 |",
            "| `x` | whole |",
        ] {
            assert!(section.text.lines().any(|known| known == line), "{line} in {}", section.text);
        }
    }
}
