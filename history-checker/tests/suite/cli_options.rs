//! The program's options: what is asked is done or refused, never ignored; and what the reports say.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, lines: &[String]) {
        std::fs::write(self.path(name), lines.join("\n") + "\n").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_history-checker"));
        command.current_dir(self.0.path()).args(arguments.split(' ')).output().unwrap()
    }

    /// It is refused, in these words.
    fn refused(&self, arguments: &str, words: &str) {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments}: {stderr}");
        assert!(stderr.contains(words), "{arguments}: {stderr}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A write and a read of one key, one after the other.
fn stale(process: u64, key: &str, saw: &str) -> Vec<String> {
    let line = |kind: &str, op: &str, rest: &str| {
        format!(r#"{{"process":{process},"kind":"{kind}","op":"{op}","key":"{key}"{rest},"time":0}}"#)
    };
    vec![
        line("invoke", "write", r#","value":1"#),
        line("ok", "write", ""),
        line("invoke", "read", ""),
        line("ok", "read", &format!(r#","value":{saw}"#)),
    ]
}

#[test]
fn a_stream_is_of_its_model() {
    let files = Files::new();
    files.put("two", &[stale(0, "a", "1"), stale(0, "b", "1")].concat());
    let swap = r#"{"process":0,"kind":"invoke","op":"cas","value":[1,2],"time":0}"#;
    files.put("cas", &[swap.to_owned()]);
    files.refused("check --stream --model register two", "two: line 5: key `b` after key `a`");
    files.refused("check --stream --model cas-register two", "two: line 5: key `b` after key `a`");
    files.refused("check --stream --model register cas", "use --model cas-register");
    files.refused("check --model register cas", "use --model cas-register");
    assert_eq!(files.run("check --stream --model map two cas").status.code(), Some(0));
}

#[test]
fn a_stream_names_the_file_and_says_everything_once() {
    let files = Files::new();
    files.put("good", &stale(0, "a", "1"));
    files.put("bad", &stale(0, "a", "null"));
    let said = text(&files.run("check --stream --model map good bad").stdout);
    assert_eq!(said.matches("read that saw null").count(), 1, "{said}");
    assert!(said.contains("bad: key a, line 4: process 0's read"), "{said}");
    let output = files.run("check --stream --model map good bad -o json");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &found["verdict"]), (Some(1), &"not-linearizable".into()));
    assert_eq!(found["files"][0]["verdict"], "linearizable");
    assert_eq!(found["files"][1]["violations"][0]["line"], 4);
}

#[test]
fn the_document_has_what_the_report_has() {
    let files = Files::new();
    files.put("bad", &stale(0, "a", "null"));
    files.put("good", &stale(0, "a", "1"));
    let found: Value =
        serde_json::from_slice(&files.run("check --model map bad good -o json --order").stdout).unwrap();
    let (bad, good) = (&found["files"][0], &found["files"][1]);
    assert_eq!((&bad["initial"], &bad["engines"]), (&Value::Null, &"auto".into()));
    assert!(bad["findings"].is_array());
    let key = &bad["keys"][0];
    assert_eq!(key["core"]["certified"], "brute-force");
    assert_eq!(key["core"]["operations"][1]["invoked_line"], 3);
    assert_eq!(key["degree"]["stale"]["stale"], 1);
    assert_eq!(good["keys"][0]["order"], serde_json::json!([0, 1]));
    let found: Value =
        serde_json::from_slice(&files.run("check --model map good -o json --no-lint").stdout).unwrap();
    assert_eq!(found["files"][0].get("findings"), None);
    assert_eq!(found["files"][0]["keys"][0].get("order"), None);
}

#[test]
fn shrink_takes_a_key_and_a_budget() {
    let files = Files::new();
    files.put("two", &[stale(0, "a", "null"), stale(1, "b", "null")].concat());
    let output = files.run("shrink --model map two");
    assert!(text(&output.stderr).contains("key a, one of 2 that are not linearizable"));
    let output = files.run("shrink --model map two --key b");
    assert!(text(&output.stdout).contains(r#""key":"b""#) && !text(&output.stdout).contains(r#""key":"a""#));
    files.refused("shrink --model map two --key c", "two: there is no key c");
    let output = files.run("shrink --model map two --engine search --budget 0");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn what_would_be_ignored_is_refused() {
    let files = Files::new();
    files.put("good", &stale(0, "a", "1"));
    files.refused("check --model map good --keyed", "--keyed is for EDN");
    files.refused("check --model set good --initial 1", "a set is empty at first");
    files.refused("check --model counter good --failed-cas drop", "the counter model has no cas");
    files.refused("check --model map good --initial foo", "with its quotes");
    files.refused("check --model map good --order", "in JSON only");
    files.refused("check --model map good --budget many", "not a whole number");
    assert_eq!(files.run("check --model map good --budget 1e6 --budget-bytes 2GB").status.code(), Some(0));
}

#[test]
fn no_history_is_generated_that_contradicts_itself() {
    let files = Files::new();
    files.refused("generate --writes 80 --cas 50", "writes and cas are 130 percent together");
    files.refused("generate --keys 2", "one register and has no 2 keys: use map");
    files.refused("generate --keys 0", "at least one key");
    files.refused("generate --model map --keys 2 --key a", "one key cannot name 2 objects");
    files.refused("generate --clients 99999999999", "at most 1000000 clients");
    files.refused("generate --model map --keys 99999999999", "at most 10000000 keys");
    let huge = "generate --clients 1 --operations 18446744073709551615 --plant stale-read --plant stale-read";
    let mut child = Command::new(env!("CARGO_BIN_EXE_history-checker"))
        .args(huge.split(' '))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "it begins, until nobody reads any more");
}

#[test]
fn reports_are_for_people() {
    let files = Files::new();
    files.put("bad", &stale(0, "a\\u001b[31m\\nb", "null"));
    let said = text(&files.run("check --model map bad").stdout);
    assert!(said.contains(r"key a\u{1b}[31m\nb") && !said.contains('\u{1b}'), "{said}");
    assert!(!said.contains("0 ns"), "there is no clock: {said}");
    assert_eq!(said.matches("NOT linearizable").count(), 1, "{said}");

    let long = format!("\"{}\"", "x".repeat(5_000));
    files.put("long", &stale(0, "a", &long));
    let said = text(&files.run("check --model map long --explain").stdout);
    assert!(said.len() < 2_000 && said.contains("… (5000 characters)"), "{said}");

    let keys: Vec<String> = (0..1_000).flat_map(|key| stale(0, &format!("k{key}"), "null")).collect();
    files.put("keys", &keys);
    let said = text(&files.run("check --model map keys").stdout);
    assert!(said.lines().count() < 400 && said.contains("… and 950 more keys NOT linearizable"), "{said}");

    let said = text(&files.run("check --model map bad missing --engine zones").stdout);
    assert!(said.contains("missing: cannot read"), "the table says why: {said}");
    let said = text(&files.run("lint bad").stdout);
    assert!(said.contains("1 key, 2 operations") && !said.contains("same time"), "{said}");
    assert!(said.contains("100 % of the outcomes are known"), "{said}");
}

/// Neither the file's name nor its bytes tell which format is meant.
#[test]
fn a_wrong_format_is_recognized() {
    let files = Files::new();
    files.put("lines.edn", &stale(0, "a", "1"));
    files.put("forms", &["{:process 0, :type :invoke, :f :write, :value [1 2]}".to_owned()]);
    files.refused("check --model map lines.edn", "--format jsonl");
    files.refused("check --model map forms", "--format edn");
    files.refused("check --model map forms --format edn", "--keyed");
}

/// The orders of so many enqueues are more than the budget allows.
#[test]
fn a_search_tells_how_far_it_is() {
    use std::sync::Mutex;

    use history_checker::format::jsonl;
    use history_checker::{Budget, ModelKind, Options, Progress, check_with};

    let line = |process: u64, kind: &str, op: &str, value: &str| {
        format!(r#"{{"process":{process},"kind":"{kind}","op":"{op}","value":{value},"time":0}}"#)
    };
    let asked = (0..14).map(|process| line(process, "invoke", "enqueue", &process.to_string()));
    let done = (0..14).map(|process| line(process, "ok", "enqueue", "null"));
    let dequeue = [line(0, "invoke", "dequeue", "null"), line(0, "ok", "dequeue", "99")];
    let lines: Vec<String> = asked.chain(done).chain(dequeue).collect();
    let history = jsonl::read(lines.join("\n").as_bytes()).unwrap();
    let budget = Budget { configurations: 200_000, ..Budget::default() };
    let heard = Mutex::new(Vec::new());
    let options = Options { budget, ..Options::default() };
    check_with(&history, ModelKind::Queue, &options, &|progress| {
        heard.lock().unwrap().push(match progress {
            Progress::Keys(keys) => format!("{keys} keys"),
            Progress::Searching(None, searching) => format!("of {}", searching.completed),
            Progress::Searching(Some(key), _) => format!("key {key}"),
            Progress::Decided(report) => report.verdict.summary().to_string(),
        });
    })
    .unwrap();
    let heard = heard.into_inner().unwrap();
    assert_eq!((heard[0].as_str(), heard[1].as_str()), ("1 keys", "of 15"), "{heard:?}");
    assert_eq!(heard.last().unwrap(), "unknown");
}
