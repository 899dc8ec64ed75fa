//! What a run says in the terminal: the rows, then the aims.

use std::fmt::Write as _;

use super::aims::{self, Verdict, number};
use super::results::{Results, Row, figures};

/// The figures of a row that stand in the table, in this order; a row has some of them.
const COLUMNS: [(&str, &str); 11] = [
    (figures::RATE, "per second"),
    (figures::P50, "p50"),
    (figures::P90, "p90"),
    (figures::P99, "p99"),
    (figures::P999, "p99.9"),
    (figures::CPU, "cpu"),
    (figures::RSS, "rss"),
    (figures::RPCS, "rpcs"),
    (figures::BYTES, "bytes"),
    (figures::SYNCS, "syncs"),
    (figures::UNAVAILABLE, "unavailable"),
];

/// All of it, as text.
#[must_use]
pub fn text(results: &Results) -> String {
    let mut text = String::new();
    let mut group = "";
    for row in &results.rows {
        if row.group != group {
            group = &row.group;
            let _infallible = writeln!(text, "\n{group}");
        }
        let _infallible = writeln!(text, "  {}", line(row));
    }
    for what in &results.left_out {
        let _infallible = writeln!(text, "\nleft out: {what}");
    }
    for what in &results.failed {
        let _infallible = writeln!(text, "\nFAILED: {what}");
    }
    text + &aims_table(results) + &conditions(results)
}

fn line(row: &Row) -> String {
    let at: Vec<_> = row.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let mut line = format!("{:<24} {:<26} {:<32}", row.what, row.subject, at.join(", "));
    let told = COLUMNS.iter().filter_map(|(name, title)| Some((*title, row.figures.get(*name)?)));
    for (title, figure) in told {
        if let Some(median) = figure.median() {
            let _infallible = write!(line, "  {title} {} {}", number(median), figure.unit);
        }
    }
    // What only this group has.
    for (name, figure) in
        row.figures.iter().filter(|(name, _)| COLUMNS.iter().all(|(column, _)| column != name))
    {
        if let Some(median) = figure.median() {
            let _infallible = write!(line, "  {name} {} {}", number(median), figure.unit);
        }
    }
    line.trim_end().to_owned()
}

fn aims_table(results: &Results) -> String {
    let lines = aims::judge(results);
    let mut text = "\naims\n".to_owned();
    for line in &lines {
        let verdict = match line.verdict {
            Verdict::Reached => "reached",
            Verdict::NotReached => "NOT REACHED",
            Verdict::NotMeasured => "not measured",
        };
        let _infallible = writeln!(
            text,
            "  {:<34} {:<34} {:>16}   peer {:<40} limit {:<26} {verdict}",
            line.row,
            line.aim,
            line.figure,
            or_dash(&line.to_peer),
            or_dash(&line.to_limit)
        );
    }
    let of = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    let _infallible = writeln!(
        text,
        "  {} reached, {} not reached, {} not measured",
        of(Verdict::Reached),
        of(Verdict::NotReached),
        of(Verdict::NotMeasured)
    );
    text
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// More drift than this, and the figures of the run are not to be trusted with each other.
pub const DRIFT: f64 = 0.1;

/// More than so many percent taken by the host, and figures are rather its than ours.
pub const STOLEN: f64 = 5.0;

fn conditions(results: &Results) -> String {
    let mut text =
        format!("\n{} at {}, {}, {:.0} s\n", results.machine, results.commit, results.level, results.seconds);
    for (name, (before, after)) in &results.drift.limits {
        let _infallible = writeln!(text, "  {name}: {} before, {} after", number(*before), number(*after));
    }
    if let Some(stolen) = results.stolen {
        let word = if stolen > STOLEN { "THE HOST TOOK" } else { "the host took" };
        let _infallible = writeln!(text, "  {word} {stolen:.1} % of the processors' time");
    }
    for (name, change) in results.drift.beyond(DRIFT) {
        let percent = change * 100.0;
        let _infallible =
            writeln!(text, "  THE MACHINE DRIFTED: {name} changed by {percent:+.0} % during the run");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::figure::Better;
    use crate::suite::results::Drift;

    #[test]
    fn everything_that_was_measured_is_told_and_drift_loudly() {
        let mut row =
            Row { group: "core".into(), what: "commit".into(), subject: "raft".into(), ..Row::default() };
        row.parameters.insert("batch".into(), 64.0);
        row.sample(figures::RATE, "/s", Better::Higher, 1_500_000.0);
        row.sample("allocations", "", Better::Lower, 3.0);
        let limits = [("syncs".to_owned(), (100.0, 80.0))].into();
        let results = Results {
            rows: vec![row],
            left_out: vec!["etcd: not on the PATH".into()],
            failed: vec!["recovery: no leader".into()],
            drift: Drift { limits },
            stolen: Some(7.25),
            ..Results::default()
        };
        let text = text(&results);
        for part in [
            "1.50 M /s",
            "allocations 3.00",
            "left out: etcd",
            "FAILED: recovery: no leader",
            "NOT REACHED",
            "THE HOST TOOK 7.2 %",
            "DRIFTED: syncs changed by -20 %",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
