//! Which plots a run has: found in its rows, so that a group need not say what can be drawn of it.

use std::collections::BTreeMap;

use super::super::figure::Spread;
use super::super::results::{Role, Row, figures};
use super::plot::{Axis, Line, Plot};

/// Figures worth a curve over a parameter, with what stands at the axis.
const CURVES: [(&str, &str); 6] = [
    (figures::RATE, "per second"),
    (figures::P50, "p50, ms"),
    (figures::P99, "p99, ms"),
    (figures::CPU, "processor time of all per operation, µs"),
    (figures::BYTES, "bytes between nodes per commit"),
    (figures::RPCS, "requests between nodes per commit"),
];
/// Parameters that stand on an axis of their own.
const PARAMETERS: [&str; 6] = ["clients", "batch", "payload", "keys", "nodes", "entries"];

/// From a value of the parameter to a figure.
type Points = Vec<(f64, Spread)>;

/// Which colour each subject has: ours the first, then in the order in which they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Colours(Vec<String>);

impl Colours {
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Colours {
        let mut others: Vec<String> = Vec::new();
        for row in rows.into_iter().filter(|row| row.role() != Role::Ours) {
            if !others.contains(&row.subject) {
                others.push(row.subject.clone());
            }
        }
        Colours(others)
    }

    fn number(&self, subject: &str) -> usize {
        self.0.iter().position(|other| other == subject).map_or(0, |at| at + 1)
    }
}

/// Of the rows of one group.
pub(super) fn of_group(rows: &[&Row], colours: &Colours) -> Vec<Plot> {
    let mut plots = Vec::new();
    for parameter in PARAMETERS {
        for (figure, axis) in CURVES {
            plots.extend(scaling(rows, parameter, figure, axis));
        }
    }
    plots.extend(latencies(rows));
    plots.extend(rows.iter().filter_map(|row| throughput(row)));
    for line in plots.iter_mut().flat_map(|plot| &mut plot.lines) {
        line.colour = colours.number(&line.name);
    }
    plots
}

/// A figure as one parameter grows and all others stay, a line for each subject; where there are three points at least.
fn scaling(rows: &[&Row], parameter: &str, figure: &str, axis: &str) -> Vec<Plot> {
    // By title, then by subject.
    let mut curves: BTreeMap<String, BTreeMap<String, Points>> = BTreeMap::new();
    for row in rows {
        let Some(at) = row.parameters.get(parameter) else { continue };
        let Some(spread) = row.figures.get(figure).and_then(super::super::figure::Figure::spread) else {
            continue;
        };
        let others = row.parameters.iter().filter(|(name, _)| *name != parameter);
        let others: Vec<_> = others.map(|(name, value)| format!("{name} {value}")).collect();
        let title = format!("{}: {figure} by {parameter} ({})", row.what, others.join(", "));
        let of = curves.entry(title).or_default();
        of.entry(row.subject.clone()).or_default().push((*at, spread));
    }
    let long_enough = |lines: &BTreeMap<String, Points>| lines.values().any(|points| points.len() >= 3);
    let curves = curves.into_iter().filter(|(_, lines)| long_enough(lines));
    curves
        .map(|(title, lines)| Plot {
            title,
            x: Axis::logarithmic(parameter),
            y: Axis::logarithmic(axis),
            lines: lines.into_iter().map(|(name, points)| sorted(name, points)).collect(),
            spans: Vec::new(),
        })
        .collect()
}

fn sorted(name: String, mut points: Points) -> Line {
    points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Line { name, colour: 0, points }
}

