//! `convert`, and `check` of either format.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use history_checker::format::{self, edn};

const LINES: &str = r#"{"process":0,"kind":"invoke","op":"write","value":1,"time":1}
{"process":0,"kind":"ok","op":"write","value":1,"time":2}
{"fault":"kill n1","kind":"begin","time":3}
{"process":0,"kind":"invoke","op":"read","value":null,"time":4}
{"process":0,"kind":"ok","op":"read","value":null,"time":5}
"#;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_history-checker"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn there_and_back_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("a.jsonl"), LINES).unwrap();
    assert!(run(directory.path(), &["convert", "a.jsonl", "b.edn"]).status.success());
    assert_eq!(format::open(path("b.edn")).unwrap(), format::open(path("a.jsonl")).unwrap());
    let back = run(directory.path(), &["convert", "b.edn", "-"]);
    assert_eq!(String::from_utf8(back.stdout).unwrap(), LINES);
    std::fs::rename(path("b.edn"), path("b.txt")).unwrap();
    let back = run(directory.path(), &["convert", "b.txt", "c.txt", "--format", "edn", "--to", "jsonl"]);
    assert!(back.status.success());
    assert_eq!(std::fs::read_to_string(path("c.txt")).unwrap(), LINES);
}

#[test]
fn either_format_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.jsonl"), LINES).unwrap();
    assert!(run(directory.path(), &["convert", "a.jsonl", "b.edn"]).status.success());
    for arguments in [&["a.jsonl"][..], &["b.edn"], &["b.edn", "--format", "edn"]] {
        let output = run(directory.path(), &[&["check", "--model", "register"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    let output = run(directory.path(), &["check", "--model", "register", "b.edn", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(3));
    let keyed = "{:process 1 :type :invoke :f :write :value [:x 1]} {:process 2 :type :invoke :f :write :value [:y 1]}";
    std::fs::write(directory.path().join("k.edn"), keyed).unwrap();
    assert_eq!(run(directory.path(), &["check", "--model", "map", "k.edn"]).status.code(), Some(3));
    assert_eq!(
        run(directory.path(), &["check", "--model", "map", "--keyed", "k.edn"]).status.code(),
        Some(0)
    );
    assert!(edn::read(keyed.as_bytes(), edn::Options { keyed: true }).is_ok());
}

#[test]
fn a_bad_history_is_not_converted() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text, why) in [
        ("a.jsonl", format!("{LINES}{{}}\n"), "a.jsonl: line 6: `kind` is missing"),
        (
            "a.jsonl",
            LINES[LINES.find('\n').unwrap() + 1..].to_owned(),
            "a.jsonl: line 1: process 0 completes",
        ),
        (
            "a.jsonl",
            LINES.replace("\"op\":\"read\",\"value\":null,\"time\":5", "\"op\":\"write\",\"time\":5"),
            "a.jsonl: line 5: the completion is of another op",
        ),
        (
            "a.edn",
            "{:process 1 :type :ok :f :read :value 1}".to_owned(),
            "a.edn: line 1, column 1: process 1 completes",
        ),
        ("a.edn", "[7".to_owned(), "a.edn: line 1, column 2: malformed EDN"),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
        let output = run(directory.path(), &["convert", name, "-"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(why), "{stderr}");
        assert_eq!(output.status.code(), Some(3));
    }
    let output = run(directory.path(), &["convert", "a.edn", "./a.edn"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("is the input"));
}
