//! Figures from runs: each during the fault, and undisturbed under another name, a sample per round.

use std::time::Duration;

use super::scenario::{Deed, Scenario};
use super::trial::{self, Trial};
use super::{GROUP, trial::attempt_timeout};
use crate::measure::{KindMeasure, Window};
use crate::suite::figure::Better;
use crate::suite::results::{FaultSpan, Row, figures};
use crate::workload::Loop;

/// Before the name of a figure: the same before the first fault of the run.
pub const UNDISTURBED: &str = "undisturbed";

/// The name of a figure before the first fault.
#[must_use]
pub fn undisturbed(figure: &str) -> String {
    format!("{UNDISTURBED} {figure}")
}

/// As a row's name and a file's name say it.
pub(super) fn name(loops: Loop) -> &'static str {
    match loops {
        Loop::Open => "open loop",
        Loop::Closed => "closed loop",
    }
}

/// Of a scenario that this machine cannot do.
pub(super) fn left_out(scenario: &Scenario, loops: Loop, why: &str) -> Row {
    let mut row = conditions(scenario, loops);
    row.notes.push(format!("left out: {why}"));
    row
}

/// Of all rounds.
pub(super) fn of(scenario: &Scenario, loops: Loop, trials: &[Trial]) -> Row {
    let mut row = conditions(scenario, loops);
    let mut all = Window::default();
    for trial in trials {
        let spans: Vec<_> = trial.injected.iter().map(|fault| (fault.begin, fault.back)).collect();
        let during = trial.measured.touching(&spans);
        window(&mut row, &during, str::to_owned);
        window(&mut row, &trial.measured.inside(&[trial.calm]), undisturbed);
        all.add(&during);
        unavailable(&mut row, trial);
        outcomes(&mut row, trial);
        traffic(&mut row, trial);
        usage(&mut row, trial);
        row.notes.extend(trial.notes.iter().cloned());
    }
    row.curve = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0]
        .iter()
        .filter_map(|share| Some((*share, all.quantile_ms(*share)?)))
        .collect();
    if let Some(last) = trials.last() {
        row.series = last.measured.answered_per_second().into_iter().map(float).collect();
        row.faults = last.injected.iter().map(span).collect();
    }
    row
}

fn conditions(scenario: &Scenario, loops: Loop) -> Row {
    let plan = trial::plan(loops);
    let mut row = Row {
        group: GROUP.to_owned(),
        what: format!("{}, {}", scenario.what, name(loops)),
        subject: format!("raft-register {}", env!("CARGO_PKG_VERSION")),
        durability: "fsync".to_owned(),
        tls: "mutual TLS".to_owned(),
        client: "same machine, loopback".to_owned(),
        ..Row::default()
    };
    let value_bytes = u64::try_from(plan.value_bytes).unwrap_or(u64::MAX);
    for (name, value) in
        [("nodes", 3), ("keys", plan.keys), ("payload", value_bytes), ("clients", plan.clients)]
    {
        row.parameters.insert(name.to_owned(), float(value));
    }
    let what = "40 % get, 30 % put, 25 % compare-and-set, 5 % delete";
    row.notes.push(match loops {
        Loop::Open => {
            row.parameters.insert("operations per second".to_owned(), float(plan.rate));
            format!("open loop: {what}; latency from the intended start")
        }
        Loop::Closed => format!("closed loop: {what}; each client has one operation under way"),
    });
    let patience = attempt_timeout(scenario).as_millis();
    row.notes.push(format!("a client suspects a node after {patience} ms of silence"));
    row.notes.push(
        "during: of operations under way between a fault's begin and the last node's return, and answered; \
         unavailable: the longest time without an acknowledged write from each fault's begin until it is healed"
            .to_owned(),
    );
    if scenario.disks {
        row.notes.push("each node on an ext4 of its own, on a loop device, undisturbed too".to_owned());
    }
    if let Deed::Snapshot(bytes) = scenario.deed {
        row.parameters.insert("state".to_owned(), float(bytes));
    }
    row.notes.extend(scenario.notes.iter().map(|note| (*note).to_owned()));
    row
}

