//! What the project wants to reach, each aim with the row that says whether it is.

use super::faults::undisturbed;
use super::figure::{Figure, Spread};
use super::results::{Results, Role, Row, figures};

/// A figure that is to be reached.
#[derive(Clone, Copy, Debug)]
struct Aim {
    group: &'static str,
    what: &'static str,
    /// Which of the group's rows: a parameter and its value.
    at: Option<(&'static str, f64)>,
    figure: &'static str,
    wants: &'static [Want],
}

/// One condition of an aim.
#[derive(Clone, Copy, Debug)]
enum Want {
    AtLeast(f64),
    AtMost(f64),
    /// Of its samples, the one that this share does not exceed.
    QuantileAtMost(f64, f64),
    /// As a multiple of the best peer in the same run.
    OfPeerAtLeast(f64),
    OfPeerAtMost(f64),
    /// As a multiple of the bare pipeline in the same run.
    OfLimitAtLeast(f64),
    OfLimitAtMost(f64),
    /// As a multiple of the same row's figure before the fault.
    OfCalmAtMost(f64),
}

const AIMS: &[Aim] = &[
    aim(
        "core",
        "commit",
        Some(("batch", 64.0)),
        figures::RATE,
        &[Want::AtLeast(3e6), Want::OfPeerAtLeast(2.0)],
    ),
    aim("driver", "propose", Some(("clients", 1.0)), figures::RATE, &[Want::OfPeerAtLeast(3.0)]),
    aim("driver", "propose", Some(("clients", 64.0)), figures::RATE, &[Want::OfPeerAtLeast(2.0)]),
    aim("driver", "propose", Some(("clients", 1024.0)), figures::RATE, &[Want::OfPeerAtLeast(2.0)]),
    aim(
        "service",
        "put",
        Some(("clients", 256.0)),
        figures::RATE,
        &[Want::OfPeerAtLeast(12.0), Want::OfLimitAtLeast(0.6)],
    ),
    aim(
        "service",
        "put",
        Some(("clients", 1000.0)),
        figures::RATE,
        &[Want::OfPeerAtLeast(16.0), Want::OfLimitAtLeast(0.6)],
    ),
    aim(
        "service",
        "get",
        Some(("clients", 256.0)),
        figures::RATE,
        &[Want::OfPeerAtLeast(20.0), Want::OfLimitAtLeast(0.5)],
    ),
    aim(
        "service",
        "get",
        Some(("clients", 1000.0)),
        figures::RATE,
        &[Want::OfPeerAtLeast(20.0), Want::OfLimitAtLeast(0.5)],
    ),
    aim(
        "service",
        "put",
        Some(("clients", 1.0)),
        figures::P50,
        &[Want::OfLimitAtMost(1.2), Want::OfPeerAtMost(0.4)],
    ),
    aim("service", "put", Some(("clients", 256.0)), figures::CPU, &[Want::AtMost(9.0)]),
    aim("service", "memory", Some(("puts", 1e6)), figures::RSS, &[Want::AtMost(64.0)]),
    aim(
        "faults",
        "kill the leader, closed loop",
        None,
        figures::UNAVAILABLE,
        &[Want::QuantileAtMost(0.5, 350.0), Want::QuantileAtMost(0.99, 700.0)],
    ),
    aim(
        "faults",
        "transfer the leadership, closed loop",
        None,
        figures::UNAVAILABLE,
        &[Want::QuantileAtMost(0.99, 20.0)],
    ),
    aim("faults", "slow a follower, closed loop", None, figures::P99, &[Want::OfCalmAtMost(2.0)]),
    aim("faults", "snapshot to a follower, closed loop", None, figures::P99, &[Want::OfCalmAtMost(2.0)]),
];

const fn aim(
    group: &'static str,
    what: &'static str,
    at: Option<(&'static str, f64)>,
    figure: &'static str,
    wants: &'static [Want],
) -> Aim {
    Aim { group, what, at, figure, wants }
}

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The figure is as wanted.
    Reached,
    /// It is not.
    NotReached,
    /// The run did not measure it, or too little of it.
    NotMeasured,
}

/// A line of the table of aims.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `service, put, 256 clients`.
    pub row: String,
    /// `rate ≥ 12 × the best peer`.
    pub aim: String,
    /// The figure itself.
    pub figure: String,
    /// To the best peer in the same run, which is named.
    pub to_peer: String,
    /// To the bare pipeline in the same run.
    pub to_limit: String,
    /// Whether it is as wanted.
    pub verdict: Verdict,
}

/// Quantiles near one need samples beyond them.
fn samples_for(share: f64) -> usize {
    if share > 0.9 { 200 } else { 5 }
}

/// Every condition of every aim, judged.
#[must_use]
pub fn judge(results: &Results) -> Vec<Line> {
    AIMS.iter()
        .flat_map(|aim| aim.wants.iter().map(|want| Judged::new(results, aim).line(aim, *want)))
        .collect()
}

/// The rows that an aim is judged by.
struct Judged<'a> {
    ours: Option<&'a Row>,
    peer: Option<&'a Row>,
    limit: Option<&'a Row>,
    figure: &'static str,
}

