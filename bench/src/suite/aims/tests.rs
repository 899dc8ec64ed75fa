//! Tests of the table of aims.

use super::*;
use crate::suite::figure::Better;

fn row(what: &str, subject: &str, clients: f64, rates: &[f64]) -> Row {
    let mut row =
        Row { group: "service".into(), what: what.into(), subject: subject.into(), ..Row::default() };
    row.parameters.insert("clients".into(), clients);
    rates.iter().for_each(|rate| row.sample(figures::RATE, "/s", Better::Higher, *rate));
    row
}

fn judged(rows: Vec<Row>) -> Vec<Line> {
    judge(&Results { rows, ..Results::default() })
}

fn line<'a>(lines: &'a [Line], row: &str, aim: &str) -> &'a Line {
    lines.iter().find(|line| line.row == row && line.aim == aim).unwrap()
}

#[test]
fn without_rows_nothing_was_measured() {
    let lines = judged(Vec::new());
    assert!(lines.len() > AIMS.len());
    assert!(lines.iter().all(|line| line.verdict == Verdict::NotMeasured && line.figure == "not measured"));
}

#[test]
fn ratios_are_to_the_best_peer_and_to_the_bare_pipeline() {
    let rows = vec![
        row("put", "raft-register 0.1.0", 256.0, &[120_000.0, 130_000.0]),
        row("put", "etcd 3.4", 256.0, &[10_000.0, 10_000.0]),
        row("put", "slower", 256.0, &[1.0, 1.0]),
        row("put", "bare pipeline", 256.0, &[240_000.0, 250_000.0]),
        row("put", "raft-register 0.1.0", 1000.0, &[1.0]),
    ];
    let lines = judged(rows);
    let of = |aim| line(&lines, "service, put, clients 256", aim);
    let peer = of("rate ≥ 12 × the best peer");
    assert_eq!(
        (peer.verdict, peer.to_peer.as_str()),
        (Verdict::Reached, "12.50 × (12.00 to 13.00) (etcd 3.4)")
    );
    let limit = of("rate ≥ 0.6 × the bare pipeline");
    assert_eq!((limit.verdict, limit.figure.as_str()), (Verdict::NotReached, "125 k /s"));
    let alone = line(&lines, "service, put, clients 1000", "rate ≥ 16 × the best peer");
    assert_eq!((alone.verdict, alone.figure.as_str()), (Verdict::NotMeasured, "1.00 /s"));
}

#[test]
fn a_percentile_needs_samples_beyond_it() {
    let kills = |count: usize| {
        let mut row = Row {
            group: "faults".into(),
            what: "kill the leader, closed loop".into(),
            subject: "raft-register".into(),
            ..Row::default()
        };
        (0..count).for_each(|_| row.sample(figures::UNAVAILABLE, "ms", Better::Lower, 300.0));
        row
    };
    let of = |count| {
        let lines = judged(vec![kills(count)]);
        let of = |aim| line(&lines, "faults, kill the leader, closed loop", aim).clone();
        (of("unavailable p50 ≤ 350"), of("unavailable p99 ≤ 700"))
    };
    let (half, most) = of(20);
    assert_eq!((half.verdict, half.figure.as_str()), (Verdict::Reached, "300 ms"));
    assert_eq!((most.verdict, most.figure.as_str()), (Verdict::NotMeasured, "20 of 200 samples"));
    assert_eq!(of(200).1.verdict, Verdict::Reached);
}

#[test]
fn what_a_fault_did_is_told_as_a_multiple_of_before() {
    let mut row = Row {
        group: "faults".into(),
        what: "slow a follower, closed loop".into(),
        subject: "raft-register".into(),
        ..Row::default()
    };
    row.sample(figures::P99, "ms", Better::Lower, 5.0);
    row.sample(&undisturbed(figures::P99), "ms", Better::Lower, 2.0);
    let lines = judged(vec![row]);
    let slow = line(&lines, "faults, slow a follower, closed loop", "p99 ≤ 2 × undisturbed");
    assert_eq!((slow.verdict, slow.figure.as_str()), (Verdict::NotReached, "2.50 ×"));
}

#[test]
fn numbers_have_three_digits() {
    let said = [3e6, 12_345.0, 0.271, 9.0, 350.0, 1.2e9].map(number);
    assert_eq!(said, ["3.00 M", "12.3 k", "0.27", "9.00", "350", "1.20 G"]);
}