/// Throughput and latencies under these names.
pub(in crate::suite) fn window(row: &mut Row, window: &Window, name: impl Fn(&str) -> String) {
    if let Some(rate) = window.rate() {
        row.sample(&name(figures::RATE), "/s", Better::Higher, rate);
    }
    for (figure, share) in
        [(figures::P50, 0.5), (figures::P90, 0.9), (figures::P99, 0.99), (figures::P999, 0.999)]
    {
        if let Some(latency) = window.quantile_ms(share) {
            row.sample(&name(figure), "ms", Better::Lower, latency);
        }
    }
}

/// A sample per fault, of all rounds; and of the whole undisturbed time one per round, to compare with.
fn unavailable(row: &mut Row, trial: &Trial) {
    for fault in &trial.injected {
        // A node that was asked to end is back so soon that its return is a part of it.
        let until = if fault.what.starts_with("restart") { fault.back } else { fault.end };
        let gap = |until| ms(trial.measured.longest_gap(fault.begin, until));
        row.sample(figures::UNAVAILABLE, "ms", Better::Lower, gap(until));
        row.sample("unavailable until all are back", "ms", Better::Lower, gap(fault.back));
    }
    let (from, to) = trial.calm;
    let gap = trial.measured.gap_within(from, to);
    row.sample(&undisturbed(figures::UNAVAILABLE), "ms", Better::Lower, ms(gap));
}

fn outcomes(row: &mut Row, trial: &Trial) {
    let measured = &trial.measured;
    let counts = [
        ("answered", measured.sum(KindMeasure::answered)),
        ("not applied", measured.sum(|kind| kind.not_applied)),
        ("unknown", measured.sum(|kind| kind.unknown)),
        ("elections", trial.traffic.elections_won),
    ];
    for (name, count) in counts {
        row.sample(name, "", Better::Neither, float(count));
    }
}

/// Of the whole run. What a killed node had counted since it was last asked is missing.
fn traffic(row: &mut Row, trial: &Trial) {
    let traffic = &trial.traffic;
    let per_commit = |count: u64| float(count) / float(traffic.commits.max(1));
    let sums = [
        (figures::RPCS, traffic.rpcs()),
        (figures::BYTES, traffic.wire_bytes),
        (figures::SYNCS, traffic.syncs),
    ];
    for (name, count) in sums {
        row.sample(name, "per commit", Better::Lower, per_commit(count));
    }
    for kind in traffic.kinds.iter().filter(|kind| kind.frames > 0) {
        let what = if kind.request { figures::RPCS } else { "replies" };
        row.sample(&format!("{what} {}", kind.kind), "per commit", Better::Neither, per_commit(kind.frames));
        row.sample(
            &format!("{} {}", figures::BYTES, kind.kind),
            "per commit",
            Better::Neither,
            per_commit(kind.bytes),
        );
    }
}

fn usage(row: &mut Row, trial: &Trial) {
    if let Some(bytes) = trial.resident {
        row.sample(figures::RSS, "MiB", Better::Lower, float(bytes) / float(1 << 20));
    }
    let answered = trial.measured.sum(KindMeasure::answered);
    if let Some(processor) = trial.processor {
        let each = processor.as_secs_f64() * 1e6 / float(answered.max(1));
        row.sample(figures::CPU_NODES, "µs", Better::Lower, each);
    }
}

fn span(fault: &crate::nemesis::Injected) -> FaultSpan {
    let seconds = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
    FaultSpan { what: fault.what.clone(), from: seconds(fault.begin), to: seconds(fault.end) }
}

fn ms(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "counts for people")]
fn float(count: u64) -> f64 {
    count as f64
}
