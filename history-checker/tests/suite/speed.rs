//! The work that large histories cost, counted and not timed.

use fastrand::Rng;
use history_checker::report::Engine;
use history_checker::{History, Method, ModelKind, Options, Recorder, Value, check};

use crate::generator::{Shape, World};

/// Ten clients, half reads, unique values; before them `open` writes that nobody answered.
fn history(operations: usize, open: usize, stale: bool) -> History {
    let recorder = Recorder::in_memory();
    for number in 0..open {
        recorder.process().write(None, Value::from(format!("open {number}")), 0).unknown(0);
    }
    World::new(&Shape::plain(10, operations), &mut Rng::with_seed(7), &recorder).run();
    if stale {
        let client = recorder.process().write(None, Value::from("old"), 0).ok(0);
        let client = client.write(None, Value::from("new"), 0).ok(0);
        let _idle = client.read(None, 0).ok(Value::from("old"), 0);
    }
    recorder.history()
}

/// Configurations that the search may try per operation; more would be a wrong complexity.
const PER_OPERATION: u64 = 64;

fn decided(name: &str, history: &History, method: Method, linearizable: bool) {
    let report = check(history, ModelKind::CasRegister, &Options { method, ..Options::default() }).unwrap();
    assert_eq!(report.is_linearizable(), linearizable, "{name}: {report}");
    for key in &report.keys {
        match (&key.engine, method) {
            (Engine::Zones, Method::Auto) => {}
            (Engine::Search { configurations, .. }, Method::SearchOnly) => {
                let limit = PER_OPERATION * history.operations().len() as u64;
                assert!(*configurations < limit, "{name}: {configurations} configurations");
            }
            (engine, _) => panic!("{name}: decided by {engine:?}"),
        }
    }
}

#[test]
fn large_histories_cost_no_more_than_their_length() {
    decided("10k, 10 open, stale read", &history(10_000, 10, true), Method::Auto, false);
    decided("10k, 30 open, good", &history(10_000, 30, false), Method::Auto, true);
    decided("100k, good", &history(100_000, 0, false), Method::Auto, true);
    decided("10k, good, by search", &history(10_000, 0, false), Method::SearchOnly, true);
    decided("10k, 10 open, good, by search", &history(10_000, 10, false), Method::SearchOnly, true);
}
