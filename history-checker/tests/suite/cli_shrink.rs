//! The program: what `shrink` writes, and what `check --explain` draws.

use std::path::Path;
use std::process::{Command, Output};

use fastrand::Rng;
use history_checker::format::jsonl;
use history_checker::{Key, Recorder};

use crate::generator::{Shape, World};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_history-checker")).args(arguments).output().unwrap()
}

/// Two keys of many operations, and a stale read of one of them beside a fault.
fn put_history(path: &Path, bad: bool) {
    let recorder = Recorder::in_memory();
    let mut rng = Rng::with_seed(5);
    let key = Key::from("a");
    for name in ["a", "b"] {
        let shape = Shape { lost: 5, key: Some(Key::from(name)), ..Shape::plain(4, 200) };
        World::new(&shape, &mut rng, &recorder).run();
    }
    if bad {
        let client = recorder.process();
        let client = client.write(Some(key.clone()), "old".into(), 1_000_000).ok(1_500_000);
        let client = client.write(Some(key.clone()), "new".into(), 2_000_000).ok(2_500_000);
        recorder.fault("kill n1", history_checker::FaultEdge::Begin, 2_600_000);
        let _idle = client.read(Some(key), 3_000_000).ok("old".into(), 4_000_000);
    }
    jsonl::write_history(std::fs::File::create(path).unwrap(), &recorder.history()).unwrap();
}

#[test]
fn what_shrink_writes_is_not_linearizable_either() {
    let directory = tempfile::tempdir().unwrap();
    let (bad, small) = (directory.path().join("bad"), directory.path().join("small"));
    put_history(&bad, true);
    let (bad, small) = (bad.to_str().unwrap(), small.to_str().unwrap());

    let output = run(&["shrink", bad, "--model", "map", "-o", small]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("3 of 403 operations, confirmed by brute force:\n"), "{stderr}");
    assert!(stderr.contains("read that saw \"old\""), "{stderr}");
    let written = std::fs::read_to_string(small).unwrap();
    assert_eq!(written.lines().count(), 6, "{written}");
    assert_eq!(run(&["check", small, "--model", "map"]).status.code(), Some(1));

    let output = run(&["shrink", bad, "--model", "map"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), written);
}

#[test]
fn there_is_nothing_to_shrink_in_a_good_history_or_a_bad_file() {
    let directory = tempfile::tempdir().unwrap();
    let (good, out) = (directory.path().join("good"), directory.path().join("out"));
    put_history(&good, false);
    let output = run(&["shrink", good.to_str().unwrap(), "--model", "map", "-o", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!out.exists() && output.stdout.is_empty());
    assert_eq!(run(&["shrink", "/nowhere", "--model", "map"]).status.code(), Some(3));
    assert_eq!(run(&["shrink", good.to_str().unwrap(), "--model", "register"]).status.code(), Some(3));
}

#[test]
fn explain_draws_the_clash_with_lines_times_and_faults() {
    let directory = tempfile::tempdir().unwrap();
    let bad = directory.path().join("bad");
    put_history(&bad, true);
    let output = run(&["check", bad.to_str().unwrap(), "--model", "map", "--explain"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines = bad_lines(&stdout);
    assert_eq!(lines.len(), 4, "{stdout}");
    for (line, expected) in lines.iter().zip([
        ["fault", "kill n1", "            ▒▒▒▒▒", "from line 800"],
        ["process", "write \"old\"", "  ├──┤  ", "– 1.450 ms"],
        ["process", "write \"new\"", "        ├──┤  ", "1.950 ms – 2.450 ms"],
        ["process", "read = \"old\"", "              ├──┤", "2.950 ms – 3.950 ms"],
    ]) {
        for part in expected {
            assert!(line.contains(part), "{part} is not in\n{stdout}");
        }
    }
    let without = run(&["check", bad.to_str().unwrap(), "--model", "map"]);
    assert!(!String::from_utf8(without.stdout).unwrap().contains("├──┤"));
}

fn bad_lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains('┤') || line.contains('▒')).collect()
}