/// Latencies by percentile, the subjects of the same conditions in one plot.
fn latencies(rows: &[&Row]) -> Vec<Plot> {
    let mut plots: BTreeMap<String, Plot> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.curve.is_empty()) {
        let at: Vec<_> = row.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let title = format!("{}: latency by percentile ({})", row.what, at.join(", "));
        // To each nine the same width: what is rare is what matters.
        let marks = [(2.0, "p50"), (10.0, "p90"), (100.0, "p99"), (1e3, "p99.9"), (1e4, "p99.99")];
        let marks = marks.map(|(place, name)| (place, name.to_owned()));
        let plot = plots.entry(title.clone()).or_insert_with(|| Plot {
            title,
            x: Axis { marks: marks.to_vec(), ..Axis::logarithmic("percentile") },
            y: Axis::logarithmic("ms"),
            ..Plot::default()
        });
        let points =
            row.curve.iter().filter(|(share, _)| *share < 1.0).map(|(share, ms)| (1.0 / (1.0 - share), *ms));
        plot.lines.push(Line::plain(&row.subject, points.filter(|(rarity, _)| *rarity <= 2e4)));
    }
    plots.into_values().collect()
}

/// Answers second by second, of a row that had faults.
fn throughput(row: &Row) -> Option<Plot> {
    (!row.faults.is_empty() && !row.series.is_empty()).then(|| Plot {
        title: format!("{}: answered per second", row.what),
        x: Axis::linear("s"),
        y: Axis::linear("per second"),
        lines: vec![Line::plain(&row.subject, (0_u32..).map(f64::from).zip(row.series.iter().copied()))],
        spans: row.faults.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::figure::Better;
    use super::super::super::results::FaultSpan;
    use super::*;

    fn row(what: &str, subject: &str, clients: f64, payload: f64) -> Row {
        let mut row = Row { what: what.into(), subject: subject.into(), ..Row::default() };
        row.parameters = [("clients".to_owned(), clients), ("payload".to_owned(), payload)].into();
        row.sample(figures::RATE, "/s", Better::Higher, clients * 10.0);
        row
    }

    #[test]
    fn a_parameter_that_takes_three_values_is_drawn_with_all_subjects_and_nothing_else_in_it() {
        let mut rows: Vec<_> = [64.0, 1.0, 256.0].map(|clients| row("put", "ours", clients, 256.0)).into();
        rows.extend([1.0, 64.0].map(|clients| row("put", "etcd", clients, 256.0)));
        rows.push(row("put", "ours", 64.0, 16.0));
        rows.push(row("get", "ours", 64.0, 256.0));
        let plots = of_group(&rows.iter().collect::<Vec<_>>(), &Colours::default());
        let titles: Vec<_> = plots.iter().map(|plot| plot.title.as_str()).collect();
        assert_eq!(titles, ["put: rate by clients (payload 256)"]);
        let lines: Vec<_> =
            plots[0].lines.iter().map(|line| (line.name.as_str(), line.points.len())).collect();
        assert_eq!(lines, [("etcd", 2), ("ours", 3)]);
        assert!(plots[0].lines[1].points.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn faults_are_drawn_into_the_throughput() {
        let mut row = row("kill", "ours", 1.0, 1.0);
        row.series = vec![5.0, 0.0, 5.0];
        let of_group = |row: &Row| of_group(&[row], &Colours::default());
        assert!(of_group(&row).is_empty(), "without a fault it is no more than its mean");
        row.faults = vec![FaultSpan { what: "kill n1".into(), from: 1.0, to: 2.0 }];
        assert!(of_group(&row)[0].svg().unwrap().contains("kill n1"));
    }

    #[test]
    fn percentiles_of_the_same_conditions_stand_in_one_plot() {
        let with = |subject| Row {
            curve: vec![(0.5, 1.0), (0.99, 3.0), (1.0, 9.0)],
            ..row("put", subject, 1.0, 1.0)
        };
        let rows = [with("etcd"), with("raft-register 1"), with("bare pipeline")];
        let plots = of_group(&rows.iter().collect::<Vec<_>>(), &Colours::of(&rows));
        let colours: Vec<_> = plots[0].lines.iter().map(|line| line.colour).collect();
        assert_eq!(colours, [1, 0, 2]);
        assert_eq!((plots.len(), plots[0].lines.len(), plots[0].lines[0].points.len()), (1, 3, 2));
    }
}
