//! What a run of the suite came to, as it is written and read again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::figure::{Better, Figure, Spread};

/// Names of figures that more than one group has, or that an aim asks for.
pub mod figures {
    /// Commands committed, or operations answered, per second.
    pub const RATE: &str = "rate";
    /// Latency that half of the answers did not exceed, in milliseconds.
    pub const P50: &str = "p50";
    /// The same for 90 of 100.
    pub const P90: &str = "p90";
    /// The same for 99 of 100.
    pub const P99: &str = "p99";
    /// The same for 999 of 1000.
    pub const P999: &str = "p99.9";
    /// Processor time of all nodes and the client per answered operation, in microseconds.
    pub const CPU: &str = "cpu";
    /// Processor time of all nodes alone.
    pub const CPU_NODES: &str = "cpu nodes";
    /// Resident memory of the node that has most, in MiB.
    pub const RSS: &str = "rss";
    /// Requests between nodes per committed entry.
    pub const RPCS: &str = "rpcs";
    /// Bytes of UDP payload between nodes per committed entry.
    pub const BYTES: &str = "bytes";
    /// Log syncs on all nodes per committed entry.
    pub const SYNCS: &str = "syncs";
    /// Of the processors' time, what the host gave to others, in percent: see [`crate::suite::steal`].
    pub const STOLEN: &str = "stolen";
    /// From the begin of a fault to the next acknowledged write, in milliseconds.
    pub const UNAVAILABLE: &str = "unavailable";
}

/// A run of the suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The layout of this file: [`FORMAT`].
    pub format: u32,
    /// The commit that was measured.
    pub commit: String,
    /// Processor, cores, kernel, file system.
    pub machine: String,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// `quick`, `normal` or `full`.
    pub level: String,
    /// What the machine did before and after, and what that says.
    pub drift: Drift,
    /// What the host took of the processors' time during all of it, in percent, if the kernel tells.
    #[serde(default)]
    pub stolen: Option<f64>,
    /// In the order in which they were measured.
    pub rows: Vec<Row>,
    /// What was left out, and why: a peer that is not installed, a fault that needs root.
    pub left_out: Vec<String>,
    /// What was begun and not measured, and why. With any of it the run has failed.
    #[serde(default)]
    pub failed: Vec<String>,
}

/// Counts as [`Row::parameters`].
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts for people")]
pub fn parameters<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, f64> {
    counts.map(|(name, count)| (name.to_owned(), count as f64)).into()
}

impl Row {
    /// Of something that has neither disk nor network.
    #[must_use]
    pub fn in_memory() -> Row {
        Row { durability: "memory".to_owned(), tls: "none".to_owned(), ..Row::default() }
    }
}

impl Results {
    /// Takes in what was measured, or why it was not: what fails takes nothing of the rest with it.
    pub fn take(&mut self, what: &str, measured: Result<Vec<Row>>) {
        match measured {
            Ok(rows) => self.rows.extend(rows),
            Err(error) => {
                println!("FAILED: {what}: {error:#}");
                self.failed.push(format!("{what}: {error:#}"));
            }
        }
    }
}

/// Raised whenever older files can no longer be read.
pub const FORMAT: u32 = 1;

/// The machine's own limits before and after the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// By limit: before and after.
    pub limits: BTreeMap<String, (f64, f64)>,
}

/// One thing that one subject did under one set of conditions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Of the eight, by name.
    pub group: String,
    /// What was done: `put`, `kill the leader`, `start with a log`.
    pub what: String,
    /// Who did it, with its version: `raft-register`, `bare pipeline`, `etcd 3.4.30`.
    pub subject: String,
    /// `fsync` or `memory`, with what is particular.
    pub durability: String,
    /// `mutual TLS` or `none`.
    pub tls: String,
    /// Where the client runs.
    pub client: String,
    /// What may be drawn along an axis: `clients`, `payload` (bytes), `nodes`, `keys`, `batch`, `entries`.
    pub parameters: BTreeMap<String, f64>,
    /// By name: see [`figures`].
    pub figures: BTreeMap<String, Figure>,
    /// Of all rounds together: shares (0 to 1) and the latency in milliseconds that so many did not exceed.
    pub curve: Vec<(f64, f64)>,
    /// Answered operations per second, second by second, of the last round.
    pub series: Vec<f64>,
    /// Faults in the time of the series.
    pub faults: Vec<FaultSpan>,
    /// Settings that are not the defaults, the checker's verdict, and what else must be known.
    pub notes: Vec<String>,
    /// Rounds without samples, counted from 1: they failed.
    #[serde(default)]
    pub missed: Vec<u32>,
}

/// What a subject is to this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is measured.
    Ours,
    /// What the machine would do without consensus.
    Limit,
    /// What others would use instead.
    Peer,
}

/// The subject that is no service but a yardstick.
pub const BARE_PIPELINE: &str = "bare pipeline";

/// A fault in the series of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// `kill n1 (leader)`.
    pub what: String,
    /// Seconds since the series began.
    pub from: f64,
    /// Until it was healed.
    pub to: f64,
}

impl Row {
    /// Adds a sample to a figure.
    pub fn sample(&mut self, name: &str, unit: &str, better: Better, sample: f64) {
        let figure = self.figures.entry(name.to_owned()).or_insert_with(|| Figure::new(unit, better));
        figure.samples.push(sample);
    }

