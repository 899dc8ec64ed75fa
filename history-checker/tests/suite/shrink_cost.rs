//! What shrinking large histories costs, counted in the size of what comes out and in what confirms it.

use fastrand::Rng;
use history_checker::{Certifier, History, Method, ModelKind, Options, Recorder, Value, check};

use crate::generator::{Shape, World};

/// A correct run with a stale read at its end.
fn history(shape: &Shape) -> History {
    let recorder = Recorder::in_memory();
    World::new(shape, &mut Rng::with_seed(7), &recorder).run();
    let client = recorder.process().write(None, Value::from("old"), 0).ok(0);
    let client = client.write(None, Value::from("new"), 0).ok(0);
    let _idle = client.read(None, 0).ok(Value::from("old"), 0);
    recorder.history()
}

/// How many operations the core of a history has.
fn core(history: &History, method: Method) -> (usize, Certifier) {
    let options = Options { method, ..Options::default() };
    let report = check(history, ModelKind::CasRegister, &options).unwrap();
    let (_, violation) = report.violations().next().unwrap_or_else(|| panic!("{report}"));
    (violation.core.operations.len(), violation.core.certified)
}

#[test]
fn a_few_of_many_operations_remain() {
    let operations = std::env::var("CHECKER_OPERATIONS").map_or(20_000, |count| count.parse().unwrap());
    let unique = history(&Shape::plain(10, operations));
    for method in [Method::Auto, Method::SearchOnly] {
        assert_eq!(core(&unique, method), (3, Certifier::BruteForce), "{method:?}");
    }
    let few = Shape { values: Some(5), cas: 20, ..Shape::plain(10, operations) };
    assert_eq!(core(&history(&few), Method::Auto), (3, Certifier::BruteForce));
}
