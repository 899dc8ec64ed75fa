//! A model of the caller's goes the way of the shipped ones: by key, with a core that is certified, and with a page.

use history_checker::models::{Counter, CounterOp};
use history_checker::{
    Action, Answer, Budget, ModelKind, Operation, Options, Outcome, Summary, Verdict, check, check_model,
    page,
};

use crate::script::script;

/// What the shipped counter makes of an operation.
fn op(operation: &Operation) -> Option<CounterOp> {
    let number = |value: &history_checker::Value| value.to_string().parse().unwrap();
    match (&operation.action, &operation.outcome) {
        (Action::Add(amount), _) => Some(CounterOp::Add(number(amount))),
        (_, Outcome::Ok { answer: Answer::Read(value), .. }) => Some(CounterOp::Observe(number(value))),
        _ => None,
    }
}

const WRONG: &str = "0 invoke add 2\n 0 ok add\n 1 invoke add 5\n 1 fail add\n 2 invoke add 3\n 3 invoke read\n \
                     3 ok read 4\n 4 invoke read";

#[test]
fn it_reports_what_the_shipped_model_reports() {
    let history = script(WRONG);
    let own = check_model(&history, &Counter { initial: 0 }, &Options::default(), op);
    let shipped = check(&history, ModelKind::Counter, &Options::default()).unwrap();
    assert_eq!(own.keys, shipped.keys);
    let (key, violation) = own.violations().next().unwrap();
    assert_eq!((key.counts.completed, key.counts.open, key.counts.not_applied), (2, 2, 1));
    assert_eq!(
        violation.sentence,
        "process 3's read that saw 4 (lines 6–7) fits nowhere: \
         every order that explains what returned before it leaves 2 or 5."
    );
    assert!(page::html(&history, &own, "own").contains("model of its own"));
}

#[test]
fn keys_are_judged_apart() {
    let key = |name: &str, line: &str| format!("{line} \"key\":\"{name}\"");
    let lines = [
        key("a", "0 invoke add 1"),
        key("a", "0 ok add 1"),
        key("b", "0 invoke read null"),
        key("b", "0 ok read 1"),
        key("a", "0 invoke read null"),
        key("a", "0 ok read 1"),
    ];
    let report = check_model(&script(&lines.join("\n")), &Counter { initial: 0 }, &Options::default(), op);
    let summaries: Vec<Summary> = report.keys.iter().map(|key| key.verdict.summary()).collect();
    assert_eq!(summaries, [Summary::Linearizable, Summary::NotLinearizable]);
}

/// Concurrent adds of different amounts, and a read of a sum that takes a while to find.
fn puzzle(key: &str, first_process: usize) -> String {
    let line = |(n, what): (usize, String)| format!("{} {what} \"key\":\"{key}\"\n", first_process + n);
    let adds = (0..14).map(|n| (n, format!("invoke add {}", 1 << n)));
    let read = [(14, "invoke read null".to_owned()), (14, "ok read 10101".to_owned())];
    adds.chain(read).map(line).collect()
}

fn decided(text: &str, bytes: u64) -> Vec<bool> {
    let options = Options { budget: Budget { bytes, ..Budget::default() }, ..Options::default() };
    let report = check(&script(text), ModelKind::Counter, &options).unwrap();
    report.keys.iter().map(|key| !matches!(key.verdict, Verdict::Unknown(_))).collect()
}

#[test]
fn a_key_that_needs_all_of_the_memory_gets_it() {
    let enough =
        (10..31).map(|power| 1 << power).find(|&bytes| decided(&puzzle("a", 0), bytes) == [true]).unwrap();
    assert_eq!(decided(&puzzle("a", 0), enough / 2), [false], "a half does not suffice");
    let two = puzzle("a", 0) + &puzzle("b", 20);
    assert_eq!(decided(&two, enough), [true, true]);
    assert_eq!(decided(&two, enough / 2), [false, false]);
}