    /// Adds what the host took of the processors' time during a sample, in percent, where that is known.
    pub fn stolen(&mut self, percent: Option<f64>) {
        if let Some(percent) = percent {
            self.sample(figures::STOLEN, "%", Better::Neither, percent);
        }
    }

    /// How many times the other's a figure is, in the rounds that both have: see [`Figure::ratio`].
    #[must_use]
    pub fn ratio(&self, figure: &str, other: &Row) -> Option<Spread> {
        let (mine, theirs) = (self.by_round(figure)?, other.by_round(figure)?);
        let both = mine.into_iter().zip(theirs).filter_map(|(mine, theirs)| mine.zip(theirs));
        let (mine, theirs): (Vec<_>, Vec<_>) = both.unzip();
        let figure = |samples| Figure { samples, ..Figure::new("", Better::Neither) };
        figure(mine).ratio(&figure(theirs))
    }

    /// Its samples, and nothing in the places of rounds that were missed.
    fn by_round(&self, figure: &str) -> Option<Vec<Option<f64>>> {
        let mut samples = self.figures.get(figure)?.samples.iter();
        let mut rounds = Vec::new();
        for round in 1.. {
            if self.missed.contains(&round) {
                rounds.push(None);
            } else if let Some(sample) = samples.next() {
                rounds.push(Some(*sample));
            } else {
                break;
            }
        }
        Some(rounds)
    }

    /// By its subject: ours are `raft` and `raft-register`, with their version.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.subject.split(' ').next() {
            Some("raft" | "raft-register" | "history-checker" | "lab") => Role::Ours,
            _ if self.subject.starts_with(BARE_PIPELINE) => Role::Limit,
            _ => Role::Peer,
        }
    }

    /// What a row is known by in another run: all but what was measured.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = format!("{}, {}, {}", self.group, self.what, self.subject);
        for (name, value) in &self.parameters {
            key += &format!(", {value} {name}");
        }
        key
    }

    /// The median of a figure.
    #[must_use]
    pub fn median(&self, figure: &str) -> Option<f64> {
        self.figures.get(figure)?.median()
    }
}

impl Results {
    /// Rows of a group where `what` was done, in order.
    pub fn of<'a>(&'a self, group: &'a str, what: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.group == group && row.what == what)
    }

    /// As another run wrote it.
    pub fn read(file: &Path) -> Result<Results> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let results: Results = serde_json::from_str(&text)
            .with_context(|| format!("{}: is it a results.json of `cargo xtask bench`?", file.display()))?;
        anyhow::ensure!(
            results.format == FORMAT,
            "{}: format {}, but this program reads {FORMAT}: measure again",
            file.display(),
            results.format
        );
        Ok(results)
    }
}

impl Drift {
    /// The limits that changed by more than this share of what they were before, with by how much.
    #[must_use]
    pub fn beyond(&self, share: f64) -> Vec<(String, f64)> {
        let change = |(before, after): (f64, f64)| (after - before) / before;
        let changes = self.limits.iter().map(|(name, pair)| (name.clone(), change(*pair)));
        changes.filter(|(_, change)| change.is_nan() || change.abs() > share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_takes_nothing_of_the_rest_with_it() {
        let mut results = Results::default();
        results.take("a", Ok(vec![Row::in_memory()]));
        results.take("b", Err(anyhow::anyhow!("why")));
        results.take("c", Ok(vec![Row::in_memory()]));
        assert_eq!((results.rows.len(), results.failed), (2, vec!["b: why".to_owned()]));
    }

    #[test]
    fn drift_is_told_in_both_directions_and_where_there_is_no_number() {
        let limits = [("a", (100.0, 91.0)), ("b", (100.0, 111.0)), ("c", (100.0, 89.0)), ("d", (0.0, 0.0))];
        let drift = Drift { limits: limits.map(|(name, pair)| (name.to_owned(), pair)).into() };
        let names: Vec<_> = drift.beyond(0.1).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c", "d"]);
    }

    #[test]
    fn a_round_that_one_missed_counts_for_neither() {
        let row = |missed: &[u32], rates: &[f64]| {
            let mut row = Row { missed: missed.to_vec(), ..Row::default() };
            rates.iter().for_each(|rate| row.sample(figures::RATE, "/s", Better::Higher, *rate));
            row
        };
        let (mine, theirs) = (row(&[2], &[200.0, 20.0]), row(&[], &[100.0, 1000.0, 10.0]));
        let ratio = mine.ratio(figures::RATE, &theirs).unwrap();
        assert_eq!((ratio.least, ratio.most), (2.0, 2.0));
        assert_eq!(row(&[2], &[1.0]).ratio(figures::RATE, &row(&[1], &[1.0])), None);
    }

    #[test]
    fn rows_are_told_apart_by_what_was_asked_and_not_by_what_came() {
        let row = |clients: f64, rate: f64| {
            let mut row = Row { group: "service".into(), what: "put".into(), ..Row::default() };
            row.parameters.insert("clients".into(), clients);
            row.sample(figures::RATE, "/s", Better::Higher, rate);
            row
        };
        assert_eq!(row(1.0, 5.0).key(), row(1.0, 7.0).key());
        assert_ne!(row(1.0, 5.0).key(), row(2.0, 5.0).key());
    }
}
