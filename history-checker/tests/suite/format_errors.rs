//! Every error of the format, with its line and its reason; and what is allowed.

use history_checker::format::{LineError, ReadError, edn, jsonl};
use history_checker::{Answer, Outcome, Value};

const INVOKE: &str = r#"{"process":1,"kind":"invoke","op":"write","key":"k","value":7,"time":1}"#;

/// The error of `line` when it follows a good invocation of process 1.
fn error(line: &str) -> LineError {
    match jsonl::read(format!("{INVOKE}\n{line}\n").as_bytes()) {
        Err(ReadError::Line { line: 2, reason }) => reason,
        other => panic!("expected an error in line 2, got {other:?}"),
    }
}

#[test]
fn text_that_is_not_json() {
    assert!(matches!(error("{"), LineError::Malformed(_)));
    assert!(matches!(error("[]"), LineError::Malformed(_)));
    assert!(matches!(error("\u{fffd}"), LineError::Malformed(_)));
    assert!(matches!(
        jsonl::read(&b"\xff\n"[..]),
        Err(ReadError::Line { line: 1, reason: LineError::Malformed(_) })
    ));
}

#[test]
fn a_field_of_the_wrong_type() {
    let number = "a whole number that is not negative";
    for line in [r#"{"process":"a","kind":"ok","time":1}"#, r#"{"process":-1,"kind":"ok","time":1}"#] {
        assert_eq!(error(line), LineError::WrongField { field: "process", expected: number });
    }
    let line = r#"{"process":1,"kind":["ok"],"time":1}"#;
    assert_eq!(error(line), LineError::WrongField { field: "kind", expected: "a string" });
    let line = r#"{"process":1,"kind":"ok","op":"cas","swapped":"no","time":1}"#;
    assert_eq!(error(line), LineError::WrongField { field: "swapped", expected: "true or false" });
    assert!(matches!(
        error(r#"{"process":1,"kind":"ok","op":"read","value":{},"time":1}"#),
        LineError::Malformed(_)
    ));
    assert!(matches!(
        error(r#"{"process":1,"kind":"ok","op":"cas","value":[1],"time":1}"#),
        LineError::WrongValue { op: "cas", .. }
    ));
    assert!(matches!(
        error(r#"{"process":1,"kind":"ok","op":"cas","value":[1,2,3],"time":1}"#),
        LineError::WrongValue { op: "cas", .. }
    ));
}

/// Two of them would be rounded to one value, and a read of the other would pass.
#[test]
fn an_integer_too_long_to_be_kept_as_written() {
    for number in ["18446744073709551617", "-9223372036854775809"] {
        let line = format!(r#"{{"process":2,"kind":"invoke","op":"write","value":{number},"time":1}}"#);
        let LineError::Malformed(why) = error(&line) else { panic!("{number} passes") };
        assert!(why.to_string().contains("write it as a string"), "{why}");
    }
    let largest = format!(r#"{{"process":2,"kind":"invoke","op":"write","value":{},"time":1}}"#, u64::MAX);
    assert!(jsonl::read(largest.as_bytes()).is_ok());
}

#[test]
fn a_field_that_is_missing() {
    assert_eq!(error(r#"{"kind":"ok","op":"write","time":1}"#), LineError::Missing("process"));
    assert_eq!(error(r#"{"process":1,"op":"write","time":1}"#), LineError::Missing("kind"));
    assert_eq!(error(r#"{"process":1,"kind":"ok","time":1}"#), LineError::Missing("op"));
    assert_eq!(error(r#"{"process":1,"kind":"ok","op":"write"}"#), LineError::Missing("time"));
    assert_eq!(error(r#"{"fault":"kill n1","time":1}"#), LineError::Missing("kind"));
    assert_eq!(error(r#"{"fault":"kill n1","kind":"begin"}"#), LineError::Missing("time"));
}

#[test]
fn an_unknown_kind_or_op() {
    let unknown = |kind: &str, expected| LineError::UnknownKind { kind: kind.to_owned(), expected };
    let expected = "invoke, ok, fail or info";
    assert_eq!(error(r#"{"process":1,"kind":"done","op":"write","time":1}"#), unknown("done", expected));
    assert_eq!(error(r#"{"fault":"kill n1","kind":"ok","time":1}"#), unknown("ok", "begin or end"));
    let op = LineError::UnknownOp("append".to_owned());
    assert_eq!(error(r#"{"process":1,"kind":"ok","op":"append","time":1}"#), op);
}

#[test]
fn a_value_that_does_not_fit() {
    let wrong = |op, expected| LineError::WrongValue { op, expected };
    let pair = wrong("cas", "a pair [from,to] of scalars");
    assert_eq!(error(r#"{"process":2,"kind":"invoke","op":"cas","value":1,"time":1}"#), pair);
    assert_eq!(error(r#"{"process":2,"kind":"invoke","op":"cas","time":1}"#), pair);
    let scalar = wrong("write", "a scalar");
    assert_eq!(error(r#"{"process":2,"kind":"invoke","op":"write","time":1}"#), scalar);
    assert_eq!(error(r#"{"process":2,"kind":"invoke","op":"write","value":[1,2],"time":1}"#), scalar);
    let null = wrong("read's invocation", "null");
    assert_eq!(error(r#"{"process":2,"kind":"invoke","op":"read","value":1,"time":1}"#), null);
    assert_eq!(
        error(r#"{"process":1,"kind":"ok","op":"read","time":1}"#),
        wrong("read", "a scalar, or an array of them")
    );
}

#[test]
fn a_completion_without_an_invocation() {
    let line = r#"{"process":2,"kind":"ok","op":"write","time":1}"#;
    assert_eq!(error(line), LineError::NotInvoked { process: 2 });
    let completed_twice = [INVOKE, r#"{"process":1,"kind":"info","op":"write","time":2}"#].join("\n")
        + "\n"
        + r#"{"process":1,"kind":"ok","op":"write","time":3}"#;
    let error = jsonl::read(completed_twice.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 3: process 1 completes an operation that it did not invoke");
}

#[test]
fn a_second_invocation_while_one_is_open() {
    assert_eq!(error(INVOKE), LineError::AlreadyOpen { process: 1, line: 1 });
}

#[test]
fn a_completion_of_something_else() {
    let differs = |what| LineError::Differs { what, line: 1 };
    assert_eq!(error(r#"{"process":1,"kind":"ok","op":"read","key":"k","value":1,"time":1}"#), differs("op"));
    assert_eq!(
        error(r#"{"process":1,"kind":"ok","op":"write","key":"j","value":7,"time":1}"#),
        differs("key")
    );
    assert_eq!(
        error(r#"{"process":1,"kind":"info","op":"write","key":"j","value":7,"time":1}"#),
        differs("key")
    );
    assert_eq!(
        error(r#"{"process":1,"kind":"ok","op":"write","key":"k","value":8,"time":1}"#),
        differs("value")
    );
}

#[test]
fn what_a_completion_may_leave_out_or_say_besides() {
    for line in [
        r#"{"process":1,"kind":"ok","op":"write","time":1}"#,
        r#"{"process":1,"kind":"ok","op":"write","value":7,"time":1}"#,
        r#"{"process":1,"kind":"ok","op":"write","value":null,"time":1}"#,
        r#"{"process":1,"kind":"ok","op":"write","key":"k","node":"n1","latency":0.5,"time":1}"#,
    ] {
        let history = jsonl::read(format!("\n{INVOKE}\n  \n{line}").as_bytes()).unwrap();
        let [operation] = history.operations() else { panic!("one operation") };
        assert!(matches!(operation.outcome, Outcome::Ok { returned, .. } if returned.line == 4), "{line}");
    }
}

#[test]
fn values_of_unknown_outcomes_are_ignored() {
    let line = r#"{"process":1,"kind":"info","op":"write","value":99,"time":1}"#;
    let history = jsonl::read(format!("{INVOKE}\n{line}").as_bytes()).unwrap();
    assert!(
        matches!(history.operations()[0].outcome, Outcome::Unknown { gave_up: Some(mark) } if mark.line == 2)
    );
}

#[test]
fn a_process_may_go_on_after_an_unknown_outcome_in_foreign_files() {
    let info = r#"{"process":1,"kind":"info","op":"write","time":1}"#;
    let history = jsonl::read([INVOKE, info, INVOKE].join("\n").as_bytes()).unwrap();
    assert_eq!(history.operations().len(), 2);
}

#[test]
fn a_cas_that_did_not_swap_says_what_it_saw() {
    let invoke = r#"{"process":3,"kind":"invoke","op":"cas","value":[1,2],"time":123}"#;
    for (seen, expected) in
        [(r#","seen":5"#, Some(Value::from(5_i64))), (r#","seen":null"#, Some(Value::Null)), ("", None)]
    {
        let ok =
            format!(r#"{{"process":3,"kind":"ok","op":"cas","swapped":false{seen},"version":4,"time":125}}"#);
        let history = jsonl::read(format!("{invoke}\n{ok}").as_bytes()).unwrap();
        let Outcome::Ok { answer, version, .. } = &history.operations()[0].outcome else {
            panic!("completed")
        };
        assert_eq!(*answer, Answer::NotSwapped { seen: expected });
        assert_eq!(*version, Some(4));
    }
}

#[test]
fn faults_are_kept_beside_the_operations() {
    let text = r#"{"fault":"kill n1","kind":"begin","time":5}
                  {"fault":"kill n1","kind":"end","time":9}"#;
    let history = jsonl::read(text.as_bytes()).unwrap();
    let faults: Vec<_> =
        history.faults().iter().map(|fault| (fault.name.as_str(), fault.at.line, fault.at.time)).collect();
    assert_eq!(faults, [("kill n1", 1, 5), ("kill n1", 2, 9)]);
}

/// Small numbers are kept apart from large ones.
#[test]
fn processes_of_any_number_are_told_apart() {
    for (process, other) in [(0, 4095), (4095, 4096), (4096, 0), (1, 4097), (u64::MAX, 4095)] {
        let line = |process: u64, kind: &str| {
            format!(r#"{{"process":{process},"kind":"{kind}","op":"write","value":1,"time":1}}"#)
        };
        let read = |lines: &[String]| jsonl::read(lines.join("\n").as_bytes());
        let (invoke, ok) = (line(process, "invoke"), line(process, "ok"));
        let reason = |lines: &[String]| match read(lines) {
            Err(ReadError::Line { reason, .. }) => reason,
            Ok(_) => panic!("{lines:?} passes"),
            Err(other) => panic!("{other}"),
        };
        assert!(
            read(&[invoke.clone(), line(other, "invoke"), ok.clone(), invoke.clone(), ok.clone()]).is_ok()
        );
        assert_eq!(reason(&[invoke.clone(), line(other, "ok")]), LineError::NotInvoked { process: other });
        assert_eq!(reason(&[invoke.clone(), ok.clone(), ok]), LineError::NotInvoked { process });
        assert_eq!(reason(&[invoke.clone(), invoke]), LineError::AlreadyOpen { process, line: 1 });
    }
}

/// The words below an error's line number.
fn words(text: &[u8]) -> String {
    jsonl::read(text).unwrap_err().to_string()
}

#[test]
fn what_is_no_line_of_the_format_is_named() {
    let cut = format!("{INVOKE}\n{}", &INVOKE[..45]);
    assert_eq!(words(cut.as_bytes()), "line 2: malformed JSON: the last line is cut off");
    let inside = format!("{}\n{INVOKE}", &INVOKE[..45]);
    let expected = "line 1: malformed JSON: EOF while parsing a";
    assert!(
        words(inside.as_bytes()).starts_with(expected) && words(inside.as_bytes()).ends_with(", column 45")
    );
    for (text, expected) in [
        (format!("[{INVOKE},\n"), "an array: there must be one object on each line"),
        ("[0]\n".to_owned(), "an array: there must be one object on each line"),
        ("[\"kill n1\",0,\"begin\"]".to_owned(), "an array"),
        ("{:process 0, :type :invoke}\n".to_owned(), "it looks like EDN"),
        ("[{:process 0}]\n".to_owned(), "it looks like EDN"),
        ("process,kind\n".to_owned(), "a line must be an object"),
        (INVOKE.replace('7', "{}"), "`value`: invalid type: map"),
        (INVOKE.replace('7', "9007199254740993.0"), "a whole number beyond 53 bits as a float"),
        (INVOKE.replace("write", "\\u001b[31mred"), "unknown op `\\u{1b}[31mred`"),
    ] {
        assert!(words(text.as_bytes()).contains(expected), "{}", words(text.as_bytes()));
    }
}

#[test]
fn a_mark_before_the_text_is_skipped_and_other_encodings_are_named() {
    let marked = format!("\u{feff}{INVOKE}\n");
    assert_eq!(jsonl::read(marked.as_bytes()).unwrap().operations().len(), 1);
    assert_eq!(jsonl::events(marked.as_bytes()).count(), 1);
    let form = "{:process 0, :type :invoke, :f :write, :value 1}";
    let read = |text: &[u8]| edn::read(text, edn::Options::default());
    assert_eq!(read(format!("\u{feff}{form}").as_bytes()).unwrap().operations().len(), 1);
    assert!(read("é".as_bytes()).is_err());
    for (bytes, expected) in
        [(&b"\xff\xfe{\0"[..], "UTF-16"), (b"\xfe\xff\0{", "UTF-16"), (b"\x1f\x8b\x08", "gzip")]
    {
        for error in [jsonl::read(bytes).unwrap_err(), read(bytes).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
