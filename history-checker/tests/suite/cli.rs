//! The program: exit codes, and where it says what.

use std::path::PathBuf;
use std::process::{Command, Output};

use fastrand::Rng;
use history_checker::format::jsonl;
use tempfile::TempDir;

use crate::generator::{Shape, generate};

/// A linearizable history, one that is not, one that takes a search, and one that is no history.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Files {
        let files = Files { directory: tempfile::tempdir().unwrap() };
        let write = r#"{"process":0,"kind":"invoke","op":"write","key":"a","value":1,"time":1}
{"process":0,"kind":"ok","op":"write","key":"a","time":2}
"#;
        let read = |value: &str| {
            format!(
                r#"{{"process":0,"kind":"invoke","op":"read","key":"a","time":3}}
{{"process":0,"kind":"ok","op":"read","key":"a","value":{value},"time":4}}
"#
            )
        };
        files.put("good", &(write.to_owned() + &read("1")));
        files.put("bad", &(write.to_owned() + &read("null")));
        files.put(
            "broken",
            &(write.to_owned() + "{\"process\":0,\"kind\":\"ok\",\"op\":\"write\",\"time\":3}\n"),
        );
        files
            .put("keys", &(write.to_owned() + &read("1").replace("\"a\"", "\"b\"").replace(":1,", ":null,")));
        files.put("initial", &read("0"));
        let cas = r#"{"process":0,"kind":"invoke","op":"cas","key":"a","value":[null,1],"time":1}
{"process":0,"kind":"fail","op":"cas","key":"a","time":2}
"#;
        files.put("failed-cas", cas);
        let shape = Shape { values: Some(3), cas: 30, lost: 30, ..Shape::plain(8, 300) };
        let mut hard = Vec::new();
        jsonl::write_history(&mut hard, &generate(&shape, &mut Rng::with_seed(3))).unwrap();
        files.put("hard", &String::from_utf8(hard).unwrap());
        files
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, names: &[&str], arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_history-checker"))
            .arg("check")
            .args(names.iter().map(|name| self.path(name)))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn code(&self, names: &[&str], arguments: &[&str]) -> i32 {
        self.run(names, arguments).status.code().unwrap()
    }
}

#[test]
fn one_exit_code_per_kind_of_outcome() {
    let files = Files::new();
    assert_eq!(files.code(&["good"], &["--model", "register"]), 0);
    assert_eq!(files.code(&["bad"], &["--model", "register"]), 1);
    assert_eq!(files.code(&["hard"], &["--model", "cas-register", "--budget", "10"]), 2);
    assert_eq!(files.code(&["broken"], &["--model", "register"]), 3);
    assert_eq!(files.code(&["missing"], &["--model", "register"]), 3);
}

#[test]
fn the_worst_of_several_files_counts() {
    let files = Files::new();
    let arguments = ["--model", "cas-register", "--budget", "10"];
    assert_eq!(files.code(&["good", "good"], &arguments), 0);
    assert_eq!(files.code(&["good", "hard"], &arguments), 2);
    assert_eq!(files.code(&["hard", "bad", "good"], &arguments), 1);
    assert_eq!(files.code(&["broken", "hard", "bad", "good"], &arguments), 3);
}

#[test]
fn a_bad_file_is_named_with_line_and_reason() {
    let files = Files::new();
    let output = files.run(&["good", "broken"], &["--model", "register"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let expected = "broken: line 3: process 0 completes an operation that it did not invoke";
    assert!(stderr.contains(expected), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("good") && stdout.contains("linearizable") && stdout.contains("bad file"),
        "{stdout}"
    );
}

#[test]
fn a_wrong_command_line_is_not_an_unknown_verdict() {
    let files = Files::new();
    assert_eq!(files.code(&["good"], &[]), 3);
    assert_eq!(files.code(&[], &["--model", "register"]), 3);
    assert_eq!(files.code(&["good"], &["--model", "queue"]), 3);
    assert_eq!(files.code(&["good"], &["--model", "register", "--initial", "[1]"]), 3);
    assert_eq!(files.code(&["good"], &["--help"]), 0);
}

#[test]
fn models_and_options_do_what_they_say() {
    let files = Files::new();
    assert_eq!(files.code(&["keys"], &["--model", "map"]), 0);
    let output = files.run(&["keys"], &["--model", "register"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("line 3: key `b` after key `a`, but the register model is one register"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(3));

    assert_eq!(files.code(&["initial"], &["--model", "register"]), 1);
    assert_eq!(files.code(&["initial"], &["--model", "register", "--initial", "0"]), 0);

    assert_eq!(files.code(&["failed-cas"], &["--model", "register"]), 3);
    assert_eq!(files.code(&["failed-cas"], &["--model", "cas-register"]), 0);
    assert_eq!(files.code(&["failed-cas"], &["--model", "cas-register", "--failed-cas", "observe"]), 1);
    assert_eq!(files.code(&["good"], &["--model", "register", "--engine", "search"]), 0);
}

#[test]
fn the_report_names_verdict_engine_and_choice() {
    let output = Files::new().run(&["bad"], &["--model", "cas-register"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    for expected in ["NOT linearizable", "model cas-register", "failed cas: drop", "by zones", "lines 3–4"]
    {
        assert!(stdout.contains(expected), "{stdout}");
    }
}

#[test]
fn a_stream_is_checked_while_it_is_read() {
    let files = Files::new();
    let run = |name: &str| files.run(&[name], &["--model", "map", "--stream"]);
    for (name, code) in [("good", 0), ("bad", 1), ("keys", 0), ("hard", 2), ("broken", 3), ("missing", 3)] {
        assert_eq!(run(name).status.code(), Some(code), "{name}: {:?}", run(name));
    }
    let stdout = String::from_utf8(run("bad").stdout).unwrap();
    assert!(stdout.starts_with("key a, line 4: process 0's read that saw null (lines 3–4)"), "{stdout}");
    assert!(stdout.contains("checked while read") && stdout.contains("remembered"), "{stdout}");
    let stderr = String::from_utf8(run("broken").stderr).unwrap();
    assert!(stderr.contains("line 3: process 0 completes an operation that it did not invoke"), "{stderr}");
    assert_eq!(files.code(&["good"], &["--model", "set", "--stream"]), 3);
}

#[test]
fn a_page_shows_one_history() {
    let files = Files::new();
    let page = files.path("page.html");
    let html = ["--model", "register", "--html", page.to_str().unwrap()];
    assert_eq!(files.code(&["good", "bad"], &html), 3);
    assert!(!page.exists());
    assert_eq!(files.code(&["bad"], &html), 1);
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("NOT linearizable") && text.contains("read that saw null (lines 3–4)"), "{text}");

    let nowhere = files.path("missing").join("page.html");
    let output = files.run(&["good"], &["--model", "register", "--html", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot write"));
}