impl<'a> Judged<'a> {
    fn new(results: &'a Results, aim: &Aim) -> Judged<'a> {
        let is_at = |row: &&Row| aim.at.is_none_or(|(name, value)| row.parameters.get(name) == Some(&value));
        let of = |role| results.of(aim.group, aim.what).filter(is_at).filter(move |row| row.role() == role);
        Judged {
            ours: of(Role::Ours).next(),
            peer: best(of(Role::Peer), aim.figure),
            limit: of(Role::Limit).next(),
            figure: aim.figure,
        }
    }

    fn line(&self, aim: &Aim, want: Want) -> Line {
        let at = aim.at.map(|(name, value)| format!(", {name} {value}")).unwrap_or_default();
        let peer = self.ratio(self.peer);
        let (limit, calm) = (self.ratio(self.limit), self.to_calm());
        let verdict = match want {
            Want::AtLeast(least) => is(self.median(), |median| median >= least),
            Want::AtMost(most) => is(self.median(), |median| median <= most),
            Want::QuantileAtMost(share, most) => is(self.quantile(share), |value| value <= most),
            Want::OfPeerAtLeast(least) => is(peer, |ratio| ratio.median >= least),
            Want::OfPeerAtMost(most) => is(peer, |ratio| ratio.median <= most),
            Want::OfLimitAtLeast(least) => is(limit, |ratio| ratio.median >= least),
            Want::OfLimitAtMost(most) => is(limit, |ratio| ratio.median <= most),
            Want::OfCalmAtMost(most) => is(calm, |ratio| ratio <= most),
        };
        let named = |ratio: Spread, row: &Row| format!("{} ({})", times(ratio), row.subject);
        Line {
            row: format!("{}, {}{at}", aim.group, aim.what),
            aim: format!("{} {}", aim.figure, want.words()),
            figure: self.words(want),
            to_peer: peer.zip(self.peer).map(|(ratio, row)| named(ratio, row)).unwrap_or_default(),
            to_limit: limit.map(times).unwrap_or_default(),
            verdict,
        }
    }

    fn own(&self) -> Option<&'a Figure> {
        self.ours?.figures.get(self.figure)
    }

    fn median(&self) -> Option<f64> {
        self.own()?.median()
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let figure = self.own()?;
        (figure.samples.len() >= samples_for(share)).then(|| figure.quantile(share)).flatten()
    }

    fn ratio(&self, other: Option<&Row>) -> Option<Spread> {
        self.ours?.ratio(self.figure, other?)
    }

    fn to_calm(&self) -> Option<f64> {
        let calm = self.ours?.figures.get(&undisturbed(self.figure))?;
        self.own()?.ratio(calm).map(|ratio| ratio.median)
    }

    fn words(&self, want: Want) -> String {
        let Some(figure) = self.own() else { return "not measured".to_owned() };
        match want {
            Want::QuantileAtMost(share, _) => match self.quantile(share) {
                Some(value) => format!("{} {}", number(value), figure.unit),
                None => format!("{} of {} samples", figure.samples.len(), samples_for(share)),
            },
            Want::OfCalmAtMost(_) => match self.to_calm() {
                Some(ratio) => format!("{ratio:.2} ×"),
                None => "not measured".to_owned(),
            },
            _ => figure.median().map_or_else(
                || "no number".to_owned(),
                |median| format!("{} {}", number(median), figure.unit).trim_end().to_owned(),
            ),
        }
    }
}

impl Want {
    fn words(self) -> String {
        match self {
            Want::AtLeast(value) => format!("≥ {}", number(value)),
            Want::AtMost(value) => format!("≤ {}", number(value)),
            Want::QuantileAtMost(share, value) => format!("p{} ≤ {}", share * 100.0, number(value)),
            Want::OfPeerAtLeast(times) => format!("≥ {times} × the best peer"),
            Want::OfPeerAtMost(times) => format!("≤ {times} × the best peer"),
            Want::OfLimitAtLeast(times) => format!("≥ {times} × the bare pipeline"),
            Want::OfLimitAtMost(times) => format!("≤ {times} × the bare pipeline"),
            Want::OfCalmAtMost(times) => format!("≤ {times} × undisturbed"),
        }
    }
}

fn is<T>(value: Option<T>, wanted: impl FnOnce(T) -> bool) -> Verdict {
    match value.map(wanted) {
        Some(true) => Verdict::Reached,
        Some(false) => Verdict::NotReached,
        None => Verdict::NotMeasured,
    }
}

/// The row whose median is best.
fn best<'a>(rows: impl Iterator<Item = &'a Row>, figure: &str) -> Option<&'a Row> {
    rows.filter(|row| row.median(figure).is_some()).max_by(|a, b| {
        let better = a.figures[figure].better;
        better.compare(a.median(figure).unwrap_or_default(), b.median(figure).unwrap_or_default())
    })
}

fn times(ratio: Spread) -> String {
    format!("{:.2} × ({:.2} to {:.2})", ratio.median, ratio.least, ratio.most)
}

/// With three significant digits, and thousands told by their letter.
#[must_use]
pub fn number(value: f64) -> String {
    let (value, letter) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, " G"),
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}{letter}")
}

#[cfg(test)]
#[path = "aims/tests.rs"]
mod tests;
