//! `lint` as a program, and what `check` says of a history that is not to be trusted.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

const GOOD: &str = r#"{"process":0,"kind":"invoke","op":"write","value":1,"time":1}
{"process":0,"kind":"ok","op":"write","time":2}
{"process":0,"kind":"invoke","op":"read","time":3}
{"process":0,"kind":"ok","op":"read","value":1,"time":4}
"#;

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        std::fs::write(files.path("good"), GOOD).unwrap();
        let failed = GOOD.replacen("\"ok\"", "\"fail\"", 1);
        std::fs::write(files.path("failed"), failed).unwrap();
        std::fs::write(files.path("tied"), GOOD.replace("\"time\":2", "\"time\":1")).unwrap();
        std::fs::write(files.path("broken"), "{}").unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &str, names: &[&str], arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_history-checker"))
            .arg(command)
            .args(names.iter().map(|name| self.path(name)))
            .args(arguments)
            .output()
            .unwrap()
    }
}

#[test]
fn one_exit_code_per_kind_of_finding() {
    let files = Files::new();
    let code = |names: &[&str]| files.run("lint", names, &[]).status.code().unwrap();
    assert_eq!(code(&["good"]), 0);
    assert_eq!(code(&["failed"]), 1);
    assert_eq!(code(&["broken"]), 3);
    assert_eq!(code(&["good", "failed"]), 1);
    assert_eq!(code(&["missing", "failed"]), 3);
    let initial = files.run("lint", &["failed"], &["--initial", "1"]);
    assert_eq!(initial.status.code(), Some(1), "nothing but the initial value was seen, and nothing written");
    assert!(!String::from_utf8(initial.stdout).unwrap().contains("filed as a failure"));
}

#[test]
fn people_and_programs_read_the_same() {
    let files = Files::new();
    let text = String::from_utf8(files.run("lint", &["failed", "good"], &[]).stdout).unwrap();
    assert!(text.contains("failed\nserious: a value was seen") && text.contains("power: weak"), "{text}");
    let output = files.run("lint", &["failed", "broken", "good"], &["-o", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["version"], &json["interrupted"]), (&1.into(), &false.into()));
    let json = json["files"].as_array().unwrap();
    assert_eq!(json.len(), 3);
    assert_eq!(json[0]["findings"][0]["rule"], "failed-write-seen");
    assert!(json[1]["error"].as_str().unwrap().contains("broken: line 1"), "{}", json[1]);
    assert_eq!(json[2]["file"], files.path("good").display().to_string());
    assert_eq!(json[2]["power"]["reads"], 1);
    assert!(String::from_utf8(output.stderr).unwrap().contains("broken: line 1"));
}

#[test]
fn check_warns_of_what_is_serious_only() {
    let files = Files::new();
    let bad = files.run("check", &["failed"], &["--model", "register"]);
    let warning = String::from_utf8(bad.stderr).unwrap();
    assert!(warning.contains("failed: serious: a value was seen although"), "{warning}");
    let noted = String::from_utf8(files.run("lint", &["tied"], &[]).stdout).unwrap();
    assert!(noted.contains("note: neighbouring lines have the same time"), "{noted}");
    for name in ["good", "tied"] {
        let output = files.run("check", &[name], &["--model", "register"]);
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{name}");
    }
}
