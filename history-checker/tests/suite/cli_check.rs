//! `check` for programs and for the impatient: the JSON document, budgets, engines, interrupts.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::generate::{Plant, Shape};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::generator::generate;

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Files {
        let files = Files { directory: tempfile::tempdir().unwrap() };
        let map = Shape { model: history_checker::ModelKind::Map, keys: 3, ..Shape::plain(4, 60) };
        files.generate("good", &map, 1);
        files.generate("bad", &Shape { plants: vec![Plant::StaleRead], ..map }, 1);
        files.generate("hard", &Shape { values: Some(3), cas: 30, lost: 30, ..Shape::plain(8, 300) }, 3);
        std::fs::write(files.path("broken"), "{\n").unwrap();
        files
    }

    fn generate(&self, name: &str, shape: &Shape, seed: u64) {
        let mut lines = Vec::new();
        jsonl::write_history(&mut lines, &generate(shape, &mut Rng::with_seed(seed))).unwrap();
        std::fs::write(self.path(name), lines).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, names: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_history-checker"));
        command.args(["check", "--model", "map"]).args(names.iter().map(|name| self.path(name)));
        command.args(arguments);
        command
    }

    fn run(&self, names: &[&str], arguments: &[&str]) -> Output {
        self.command(names, arguments).output().unwrap()
    }
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_json_document_says_what_the_report_says() {
    let files = Files::new();
    let output = files.run(&["good", "bad", "hard", "broken"], &["-o", "json", "--budget", "10"]);
    assert_eq!(output.status.code(), Some(3));
    let found = document(&output);
    assert_eq!(found["version"], 1);
    assert_eq!(found["verdict"], "bad-file");
    assert_eq!(found["interrupted"], false);
    let verdicts: Vec<&Value> =
        found["files"].as_array().unwrap().iter().map(|file| &file["verdict"]).collect();
    assert_eq!(verdicts, ["linearizable", "not-linearizable", "unknown", "bad-file"]);
    let [good, bad, hard, broken] = [0, 1, 2, 3].map(|file| &found["files"][file]);

    let key = &good["keys"][0];
    assert_eq!((&good["model"], &good["failed_cas"]), (&json!("map"), &json!("drop")));
    assert_eq!(
        (&key["key"], &key["verdict"], &key["engine"]),
        (&json!("k0"), &json!("linearizable"), &json!("zones"))
    );
    assert_eq!(key.get("sentence"), None);
    let counts = |key: &Value| key["completed"].as_u64().unwrap() + key["open"].as_u64().unwrap();
    assert_eq!(good["keys"].as_array().unwrap().iter().map(counts).sum::<u64>(), 60);

    let key = &bad["keys"][0];
    assert_eq!(key["verdict"], "not-linearizable");
    assert!(key["sentence"].as_str().unwrap().contains("that saw -1"), "{key}");
    let text = std::fs::read_to_string(files.path("bad")).unwrap();
    for operation in key["operations"].as_array().unwrap() {
        let line = |field: &str| {
            let number = operation[field].as_u64().unwrap();
            let line = text.lines().nth(usize::try_from(number).unwrap() - 1).unwrap();
            serde_json::from_str::<Value>(line).unwrap()
        };
        let (invoked, completed) = (line("invoked_line"), line("completed_line"));
        assert_eq!(
            (&invoked["process"], &completed["process"]),
            (&operation["process"], &operation["process"])
        );
        assert_eq!((&invoked["kind"], &completed["kind"]), (&json!("invoke"), &json!("ok")));
    }

    let key = &hard["keys"][0];
    assert_eq!(
        (&key["key"], &key["engine"], &key["configurations"]),
        (&Value::Null, &json!("search"), &json!(10))
    );
    assert!(key["because"].is_string() && key["explained"].is_u64(), "{key}");
    assert!(broken["error"].as_str().unwrap().contains("line 1: malformed JSON"), "{broken}");
}

#[test]
fn both_budgets_end_the_search() {
    let files = Files::new();
    for budget in [["--budget", "10"], ["--budget-bytes", "10"]] {
        let output = files.run(&["hard"], &budget);
        assert_eq!(output.status.code(), Some(2), "{budget:?}");
        assert!(stdout(&output).contains("gave up after"), "{budget:?}");
    }
}

#[test]
fn zones_alone_say_where_they_are_not_exact() {
    let files = Files::new();
    assert_eq!(files.run(&["good"], &["--engine", "zones"]).status.code(), Some(0));
    assert_eq!(files.run(&["bad"], &["--engine", "zones"]).status.code(), Some(1));
    let output = files.run(&["hard"], &["--engine", "zones"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(text.contains("only zones may be used") && text.contains("is observed and written"), "{text}");
    assert!(text.contains("by zones alone\n") && !text.contains("search"), "{text}");
    assert_eq!(text.matches("is observed and written").count(), 1, "{text}");
    let json = stdout(&files.run(&["hard"], &["--engine", "zones", "-o", "json"]));
    assert!(json.contains(r#""engine": "none""#), "{json}");
    let output = files.run(&["good"], &["--engine", "search"]);
    assert!(stdout(&output).contains("by search of"), "{}", stdout(&output));
}

/// The second file is a pipe: it can be opened for writing only while the program has it open for reading, and then
/// the first one is decided.
#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_is_known() {
    let files = Files::new();
    assert!(Command::new("mkfifo").arg(files.path("pipe")).status().unwrap().success());
    for (first, output, code) in [("good", "text", 2), ("bad", "text", 1), ("good", "json", 2)] {
        let mut command = files.command(&[first, "pipe", "good"], &["-o", output]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _never_written_to = OpenOptions::new().write(true).open(files.path("pipe")).unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{first}, {output}");
        if output == "json" {
            let found = document(&ended);
            assert_eq!(found["interrupted"], true);
            let files = found["files"].as_array().unwrap();
            let verdicts: Vec<&Value> = files.iter().map(|file| &file["verdict"]).collect();
            assert_eq!(verdicts, ["linearizable", "unknown", "unknown"]);
        } else {
            let text = stdout(&ended);
            assert!(text.contains("interrupted: 1 of 3 files decided"), "{text}");
            assert!(
                text.contains("operations")
                    && text.contains(if first == "bad" { "NOT" } else { "linearizable" })
            );
            assert!(text.contains("pipe: still being read"), "{text}");
        }
    }
}
