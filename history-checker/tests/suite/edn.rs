//! Jepsen's EDN: what it may look like, what each event says, and every error with its place.

use history_checker::format::{LineError, ReadError, edn, jsonl};
use history_checker::{Action, Answer, FaultEdge, History, ModelKind, Options, Outcome, Value, check};

fn read(text: &str) -> History {
    edn::read(text.as_bytes(), edn::Options::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    edn::read(text.as_bytes(), edn::Options::default()).unwrap_err().to_string()
}

const WRITE: &str = "{:process 1, :type :invoke, :f :write, :value 7, :time 5}";

/// The value that is written where `text` stands.
fn value(text: &str) -> Value {
    let history = read(&format!("{{:process 1 :type :invoke :f :write :value {text}}}"));
    match &history.operations()[0].action {
        Action::Write(value) => value.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_history_is_a_vector_or_one_form_after_the_other() {
    let ok = "{:process 1, :type :ok, :f :write, :value 7, :time 9}";
    let plain = read(&format!("{WRITE}\n{ok}\n"));
    assert_eq!(plain.operations().len(), 1);
    for text in [
        format!("[{WRITE}\n{ok}]"),
        format!("; a comment }}\n[{WRITE}\n,,{ok}]; the end").replacen("; a comment }\n", "", 1),
        format!("({WRITE}\n #jepsen.history.Op{ok})"),
        format!("#jepsen.history.History [{WRITE}\n{ok}]"),
        format!("{WRITE} #_ {{:process 9}}\n#_#_ 1 [2 3] {ok} #_4"),
        format!("[{WRITE}\n{}]", ok.replace(":time", ":error #{(timeout \\] \"]\")} :time")),
        format!("{}\n{ok}", WRITE.replace(":value", ":f")).replace(":f 7", ":value 7"),
    ] {
        assert_eq!(read(&text), plain, "{text}");
    }
}

#[test]
fn scalars_of_every_kind() {
    for (text, expected) in [
        ("nil", Value::Null),
        ("true", Value::Bool(true)),
        ("17", 17_i64.into()),
        ("+17N", 17_i64.into()),
        ("-9223372036854775808", i64::MIN.into()),
        ("18446744073709551615", u64::MAX.into()),
        ("-2.5e1", Value::from_json("-25.0").unwrap()),
        (r#""a \"b\" \\ \n \u00e9 \ud83d\ude00""#, "a \"b\" \\ \n é 😀".into()),
        ("\\a", "a".into()),
        ("\\newline", "\n".into()),
        ("\\u0041", "A".into()),
        ("\\(", "(".into()),
        (":key", ":key".into()),
        ("symbol", "symbol".into()),
        ("-", "-".into()),
        ("1/3", "1/3".into()),
        ("0.10M", "0.10M".into()),
        ("#inst \"1985\"", "1985".into()),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_read_of_nil_says_nothing_and_one_of_something_does() {
    let read_of = |answer: &str| {
        let read = format!(
            "{{:process 2 :type :invoke :f :read :value 3}} {{:process 2 :type :ok :f :read :value {answer}}}"
        );
        read_history(&read)
    };
    fn read_history(tail: &str) -> bool {
        let history = read(&format!("{WRITE} {{:process 1 :type :ok :f :write :value 7}} {tail}"));
        check(&history, ModelKind::Register, &Options::default()).unwrap().is_linearizable()
    }
    assert!(read_of("nil"));
    assert!(read_of("7"));
    assert!(!read_of("8"));
    assert!(!read_of("nil :empty true"));
    // Which is not to say that a lost answer was an unknown outcome: the process went on.
    let history = read("{:process 2 :type :invoke :f :read} {:process 2 :type :ok :f :read :value nil}");
    assert!(matches!(history.operations()[0].outcome, Outcome::NotApplied { .. }));
}

#[test]
fn outcomes_of_a_cas() {
    let outcome = |line: &str| {
        let invoke = "{:process 2 :type :invoke :f :cas :value [1 2]}";
        read(&format!("{invoke}\n{{:process 2 :f :cas {line}}}")).operations()[0].outcome.clone()
    };
    let answer = |line: &str| match outcome(line) {
        Outcome::Ok { answer, .. } => answer,
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(":type :ok :value [1 2]"), Answer::Swapped);
    let seen = Answer::NotSwapped { seen: Some(3_i64.into()) };
    assert_eq!(answer(":type :fail :value [1 2] :swapped false :seen 3"), seen);
    assert_eq!(answer(":type :ok :swapped false"), Answer::NotSwapped { seen: None });
    assert!(matches!(outcome(":type :fail :value [1 2]"), Outcome::NotApplied { .. }));
    assert!(matches!(outcome(":type :info :value ignored"), Outcome::Unknown { gave_up: Some(_) }));
}

#[test]
fn keys_stand_in_pairs_where_that_is_said() {
    let text = "{:process 1 :type :invoke :f :cas :value [:x [1 2]]} {:process 1 :type :ok :f :cas :value [:x [1 2]]}
                {:process 2 :type :invoke :f :read :value [\"y\" nil]} {:process 2 :type :info :f :read :value nil}";
    let keyed = edn::read(text.as_bytes(), edn::Options { keyed: true }).unwrap();
    let keys: Vec<&str> = keyed.operations().iter().map(|op| op.key.as_ref().unwrap().as_str()).collect();
    assert_eq!(keys, [":x", "y"]);
    assert_eq!(keyed.operations()[0].action, Action::Cas { from: 1_i64.into(), to: 2_i64.into() });
    assert_eq!(
        error(text),
        "line 1, column 1: `value` of a cas must be a pair [from to] of scalars (pairs [key value] are read as such with --keyed)"
    );
    let tagged = read("{:process 1 :type :invoke :f :write :value #jepsen.independent/tuple [3 4]}");
    assert_eq!(tagged.operations()[0].key.as_ref().unwrap().as_str(), "3");
    let named = read("{:process 1 :type :invoke :f :write :value [3 4] :key 3}");
    assert_eq!(named.operations(), tagged.operations());
}

#[test]
fn processes_may_have_names() {
    let history = read(
        "{:process a :type :invoke :f :read} {:process :b :type :invoke :f :read}
                        {:process 0 :type :invoke :f :read} {:process a :type :ok :f :read :value 1}",
    );
    let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
    assert_eq!(processes, [edn::NAMED, edn::NAMED + 1, 0]);
    assert!(matches!(history.operations()[0].outcome, Outcome::Ok { .. }));
    let taken = format!("{{:process {} :type :invoke :f :read}}", edn::NAMED);
    assert_eq!(error(&taken), "line 1, column 1: `process` must be a name, or a number below 10^18");
}

#[test]
fn the_nemesis_begins_and_ends_faults() {
    let line = |f: &str| format!("{{:process :nemesis :type :info :f {f} :value \"x\" :time 3}}\n");
    let lines: String = [
        ":start",
        ":start",
        ":stop",
        ":stop",
        ":start-partition",
        ":stop-partition",
        ":kill",
        ":kill",
        ":stop",
        ":x :fault \"kill n1\" :edge :end",
    ]
    .map(line)
    .concat();
    let history = read(&lines);
    let faults: Vec<_> =
        history.faults().iter().map(|fault| (fault.name.as_str(), fault.edge, fault.at.line)).collect();
    let (begin, end) = (FaultEdge::Begin, FaultEdge::End);
    assert_eq!(
        faults,
        [
            ("nemesis", begin, 1),
            ("nemesis", end, 3),
            ("partition", begin, 5),
            ("partition", end, 6),
            ("kill", begin, 7),
            ("kill", end, 8),
            ("kill n1", end, 10),
        ]
    );
}

/// No two events share a place, and where each form has its own line the places are the lines.
#[test]
fn places_are_lines_where_that_is_possible() {
    let lines = |text: &str| {
        let history = read(text);
        history.operations().iter().map(|op| op.invoked.line).collect::<Vec<usize>>()
    };
    let read = |process: u32| format!("{{:process {process} :type :invoke :f :read}}");
    assert_eq!(lines(&format!("\n{}\n\n{}", read(1), read(2))), [2, 4]);
    assert_eq!(
        lines(&format!("{} {} {}\n{}\n\n\n{}", read(1), read(2), read(3), read(4), read(5))),
        [1, 2, 3, 4, 5]
    );
}

#[test]
fn errors_name_line_column_and_reason() {
    for (text, expected) in [
        ("\n  {:process", "line 2, column 4: malformed EDN: `}` is missing"),
        ("[\n{:process 1}\n", "line 2, column 1: `type` is missing"),
        ("[\n", "line 1, column 1: malformed EDN: the history does not end"),
        ("{:process}", "line 1, column 10: malformed EDN: a key without a value"),
        ("  7", "line 1, column 3: malformed EDN: an event must be a map"),
        ("\n ]", "line 2, column 2: malformed EDN: `]` closes nothing"),
        ("{:a (1 2}}", "line 1, column 9: malformed EDN: `}` closes nothing"),
        ("{:a \"b\n\n", "line 1, column 5: malformed EDN: a string that does not end"),
        ("{:a \"\\q\"}", "line 1, column 5: malformed EDN: an unknown escape in a string"),
        ("{:a \"\\ud800\"}", "line 1, column 5: malformed EDN: `\\u` with half a character"),
        ("{:a \\abc}", "line 1, column 5: malformed EDN: an unknown character after `\\`"),
        ("{:a 1x}", "line 1, column 5: malformed EDN: `1x` is not a number"),
        ("{:a 1/}", "line 1, column 5: malformed EDN: `1/` is not a number"),
        (
            "{:a :}",
            "line 1, column 5: malformed EDN: `:` without a name (JSON lines are read as such by the name .jsonl or --format jsonl)",
        ),
        ("{:a # }", "line 1, column 5: malformed EDN: `#` without `{`, `_` or a tag"),
        ("{} #_", "line 1, column 1: `process` is missing"),
        ("#_", "line 1, column 1: malformed EDN: a form is missing at the end"),
        ("{:type :ok}", "line 1, column 1: `process` is missing"),
        ("{:process 1 :type :invoke}", "line 1, column 1: `f` is missing"),
        ("{:process -1 :type :invoke}", "line 1, column 1: `process` must be a number that is not negative"),
        ("{:process 1 :time :x}", "line 1, column 1: `time` must be a number that is not negative"),
        (
            "{:process 1 :type :done :f :read}",
            "line 1, column 1: unknown kind `:done` (expected :invoke, :ok, :fail or :info)",
        ),
        (
            "{:process 1 :type :ok :f :append}",
            "line 1, column 1: unknown op `append` (expected read, write, cas, add, remove, enqueue or dequeue)",
        ),
        (
            "{:process 1 :type :invoke :f :write :value [1]}",
            "line 1, column 1: `value` of a write must be a scalar",
        ),
        (
            "{:process 1 :type :ok :f :read :value 7}",
            "line 1, column 1: process 1 completes an operation that it did not invoke",
        ),
        (
            "{:process 1 :type :invoke :f :read :value [1 2] :key 3}",
            "line 1, column 1: `key` must be the first of the pair in `value`",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let again = format!("{WRITE}\n ;\n  {WRITE}");
    let place = "line 3, column 3: process 1 invokes an operation while its previous one (line 1) is open";
    assert_eq!(error(&again), place);
    let not_utf8 = edn::read(&b"{:a \xff}"[..], edn::Options::default()).unwrap_err();
    assert!(matches!(not_utf8, ReadError::Form { line: 1, column: 5, reason: LineError::MalformedEdn(_) }));
}

/// Two of them would be rounded to one value.
#[test]
fn numbers_that_cannot_be_kept_as_written() {
    for number in ["18446744073709551616", "-9223372036854775809N", "1e300", "9007199254740993.0", "1e999"] {
        let text = format!("{{:process 1 :type :invoke :f :write :value {number}}}");
        assert!(error(&text).contains("malformed EDN"), "{number}");
    }
}

#[test]
fn depth_and_length_of_a_form_are_limited() {
    let deep = |depth: usize| format!("#_ {}{} {WRITE}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&deep(edn::DEEPEST)).operations().len(), 1);
    assert!(error(&deep(edn::DEEPEST + 2)).contains("more than 64 forms in one another"));
    assert!(error(&"#_ ".repeat(100_000)).contains("more than 64 forms in one another"));
    assert!(error(&"#a ".repeat(100_000)).contains("a form is missing at the end"));
    let long = format!("\"{}\"", "x".repeat(edn::LONGEST_FORM));
    assert!(error(&long).contains("a form of more than 16777216 bytes"));
}

#[test]
fn what_is_written_is_read_again_and_agrees_with_json_lines() {
    let lines = r#"{"process":3,"kind":"invoke","op":"cas","key":"k","value":["a\n\"b\"",2],"time":1}
{"process":3,"kind":"ok","op":"cas","key":"k","value":["a\n\"b\"",2],"swapped":false,"seen":null,"version":9,"time":2}
{"fault":"kill \"n1\"","kind":"begin","time":3}
{"process":4,"kind":"invoke","op":"read","key":"k","value":null,"time":4}
{"process":4,"kind":"ok","op":"read","key":"k","value":null,"time":5}
{"process":4,"kind":"invoke","op":"read","time":6}
{"process":4,"kind":"ok","op":"read","value":[1,-2.5,true],"time":7}
{"fault":"kill \"n1\"","kind":"end","time":8}
{"process":5,"kind":"invoke","op":"dequeue","time":9}
{"process":5,"kind":"ok","op":"dequeue","value":null,"time":10}
{"process":3,"kind":"invoke","op":"cas","value":[1,2],"time":11}
{"process":3,"kind":"ok","op":"cas","value":[1,2],"time":12}
{"process":3,"kind":"invoke","op":"write","value":[],"time":13}"#
        .replace("[],", "0.5,");
    let history = jsonl::read(lines.as_bytes()).unwrap();
    let mut forms = Vec::new();
    edn::write_history(&mut forms, &history).unwrap();
    let forms = String::from_utf8(forms).unwrap();
    assert_eq!(read(&forms), history, "{forms}");
    // A reader that does not know `:swapped` must not believe in a swap.
    assert!(forms.lines().nth(1).unwrap().contains(":type :fail"), "{forms}");
}
