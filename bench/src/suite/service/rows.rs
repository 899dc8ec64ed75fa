//! Samples of all rounds, as rows.

use register::load::Measured;

use crate::suite::figure::Better;
use crate::suite::results::{Row, figures};
use crate::suite::subject::Description;

use super::GROUP;
use super::sample::Sample;
use super::settings::{GET, Load, PUT_BY_LOG, Setting};

/// Most that was resident at any time, of the node that had most.
pub const PEAK_RSS: &str = "peak rss";
/// Processor time of the load's process per answered operation.
pub const CPU_CLIENT: &str = "cpu client";
/// Context switches of all nodes per answered operation.
pub const SWITCHES: &str = "switches";
/// Requests between nodes per answered read.
pub const RPCS_PER_READ: &str = "rpcs per read";
/// Bytes of UDP payload between nodes per answered read.
pub const BYTES_PER_READ: &str = "bytes per read";

/// The rows of one subject in one setting: one for each load.
#[derive(Clone, Debug)]
pub struct Rows {
    /// With what all rounds measured together, and how many operations a round was to have.
    rows: Vec<(Row, Measured, Option<u64>)>,
}

impl Rows {
    /// Without samples.
    #[must_use]
    pub fn new(subject: &Description, setting: &Setting) -> Rows {
        let row = |load: &Load| (row(subject, setting, load), Measured::default(), load.args.operations);
        Rows { rows: setting.loads.iter().map(row).collect() }
    }

    /// Adds what one load came to; `number` counts the loads of the setting.
    pub fn add(&mut self, number: usize, sample: &Sample) {
        if let Some((row, all, operations)) = self.rows.get_mut(number) {
            add(row, sample);
            let done = sample.measured.done;
            if operations.is_some_and(|operations| operations != done) {
                row.notes.push(format!("only {done} operations were answered"));
            }
            all.merge(&sample.measured);
        }
    }

    /// One load failed.
    pub fn failed(&mut self, number: usize, round: u32, error: &anyhow::Error) {
        if let Some((row, ..)) = self.rows.get_mut(number) {
            row.missed.push(round);
            row.notes.push(format!("round {round} failed: {error:#}"));
        }
    }

    /// None of the loads ran.
    pub fn failed_to_start(&mut self, round: u32, error: &anyhow::Error) {
        for number in 0..self.rows.len() {
            self.failed(number, round, error);
        }
    }

    /// As they are written, in the order of the loads.
    #[must_use]
    pub fn finish(self) -> Vec<Row> {
        let finish = |(mut row, all, _): (Row, Measured, Option<u64>)| {
            row.curve = all.curve();
            row.notes.extend(trouble(&all));
            row
        };
        self.rows.into_iter().map(finish).collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "what was asked for has few digits")]
