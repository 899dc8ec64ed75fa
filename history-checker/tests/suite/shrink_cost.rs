//! What shrinking large histories costs, counted in the size of what comes out and in what confirms it.

use fastrand::Rng;
use history_checker::{Certifier, Core, History, Method, ModelKind, Options, Recorder, Value, check};

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
    let operations = std::env::var("CHECKER_OPERATIONS").map_or(1_000, |count| count.parse().unwrap());
    let unique = history(&Shape::plain(10, operations));
    for method in [Method::Auto, Method::SearchOnly] {
        assert_eq!(core(&unique, method), (3, Certifier::BruteForce), "{method:?}");
    }
    let few = Shape { values: Some(5), cas: 20, ..Shape::plain(10, operations) };
    assert_eq!(core(&history(&few), Method::Auto), (3, Certifier::BruteForce));
}

/// A chain of CAS is its own proof and cannot be cut in the middle: the effort ends, and so does the test.
#[test]
fn what_cannot_shrink_is_left_as_it_is() {
    let operations = std::env::var("CHECKER_OPERATIONS").map_or(1_000, |count| count.parse().unwrap());
    let recorder = Recorder::in_memory();
    let (mut swapper, mut last) = (recorder.process(), Value::Null);
    for number in 0..operations {
        let next = Value::from(number as u64);
        swapper = swapper.cas(None, last, next.clone(), 0).swapped(0);
        last = next;
    }
    let _idle = recorder.process().read(None, 0).ok(Value::Null, 0);
    let history = recorder.history();
    // Null is what the first one replaced, and the initial value.
    assert_eq!(core(&history, Method::Auto), (2, Certifier::BruteForce));

    let _idle = recorder.process().read(None, 0).ok(Value::from(operations as u64 - 2), 0);
    let (few, _) = core(&late(&recorder.history()), Method::Auto);
    assert_eq!(few, operations + 1);
}

/// Without the first stale read.
fn late(history: &History) -> History {
    let all = history.operations().len();
    let kept = (0..all).filter(|&index| index != all - 2).collect();
    let certified = Certifier::SameEngine;
    Core { operations: kept, unanswered: Vec::new(), since: None, certified }.history(history)
}
