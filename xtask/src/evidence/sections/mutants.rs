//! Changes that tests are to notice: what `cargo xtask mutants --json` writes.

use serde::Deserialize;

use super::{Section, number, share};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Mutants {
    tested: u64,
    caught: u64,
    missed: Vec<Missed>,
    timeouts: Vec<String>,
    unviable: u64,
    /// Which share of all, in words.
    shard: Option<String>,
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
    // A change that does not compile was never run; one that runs for ever is told apart.
    let judged = mutants.caught + missed;
    let score = share(mutants.caught, judged);
    let (caught, judged) = (number(mutants.caught), number(judged));
    section.row("mutants", format!("{caught} of {judged} caught ({score}), {timeouts} timeouts apart"));
    let rows = [
        ("tested", number(mutants.tested)),
        ("caught", caught),
        ("missed", number(missed)),
        ("timeouts", number(timeouts)),
        ("not compiled", number(mutants.unviable)),
        ("score: caught, of caught and missed", score),
        ("shard", mutants.shard.clone().unwrap_or_else(|| "all".to_owned())),
    ];
    section.table(&["", "came to"], &["came to"], rows.map(|(what, figure)| vec![what.to_owned(), figure]));
    if missed > 0 {
        section.paragraph("Survivors:");
        let reason = |missed: &Missed| missed.reason.clone().unwrap_or_else(|| "not looked at".to_owned());
        let rows = mutants.missed.iter().map(|missed| vec![format!("`{}`", missed.name), reason(missed)]);
        section.table(&["change", "why no test notices"], &["why no test notices"], rows);
    }
    if timeouts > 0 {
        section.paragraph("Timeouts:");
        section.table(&["change"], &[], mutants.timeouts.iter().map(|name| vec![format!("`{name}`")]));
    }
    section
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_score_leaves_out_timeouts_and_what_does_not_compile() {
        let mutants = json!({
            "tested": 120, "caught": 90, "unviable": 15, "timeouts": ["x", "y", "z", "u", "v"], "shard": "1/8",
            "missed": [{ "name": "a", "reason": "speed only" }, { "name": "b" }, {}, {}, {}, {}, {}, {}, {}, {}],
        });
        let section = section(&serde_json::from_value(mutants).unwrap());
        assert_eq!(section.rows[0].1, "90 of 100 caught (90.0 %), 5 timeouts apart");
        assert!(section.text.contains("| `a` | speed only |\n| `b` | not looked at |"), "{}", section.text);
    }
}
