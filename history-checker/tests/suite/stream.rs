//! The checker that forgets: against the referee, against the one that has the whole history, and what it keeps.
//! `CHECKER_HISTORIES` sets how many small histories are tried (default 40 000).

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::stream::{Checker, StreamReport};
use history_checker::{Budget, FailedCas, History, ModelKind, Options, Summary, Value, check};

use crate::generator::{Shape, generate};
use crate::referee;
use crate::script::script;

fn text(history: &History) -> String {
    let mut lines = Vec::new();
    jsonl::write_history(&mut lines, history).unwrap();
    String::from_utf8(lines).unwrap()
}

fn stream(history: &History, initial: &Value, failed_cas: FailedCas) -> StreamReport {
    let mut checker = Checker::new(initial.clone(), failed_cas);
    let mut found = 0;
    for (text, line) in text(history).lines().zip(1..) {
        let event = jsonl::parse(text.as_bytes()).unwrap();
        found += usize::from(checker.observe(line, event).unwrap().is_some());
    }
    let report = checker.report();
    assert_eq!(found, report.violations.len(), "each is told once");
    report
}

#[test]
fn what_it_decides_is_what_every_order_tried_decides() {
    let histories = std::env::var("CHECKER_HISTORIES").map_or(40_000, |count| count.parse().unwrap());
    let (mut good, mut bad) = (0, 0);
    for seed in 0..histories {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng);
        let history = generate(&shape, &mut rng);
        let failed_cas = if rng.bool() { FailedCas::Drop } else { FailedCas::Observe };
        let report = stream(&history, &shape.initial, failed_cas);
        let options = Options { initial: shape.initial.clone(), failed_cas, ..Options::default() };
        if seed % 16 == 0 {
            let whole = check(&history, ModelKind::CasRegister, &options).unwrap();
            assert_eq!(report.counts, whole.counts(), "seed {seed}");
        }
        let truth = || referee::is_linearizable(&history, &shape.initial, failed_cas);
        let context = || format!("seed {seed}, {shape:?}\n{report:?}\n{}", text(&history));
        if !report.violations.is_empty() {
            assert!(!truth(), "{}", context());
            bad += 1;
        } else if report.undecided.is_empty() {
            assert!(truth(), "{}", context());
            good += 1;
        }
    }
    assert!(good * 4 > histories && bad * 8 > histories, "{good} good, {bad} bad");
}

#[test]
fn it_agrees_with_the_whole_history_on_larger_ones() {
    let mut tally = [0; 3];
    for seed in 0..1_000 {
        let mut rng = Rng::with_seed(seed);
        let operations = rng.usize(20..300);
        let shape = Shape {
            cas: rng.u32(..40),
            lost: rng.u32(..20),
            refused: rng.u32(..10),
            corrupted: rng.u32(..2),
            values: rng.bool().then(|| rng.i64(5..50)),
            writes: 40,
            ..Shape::plain(rng.usize(2..10), operations)
        };
        let history = generate(&shape, &mut rng);
        let report = stream(&history, &Value::Null, FailedCas::Drop);
        // Most are decided by zones; of the others some are too hard for a test.
        let budget = Budget { configurations: 5_000, ..Budget::default() };
        let options = Options { budget, ..Options::default() };
        let whole = check(&history, ModelKind::CasRegister, &options).unwrap().summary();
        let streamed = match (report.violations.is_empty(), report.undecided.is_empty()) {
            (false, _) => Summary::NotLinearizable,
            (true, true) => Summary::Linearizable,
            (true, false) => Summary::Unknown,
        };
        assert!(
            streamed == Summary::Unknown || streamed == whole,
            "seed {seed}: {report:?}\n{}",
            text(&history)
        );
        tally[streamed as usize] += 1;
    }
    assert!(tally.iter().all(|count| *count >= 100), "{tally:?}");
}

/// Clients that never stop, and whose operations all end: a write of unknown outcome would stay.
#[test]
fn what_it_remembers_does_not_grow_with_the_history() {
    let remembered = |operations| {
        let shape = Shape { cas: 30, writes: 30, lost: 0, ..Shape::plain(8, operations) };
        let report = stream(&generate(&shape, &mut Rng::with_seed(1)), &Value::Null, FailedCas::Drop);
        assert_eq!((report.violations.len(), report.undecided.len()), (0, 0));
        report.most_remembered
    };
    let (short, long) = (remembered(2_000), remembered(40_000));
    assert!(long <= short.max(64) * 2, "{short} and {long}");
}

#[test]
fn a_violation_is_told_at_the_line_that_makes_it_certain() {
    let history = script(
        "0 invoke write 1\n 0 ok write\n 1 invoke write 2\n 1 ok write\n 2 invoke read\n 2 ok read 1\n 0 invoke read\n 0 ok read 1",
    );
    let report = stream(&history, &Value::Null, FailedCas::Drop);
    let [violation] = &report.violations[..] else { panic!("{report:?}") };
    assert_eq!(violation.line, 6);
    assert_eq!(
        violation.sentence,
        "process 2's read that saw 1 (lines 5–6) was invoked after process 1's write of 2 (lines 3–4) was over; \
         but process 1's write of 2 (lines 3–4) was invoked after process 0's write of 1 (lines 1–2) was over."
    );
}

#[test]
fn an_operation_that_is_no_registers_is_refused() {
    let mut checker = Checker::default();
    let event = jsonl::parse(br#"{"process":0,"kind":"invoke","op":"dequeue","time":1}"#).unwrap();
    let error = checker.observe(1, event).unwrap_err();
    assert_eq!(error.to_string(), "a dequeue is no operation of a register");
}

#[test]
fn operations_are_counted_however_they_end_and_whatever_came_of_their_key() {
    let history = script(
        "0 invoke write 1\n 0 ok write\n 1 invoke write 2\n 1 fail write\n 2 invoke write 3\n 2 info write\n \
         3 invoke read\n 4 invoke read\n 4 ok read 9\n 5 invoke write 4",
    );
    let report = stream(&history, &Value::Null, FailedCas::Drop);
    assert_eq!(report.violations.len(), 1);
    let whole = check(&history, ModelKind::Register, &Options::default()).unwrap();
    assert_eq!(report.counts, whole.counts());
    assert_eq!((report.counts.completed, report.counts.not_applied, report.counts.open), (2, 1, 3));
    assert!(
        report.to_string().starts_with("NOT linearizable: 6 operations (3 open, 1 failed), "),
        "{report}"
    );
}

#[test]
fn an_answer_that_is_no_registers_is_refused_and_counts_for_nothing() {
    let mut checker = Checker::default();
    let mut observe = |line, text: &str| {
        let event = jsonl::parse(text.as_bytes()).unwrap();
        checker.observe(line, event).map(Option::<&_>::cloned)
    };
    observe(1, r#"{"process":0,"kind":"invoke","op":"read","time":1}"#).unwrap();
    let error = observe(2, r#"{"process":0,"kind":"ok","op":"read","value":[1],"time":2}"#).unwrap_err();
    assert_eq!(error.to_string(), "a read that saw several elements is no operation of a register");
    let stale = observe(3, r#"{"process":0,"kind":"ok","op":"read","value":1,"time":3}"#).unwrap();
    assert!(stale.is_some(), "the read is still open");
}
