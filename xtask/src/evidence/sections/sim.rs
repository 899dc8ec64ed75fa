//! A sweep of the simulator, and seeds that ran twice: what `cargo xtask sim --json` writes.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::{Section, number, share, time};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    ranges: Vec<Range<u64>>,
    seeds: u64,
    twice: u64,
    events: u64,
    virtual_nanos: u64,
    wall_nanos: u64,
    busy_nanos: u64,
    done: u64,
    not_applied: u64,
    unknown: u64,
    events_of_seeds: Spread,
    operations_of_seeds: Spread,
    quiet: u64,
    landed: BTreeMap<String, u64>,
    disturbed: BTreeMap<String, u64>,
    marks: BTreeMap<String, Seen>,
    /// Situations that so many seeds should have come to.
    missing: Vec<String>,
    failures: BTreeMap<String, Failure>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spread {
    least: Option<u64>,
    counts: BTreeMap<u64, u64>,
}

#[derive(Default, Deserialize)]
struct Seen {
    times: u64,
    seeds: u64,
}

#[derive(Deserialize)]
struct Failure {
    what: String,
}

pub(super) fn section(tally: &Tally) -> Section {
    let mut section = Section::default();
    let failures = match tally.failures.len() {
        0 => "no failure".to_owned(),
        failures => format!("{failures} FAILED"),
    };
    let (seeds, events) = (number(tally.seeds), number(tally.events));
    section.row("sweep", format!("{seeds} seeds, {events} events, {failures}"));
    section.row("speed", format!("{} events/s and core, all checks on", number(rate(tally))));
    let landed: u64 = tally.landed.values().sum();
    section.row("faults", format!("{} episodes of {} kinds", number(landed), tally.landed.len()));
    let seen = tally.marks.values().filter(|seen| seen.times > 0).count();
    let missing = match tally.missing.len() {
        0 => String::new(),
        missing => format!(", {missing} MISSING"),
    };
    section.row("situations", format!("{seen} of {} seen{missing}", tally.marks.len()));
    section.wrong = !tally.failures.is_empty() || !tally.missing.is_empty();
    figures(&mut section, tally);
    faults(&mut section, tally);
    marks(&mut section, tally);
    if !tally.missing.is_empty() {
        section.paragraph(&format!("Missing in so many seeds: {}.", tally.missing.join(", ")));
    }
    for (seed, failure) in &tally.failures {
        section.paragraph(&format!("**Seed {seed}**: {}", failure.what));
    }
    section
}

/// Of a sweep in which seeds ran again in another process.
pub(super) fn determinism(tally: &Tally) -> Result<Section> {
    ensure!(tally.twice > 0, "no seed ran twice");
    let mut section = Section { wrong: !tally.failures.is_empty(), ..Section::default() };
    let differ = match tally.failures.len() {
        0 => "equal hashes".to_owned(),
        failures => format!("{failures} FAILED"),
    };
    section.row("determinism", format!("{} seeds twice, in two processes: {differ}", number(tally.twice)));
    let ranges = ranges(tally);
    section
        .paragraph(&format!("Of the seeds {ranges}, {} ran again in another process.", number(tally.twice)));
    for (seed, failure) in &tally.failures {
        section.paragraph(&format!("**Seed {seed}**: {}", failure.what));
    }
    Ok(section)
}

fn figures(section: &mut Section, tally: &Tally) {
    let Tally { done, not_applied, unknown, quiet, seeds, .. } = tally;
    let hours = |nanos: u64| time(nanos as f64 / 1e9);
    let operations = [(done, "done"), (not_applied, "not applied"), (unknown, "unknown")];
    let operations = operations.map(|(count, what)| format!("{} {what}", number(*count))).join(", ");
    let rows = [
        ("seeds", format!("{} ({})", number(*seeds), ranges(tally))),
        ("run twice", number(tally.twice)),
        ("events", number(tally.events)),
        ("virtual time", hours(tally.virtual_nanos)),
        ("wall time", hours(tally.wall_nanos)),
        ("processor time", hours(tally.busy_nanos)),
        ("events/s and core", number(rate(tally))),
        ("operations of clients", operations),
        ("events of a seed", tally.events_of_seeds.say()),
        ("operations of a seed", tally.operations_of_seeds.say()),
        (
            "seeds below 20 000 events or 100 operations",
            format!("{} ({})", number(*quiet), share(*quiet, *seeds)),
        ),
        ("failures", tally.failures.len().to_string()),
    ];
    section.table(&["", "came to"], &["came to"], rows.map(|(what, figure)| vec![what.to_owned(), figure]));
}