fn row(subject: &Description, setting: &Setting, load: &Load) -> Row {
    let args = &load.args;
    let mut parameters = vec![
        ("clients", f64::from(args.clients)),
        ("payload", args.value_bytes as f64),
        ("keys", args.keys as f64),
        ("nodes", setting.nodes as f64),
    ];
    let mut notes = subject.notes.clone();
    notes.push(format!("connections: {}", args.connections()));
    if let Some(rate) = args.rate {
        parameters.push(("per second", f64::from(rate.get())));
        notes.push("latency from the intended start (open loop)".to_owned());
    }
    if let Some(operations) = args.operations {
        let name = if load.what == PUT_BY_LOG { "entries" } else { "puts" };
        parameters.push((name, (load.before + operations) as f64));
    }
    Row {
        group: GROUP.to_owned(),
        what: load.what.to_owned(),
        subject: subject.name.clone(),
        durability: subject.durability.clone(),
        tls: subject.tls.clone(),
        client: "a process on the same machine, over loopback".to_owned(),
        parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        notes,
        ..Row::default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures of three digits")]
fn add(row: &mut Row, sample: &Sample) {
    let Sample { measured, nodes, traffic, silent, stolen } = sample;
    row.stolen(*stolen);
    row.sample(figures::RATE, "/s", Better::Higher, measured.rate());
    let quantiles = [(figures::P50, 0.5), (figures::P90, 0.9), (figures::P99, 0.99), (figures::P999, 0.999)];
    for (name, share) in quantiles {
        if let Some(latency) = measured.quantile(share) {
            row.sample(name, "ms", Better::Lower, latency.as_secs_f64() * 1000.0);
        }
    }
    row.series = measured.whole_seconds().into_iter().map(|count| count as f64).collect();
    if *silent {
        row.notes
            .push("in one round not every node told what it counted: nothing per commit or read".to_owned());
    }
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    row.sample(figures::RSS, "MiB", Better::Lower, mebibytes(nodes.resident));
    row.sample(PEAK_RSS, "MiB", Better::Lower, mebibytes(nodes.most_resident));
    if measured.done == 0 {
        return;
    }
    let each = |of_all: f64| of_all / measured.done as f64;
    let (of_nodes, of_client) = (nodes.processor.as_secs_f64() * 1e6, measured.cpu_nanos as f64 / 1000.0);
    row.sample(figures::CPU, "µs", Better::Lower, each(of_nodes + of_client));
    row.sample(figures::CPU_NODES, "µs", Better::Lower, each(of_nodes));
    row.sample(CPU_CLIENT, "µs", Better::Lower, each(of_client));
    row.sample(SWITCHES, "per operation", Better::Neither, each(nodes.switches() as f64));
    let Some(traffic) = traffic else { return };
    let (rpcs, bytes) = (traffic.rpcs() as f64, traffic.wire_bytes as f64);
    if row.what == GET {
        row.sample(RPCS_PER_READ, "per read", Better::Lower, each(rpcs));
        row.sample(BYTES_PER_READ, "B per read", Better::Lower, each(bytes));
    } else if traffic.commits > 0 {
        let commits = traffic.commits as f64;
        row.sample(figures::RPCS, "per commit", Better::Lower, rpcs / commits);
        row.sample(figures::BYTES, "B per commit", Better::Lower, bytes / commits);
        row.sample(figures::SYNCS, "per commit", Better::Lower, traffic.syncs as f64 / commits);
    }
    if traffic.elections_won > 0 {
        row.notes.push(format!("{} elections were won during a load", traffic.elections_won));
    }
}

/// What did not go as it should.
fn trouble(all: &Measured) -> Vec<String> {
    let Measured { not_applied, unknown, late, .. } = all;
    let mut notes = Vec::new();
    if not_applied + unknown > 0 {
        notes.push(format!("in all rounds {not_applied} operations not applied, {unknown} unknown"));
    }
    if *late > 0 {
        notes.push(format!("in all rounds {late} operations began late: too many were under way"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::suite::context::Level;
    use crate::suite::processes::Usage;
    use crate::suite::service::settings::{PUT, settings};
    use crate::tally::Traffic;

    fn described() -> Description {
        Description {
            name: "x".into(),
            durability: "fsync".into(),
            tls: "mutual TLS".into(),
            notes: Vec::new(),
        }
    }

    fn rows() -> Rows {
        let settings = settings(Level::Quick);
        let setting = settings.iter().find(|s| s.loads[0].what == PUT && s.loads[0].args.clients == 64);
        Rows::new(&described(), setting.unwrap())
    }

    #[test]
    fn what_a_cluster_took_before_counts_and_operations_that_are_missing_are_told() {
        let settings = settings(Level::Quick);
        let by_log = settings.iter().find(|setting| setting.loads[0].what == PUT_BY_LOG).unwrap();
        let mut rows = Rows::new(&described(), by_log);
        for (number, load) in by_log.loads.iter().enumerate() {
            let asked = load.args.operations.unwrap();
            rows.add(number, &sample(if number == 0 { asked } else { asked - 1 }));
        }
        let rows = rows.finish();
        let entries: Vec<_> = rows.iter().map(|row| row.parameters["entries"]).collect();
        assert_eq!(entries, [150_000.0, 300_000.0, 600_000.0]);
        let told = |row: &Row| row.notes.iter().any(|note| note.contains("operations were answered"));
        assert!(!told(&rows[0]) && told(&rows[1]) && told(&rows[2]), "{rows:?}");
    }

    fn sample(done: u64) -> Sample {
        let measured = Measured {
            nanos: 2_500_000_000,
            done,
            latencies: vec![(1_000_000, done)],
            per_second: vec![done / 2, done / 4],
            cpu_nanos: done * 1000,
            ..Measured::default()
        };
        let nodes = Usage {
            processor: Duration::from_micros(done * 3),
            resident: 32 << 20,
            most_resident: 64 << 20,
            ..Usage::default()
        };
        let traffic =
            Traffic { commits: done / 2, syncs: done, wire_bytes: done * 300, ..Traffic::default() };
        Sample { measured, nodes, traffic: Some(traffic), silent: false, stolen: Some(1.5) }
    }

    #[test]
    fn costs_are_told_per_operation_and_traffic_per_commit() {
        let mut rows = rows();
        rows.add(0, &sample(1000));
        rows.add(1, &sample(2000));
        let [put, get] = &rows.finish()[..] else { panic!("two loads") };
        let median = |name: &str| put.median(name).unwrap();
        assert_eq!((median(figures::CPU), median(figures::CPU_NODES), median(CPU_CLIENT)), (4.0, 3.0, 1.0));
        assert_eq!((median(figures::SYNCS), median(figures::BYTES)), (2.0, 600.0));
        assert_eq!((median(figures::RATE), median(figures::P99), median(figures::RSS)), (400.0, 1.0, 32.0));
        assert_eq!(get.median(BYTES_PER_READ), Some(300.0));
        assert_eq!(get.median(figures::BYTES), None);
        assert_eq!(put.series, [500.0, 250.0]);
    }

    #[test]
    fn every_round_is_a_sample_and_the_curve_is_of_all() {
        let mut rows = rows();
        rows.add(0, &sample(1000));
        rows.failed(0, 2, &anyhow::anyhow!("no quorum"));
        rows.add(0, &sample(3000));
        let put = &rows.finish()[0];
        assert_eq!(put.figures[figures::RATE].samples, [400.0, 1200.0]);
        assert_eq!(put.curve.last(), Some(&(1.0, 1.0)));
        assert!(put.notes.iter().any(|note| note == "round 2 failed: no quorum"), "{:?}", put.notes);
    }

    #[test]
    fn without_an_answer_there_is_no_cost_of_one() {
        let mut rows = rows();
        let mut nothing = sample(0);
        nothing.measured.latencies.clear();
        nothing.measured.unknown = 5;
        rows.add(0, &nothing);
        let put = &rows.finish()[0];
        assert_eq!(put.median(figures::RATE), Some(0.0));
        assert_eq!((put.median(figures::CPU), put.median(figures::P50)), (None, None));
        assert_eq!(put.notes.last().unwrap(), "in all rounds 0 operations not applied, 5 unknown");
    }
}
