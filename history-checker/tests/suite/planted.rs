//! The failures that a replicated register shows when consensus is broken, planted into long correct runs.

use fastrand::Rng;
use history_checker::{Method, ModelKind, Options, Process, Recorder, Value, check};

use crate::generator::{Shape, World};

/// Values that the run before does not use.
const A: i64 = 1_000_001;
const B: i64 = 1_000_002;
const C: i64 = 1_000_003;

/// Runs correct clients, then `plant`, then correct reads of `last`; and expects the plant to be found, and not to be
/// found in the run alone.
fn planted(shape: &Shape, method: Method, last: i64, plant: impl Fn(&Recorder)) {
    for seed in 0..20 {
        let mut rng = Rng::with_seed(seed);
        let recorder = Recorder::in_memory();
        World::new(shape, &mut rng, &recorder).run();
        let options = Options { method, ..Options::default() };
        let before = check(&recorder.history(), ModelKind::CasRegister, &options).unwrap();
        assert!(before.is_linearizable(), "seed {seed}: {before}");

        plant(&recorder);
        let mut reader = recorder.process();
        for _ in 0..20 {
            reader = read(reader, last);
        }
        let report = check(&recorder.history(), ModelKind::CasRegister, &options).unwrap();
        let (_, violation) = report.violations().next().unwrap_or_else(|| panic!("seed {seed}: {report}"));
        let first_planted = before.counts().completed + before.counts().open + before.counts().not_applied;
        assert!(
            violation.operations.iter().any(|&operation| operation >= first_planted),
            "seed {seed}: {report}"
        );
    }
}

/// With each engine: unique values and lost answers for zones, the same without lost ones for the search.
fn found_by_both_engines(last: i64, plant: impl Fn(&Recorder)) {
    let shape = Shape { lost: 10, cas: 20, ..Shape::plain(6, 1_000) };
    planted(&shape, Method::Auto, last, &plant);
    planted(&Shape { lost: 0, ..shape.clone() }, Method::SearchOnly, last, &plant);
    planted(&Shape { lost: 0, values: Some(5), ..shape }, Method::Auto, last, &plant);
}

fn write(process: Process, value: i64) -> Process {
    process.write(None, Value::from(value), 0).ok(0)
}

fn read(process: Process, value: i64) -> Process {
    process.read(None, 0).ok(Value::from(value), 0)
}

#[test]
fn a_stale_read() {
    found_by_both_engines(B, |recorder| {
        let client = write(write(recorder.process(), A), B);
        let _idle = read(client, A);
    });
}

#[test]
fn a_lost_update() {
    found_by_both_engines(C, |recorder| {
        let (one, other) = (write(recorder.process(), A), recorder.process());
        let first = one.cas(None, Value::from(A), Value::from(B), 0);
        let second = other.cas(None, Value::from(A), Value::from(C), 0);
        let _idle = (first.swapped(0), second.swapped(0));
    });
}

/// Each side serves its own value.
#[test]
fn a_split_brain() {
    found_by_both_engines(B, |recorder| {
        let (left, right) =
            (recorder.process().write(None, A.into(), 0), recorder.process().write(None, B.into(), 0));
        let (left, right) = (read(left.ok(0), A), read(right.ok(0), B));
        let _idle = (read(left, A), read(right, B));
    });
}

/// Two replicas apply two concurrent writes in different orders.
#[test]
fn a_reordered_commit() {
    found_by_both_engines(B, |recorder| {
        let (one, other) =
            (recorder.process().write(None, A.into(), 0), recorder.process().write(None, B.into(), 0));
        let (left, right) = (recorder.process().read(None, 0), recorder.process().read(None, 0));
        let (left, right) = (left.ok(A.into(), 0), right.ok(B.into(), 0));
        let (left, right) = (left.read(None, 0), right.read(None, 0));
        let _idle = (left.ok(B.into(), 0), right.ok(A.into(), 0), one.ok(0), other.ok(0));
    });
}
