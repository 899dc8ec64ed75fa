//! Counters, sets and queues: what they allow, what they do not, and what is said of it.

use history_checker::{CheckError, ModelKind, Options, Report, Summary, Value, check};

use crate::script::script;

fn report(model: ModelKind, text: &str) -> Report {
    check(&script(text), model, &Options::default()).unwrap()
}

fn assert_verdict(model: ModelKind, text: &str, linearizable: bool) {
    let report = report(model, text);
    let expected = if linearizable { Summary::Linearizable } else { Summary::NotLinearizable };
    assert_eq!(report.summary(), expected, "{text}\n{report}");
}

#[test]
fn a_counter_counts_every_completed_add_and_any_open_ones() {
    let adds = "0 invoke add 2\n 0 ok add\n 1 invoke add 3\n 2 invoke add 4\n";
    for (read, fits) in [(2, true), (5, true), (6, true), (9, true), (0, false), (3, false), (7, false)] {
        assert_verdict(ModelKind::Counter, &format!("{adds} 3 invoke read\n 3 ok read {read}"), fits);
    }
}

#[test]
fn a_set_holds_what_was_added_and_not_removed() {
    let past = "0 invoke add 1\n 0 ok add\n 0 invoke add 2\n 0 ok add\n 0 invoke remove 1\n 0 ok remove\n 1 invoke add 3\n";
    for (read, fits) in [("[2]", true), ("[3,2]", true), ("[1,2]", false), ("[]", false), ("null", false)] {
        assert_verdict(ModelKind::Set, &format!("{past} 2 invoke read\n 2 ok read {read}"), fits);
    }
}

#[test]
fn a_queue_gives_in_the_order_that_it_got() {
    let past = "0 invoke enqueue 1\n 0 ok enqueue\n 0 invoke enqueue 2\n 0 ok enqueue\n";
    let take = |process, value| format!("{process} invoke dequeue\n {process} ok dequeue {value}\n");
    for (first, second, fits) in
        [("1", "2", true), ("2", "1", false), ("1", "null", false), ("1", "1", false)]
    {
        assert_verdict(ModelKind::Queue, &format!("{past}{}{}", take(1, first), take(2, second)), fits);
    }
    // A dequeue that nobody answered may have taken the first.
    assert_verdict(ModelKind::Queue, &format!("{past} 1 invoke dequeue\n {}", take(2, "2")), true);
    assert_verdict(
        ModelKind::Queue,
        &format!("{past} 1 invoke dequeue\n {}{}", take(2, "2"), take(3, "1")),
        false,
    );
}

#[test]
fn the_sentence_names_the_operation_and_where_all_orders_stand() {
    let report =
        report(ModelKind::Queue, "0 invoke enqueue 7\n 0 ok enqueue\n 0 invoke dequeue\n 0 ok dequeue null");
    let (_, violation) = report.violations().next().unwrap();
    assert_eq!(
        violation.sentence,
        "process 0's dequeue that saw null (lines 3–4) fits nowhere: \
         every order that explains what returned before it leaves <7>."
    );
}

#[test]
fn an_operation_of_another_model_is_named() {
    let history = script("0 invoke enqueue 1\n 0 ok enqueue");
    for model in
        [ModelKind::Register, ModelKind::CasRegister, ModelKind::Map, ModelKind::Counter, ModelKind::Set]
    {
        let error = check(&history, model, &Options::default()).unwrap_err();
        assert!(matches!(error, CheckError::WrongOp { line: 1, .. }), "{error}");
    }
    let error = |model, text| check(&script(text), model, &Options::default()).unwrap_err().to_string();
    assert_eq!(
        error(ModelKind::Counter, "0 invoke add \"x\"\n 0 ok add"),
        "line 1: the counter model does not have process 0's add of \"x\" (lines 1–2)"
    );
    assert_eq!(
        error(ModelKind::Register, "0 invoke read\n 0 ok read [1]"),
        "line 1: the register model does not have process 0's read that saw {1} (lines 1–2)"
    );
}

#[test]
fn null_is_no_element_of_a_queue() {
    let history = script("0 invoke enqueue null\n 0 ok enqueue\n 0 invoke dequeue\n 0 ok dequeue null");
    let error = check(&history, ModelKind::Queue, &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1: the queue model does not have process 0's enqueue of null (lines 1–2)"
    );
}

#[test]
fn a_set_does_not_hold_an_element_twice() {
    for (read, fits) in [("[1]", true), ("[1,1]", false)] {
        let text = format!("0 invoke add 1\n 0 ok add\n 1 invoke read\n 1 ok read {read}");
        assert_verdict(ModelKind::Set, &text, fits);
    }
}

#[test]
fn what_an_object_cannot_begin_with_is_refused() {
    let history = script("");
    let error = |model, initial| {
        let options = Options { initial, ..Options::default() };
        check(&history, model, &options).map_err(|error| error.to_string()).err()
    };
    assert_eq!(
        error(ModelKind::Counter, Value::from("x")).unwrap(),
        "the counter model cannot begin with the initial value \"x\": give an integer"
    );
    for model in [ModelKind::Set, ModelKind::Queue] {
        assert!(error(model, Value::from(1_i64)).unwrap().contains("it begins empty"), "{model}");
        assert_eq!(error(model, Value::Null), None);
    }
    assert_eq!(error(ModelKind::Counter, Value::from(5_i64)), None);
}
