//! Limits far above what is needed, so that only a wrong complexity crosses them, on any machine and without
//! optimisation. `--nocapture` shows the times.

use std::time::{Duration, Instant};

use fastrand::Rng;
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

fn timed(name: &str, history: &History, method: Method, linearizable: bool, limit: Duration) {
    let start = Instant::now();
    let report = check(history, ModelKind::CasRegister, &Options { method, ..Options::default() }).unwrap();
    let took = start.elapsed();
    println!("{name}: {took:?}");
    assert_eq!(report.is_linearizable(), linearizable, "{name}: {report}");
    assert!(took < limit, "{name}: {took:?}");
}

#[test]
fn large_histories_take_no_time_to_speak_of() {
    let second = Duration::from_secs(1);
    timed("10k, 10 open, stale read", &history(10_000, 10, true), Method::Auto, false, second);
    timed("10k, 30 open, good", &history(10_000, 30, false), Method::Auto, true, second);
    timed("100k, good", &history(100_000, 0, false), Method::Auto, true, 5 * second);
    timed("10k, good, by search", &history(10_000, 0, false), Method::SearchOnly, true, 5 * second);
    timed("10k, 10 open, good, by search", &history(10_000, 10, false), Method::SearchOnly, true, 5 * second);
}
