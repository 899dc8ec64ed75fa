//! What is said at once, what only the checker can say, and in which words.

use super::*;

const SAW_5: Ended = Ended::Saw(Some(Seen { value: 5, version: 2 }));

/// Each operation, begun and ended before the next, or left open by `None`; then the complaint.
fn complaint(told: &[(u8, Action, Option<Ended>)]) -> String {
    record(told).check().expect_err("no complaint")
}

fn record(told: &[(u8, Action, Option<Ended>)]) -> RegisterHistory {
    let mut history = RegisterHistory::default();
    for (at, (key, action, end)) in (1..).map(Timestamp::from_millis).zip(told) {
        let operation = history.begin(at, 0, *key, *action);
        if let Some(end) = end {
            history.end(at, operation, *end);
        }
    }
    history
}

#[test]
fn a_version_that_goes_back_is_named_at_once() {
    let (old, new) = (Action::Write(Some(5)), Action::Write(Some(6)));
    let acknowledged = [
        (0, old, Some(Ended::Written(2))),
        (0, new, Some(Ended::Written(3))),
        (0, Action::Read, Some(SAW_5)),
    ];
    let expected = "client 0's read (process 2, key k0) was told version 2, \
                    but version 3 had been told before it began";
    assert_eq!(complaint(&acknowledged), expected);

    let same = [(0, old, Some(Ended::Written(2))), (0, new, Some(Ended::Written(2)))];
    assert!(complaint(&same).contains("write of 6"));
    let gone = [
        (0, old, Some(Ended::Written(2))),
        (0, new, Some(Ended::Written(3))),
        (0, Action::Write(None), Some(Ended::Deleted(Some(2)))),
    ];
    assert!(complaint(&gone).contains("delete"));
}

#[test]
fn concurrent_reads_may_be_told_versions_in_any_order() {
    let (at, write) = (Timestamp::from_millis(1), |value| Action::Write(Some(value)));
    let mut history = record(&[(0, write(5), Some(Ended::Written(2))), (0, write(6), None)]);
    let (one, other) = (history.begin(at, 1, 0, Action::Read), history.begin(at, 2, 0, Action::Read));
    history.end(at, one, Ended::Saw(Some(Seen { value: 6, version: 3 })));
    history.end(at, other, SAW_5);
    assert_eq!(history.check(), Ok(()));
    assert!(history.judge().is_ok());
    let later = history.begin(at, 2, 0, Action::Read);
    history.end(at, later, SAW_5);
    assert!(history.check().is_err());
}

#[test]
fn a_value_with_two_versions_took_effect_twice() {
    let again = Ended::Saw(Some(Seen { value: 5, version: 3 }));
    let told = [(0, Action::Write(Some(5)), Some(Ended::Written(2))), (0, Action::Read, Some(again))];
    assert!(complaint(&told).ends_with("client 0's write of 5 (process 0, key k0) took effect twice"));
}

#[test]
fn what_was_not_applied_is_never_seen_before_or_after() {
    let write = Action::Write(Some(5));
    let after = [(0, write, Some(Ended::NotApplied)), (0, Action::Read, Some(SAW_5))];
    assert!(complaint(&after).contains("was told that it was not applied"));

    let mut before = record(&[(0, write, None), (0, Action::Read, Some(SAW_5))]);
    assert_eq!(before.check(), Ok(()));
    before.end(Timestamp::from_millis(9), 0, Ended::NotApplied);
    assert!(before.check().is_err_and(|why| why.contains("was seen before as version 2")));
}

#[test]
fn a_value_comes_from_a_write_of_its_key() {
    let read = (0, Action::Read, Some(SAW_5));
    assert!(complaint(&[read]).contains("saw 5, which nobody wrote"));
    assert!(complaint(&[(1, Action::Write(Some(5)), None), read]).contains("saw the value of"));
}

/// No version, value or refusal is wrong here: only the order is.
#[test]
fn what_cannot_be_said_at_once_the_checker_says() {
    let told =
        [(0, Action::Write(Some(5)), Some(Ended::Written(2))), (0, Action::Read, Some(Ended::Saw(None)))];
    let history = record(&told);
    assert_eq!(history.check(), Ok(()));
    let why = history.judge().expect_err("a read of what is no longer there");
    println!("{why}");
    assert!(why.contains("NOT linearizable") && why.contains("operations prove it"), "{why}");
    let sentence = "process 1's read that saw null";
    assert!(why.contains(sentence), "{why}");
}

#[test]
fn every_kind_of_answer_reaches_the_checker() {
    let cas = |from, to| Action::Cas { from, to };
    let told = [
        (0, cas(None, 5), Some(Ended::Written(2))),
        (0, cas(None, 6), Some(SAW_5)),
        (0, cas(Some(5), 7), Some(Ended::NotApplied)),
        (0, Action::Read, Some(SAW_5)),
        (1, Action::Write(Some(8)), Some(Ended::Unknown)),
        (1, Action::Write(Some(9)), None),
        (0, Action::Write(None), Some(Ended::Deleted(Some(2)))),
        (0, Action::Read, Some(Ended::Saw(None))),
        (0, Action::Read, Some(Ended::NotApplied)),
    ];
    let summary = Summary { done: 5, not_applied: 2, unknown: 2 };
    assert_eq!(record(&told).judge(), Ok(summary));
}