fn faults(section: &mut Section, tally: &Tally) {
    let kinds = tally.landed.iter().map(|(kind, count)| vec![kind.clone(), number(*count)]);
    let frames = tally.disturbed.iter().map(|(what, count)| vec![format!("frames {what}"), number(*count)]);
    section.table(&["fault", "landed"], &[], kinds.chain(frames));
}

fn marks(section: &mut Section, tally: &Tally) {
    let rows =
        tally.marks.iter().map(|(name, seen)| vec![name.clone(), number(seen.times), number(seen.seeds)]);
    section.table(&["situation", "times", "seeds"], &[], rows);
}

fn rate(tally: &Tally) -> u64 {
    let nanos = u128::from(tally.events) * 1_000_000_000;
    u64::try_from(nanos / u128::from(tally.busy_nanos.max(1))).unwrap_or(u64::MAX)
}

/// `0 to 99, 200 to 299`.
fn ranges(tally: &Tally) -> String {
    let range = |range: &Range<u64>| format!("{} to {}", range.start, range.end.saturating_sub(1));
    tally.ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

impl Spread {
    fn say(&self) -> String {
        let all: u64 = self.counts.values().sum();
        let mut below = 0;
        let median = self.counts.iter().find(|(_, count)| {
            below += **count;
            below * 2 > all
        });
        match (self.least, median) {
            (Some(least), Some((median, _))) => {
                format!("{} at least, median {}", number(least), number(*median))
            }
            _ => "-".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sweep_tells_its_figures_and_its_failures() {
        let tally: Tally = serde_json::from_value(json!({
            "ranges": [{ "start": 0, "end": 1000 }], "seeds": 1000, "events": 2_000_000, "busy_nanos": 2_000_000_000,
            "landed": { "crash": 3, "cut": 4 }, "disturbed": { "lost": 5 },
            "events_of_seeds": { "least": 17, "counts": { "20000": 600, "30000": 400 } },
            "marks": { "a vote": { "times": 9, "seeds": 2 }, "a tie": { "times": 0, "seeds": 0 } },
            "missing": ["a tie"], "failures": { "12": { "rule": "r", "what": "two leaders" } },
        }))
        .unwrap();
        let section = section(&tally);
        let figures: Vec<&str> = section.rows.iter().map(|(_, figure)| figure.as_str()).collect();
        assert_eq!(
            figures,
            [
                "1 000 seeds, 2 000 000 events, 1 FAILED",
                "1 000 000 events/s and core, all checks on",
                "7 episodes of 2 kinds",
                "1 of 2 seen, 1 MISSING",
            ]
        );
        for line in [
            "| seeds | 1 000 (0 to 999) |",
            "| events of a seed | 17 at least, median 20 000 |",
            "| frames lost | 5 |",
            "| a vote | 9 | 2 |",
            "Missing in so many seeds: a tie.",
            "**Seed 12**: two leaders",
        ] {
            assert!(section.text.lines().any(|known| known == line), "{line} in {}", section.text);
        }
    }
    #[test]
    fn a_sweep_is_wrong_by_a_failure_or_a_situation_that_is_missing() {
        let sweep = |written| section(&serde_json::from_value(written).unwrap()).wrong;
        assert!(!sweep(json!({ "marks": { "a tie": { "times": 0, "seeds": 0 } } })));
        assert!(sweep(json!({ "missing": ["a tie"] })));
        assert!(sweep(json!({ "failures": { "12": { "rule": "r", "what": "two leaders" } } })));
        assert!(determinism(&Tally::default()).is_err());
        assert!(!determinism(&Tally { twice: 1, ..Tally::default() }).unwrap().wrong);
    }
}
