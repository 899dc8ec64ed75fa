//! The program and what it reads and writes: no history is lost, and a closed pipe or a full disk is no crash.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const GOOD: &str = r#"{"process":0,"kind":"invoke","op":"write","key":"a","value":1,"time":1}
{"process":0,"kind":"ok","op":"write","key":"a","time":2}
{"process":0,"kind":"invoke","op":"read","key":"a","time":3}
{"process":0,"kind":"ok","op":"read","key":"a","value":1,"time":4}
"#;

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        files.put("good", GOOD);
        files.put("bad", &GOOD.replace("\"value\":1,\"time\":4", "\"value\":null,\"time\":4"));
        files.put("broken", &format!("{GOOD}{{\n"));
        files
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names are arguments that begin with a dot and a slash.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_history-checker"));
        command.current_dir(self.0.path()).args(arguments.split(' '));
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn no_command_overwrites_its_input() {
    let files = Files::new();
    std::fs::hard_link(files.path("bad"), files.path("link")).unwrap();
    let bad = std::fs::read_to_string(files.path("bad")).unwrap();
    for arguments in [
        "check --model map bad --html bad",
        "check --model map bad --html link",
        "shrink --model map bad -o bad",
        "convert bad link --to edn",
    ] {
        let output = files.run(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments}");
        assert!(text(&output.stderr).contains("is the input"), "{arguments}: {}", text(&output.stderr));
        assert_eq!(std::fs::read_to_string(files.path("bad")).unwrap(), bad, "{arguments}");
    }
}

#[test]
fn what_cannot_be_written_to_its_end_is_not_written() {
    let files = Files::new();
    files.put("old.edn", "{:process 7}");
    let before = files.names();
    for output in ["old.edn", "new.edn"] {
        let output = files.run(&format!("convert broken {output}"));
        assert_eq!(output.status.code(), Some(3));
        assert!(text(&output.stderr).contains("broken: line 5"), "{}", text(&output.stderr));
    }
    assert_eq!(files.names(), before);
    assert_eq!(std::fs::read_to_string(files.path("old.edn")).unwrap(), "{:process 7}");
    assert_eq!(files.run("convert good old.edn").status.code(), Some(0));
    assert_eq!(files.names(), before);
    assert!(std::fs::read_to_string(files.path("old.edn")).unwrap().contains(":write"));
}

#[test]
fn the_format_goes_by_the_name_of_what_is_written() {
    let files = Files::new();
    assert_eq!(files.run("shrink --model map bad -o core.edn").status.code(), Some(1));
    assert_eq!(files.run("check --model map core.edn").status.code(), Some(1));
    assert_eq!(files.run("generate --operations 20 -o new.edn").status.code(), Some(0));
    assert_eq!(files.run("check --model cas-register new.edn").status.code(), Some(0));
    for name in ["core.edn", "new.edn"] {
        assert!(std::fs::read_to_string(files.path(name)).unwrap().starts_with("{:"), "{name}");
    }
    let output = files.run("generate --operations 20 --to edn");
    assert!(text(&output.stdout).starts_with("{:"));
}

#[test]
fn every_command_reads_standard_input() {
    let files = Files::new();
    for (arguments, code) in [
        ("check --model map -", 1),
        ("check --model map --stream -", 1),
        ("lint -", 0),
        ("shrink --model map -", 1),
        ("convert - -", 0),
    ] {
        let input = std::fs::File::open(files.path("bad")).unwrap();
        let output = files.command(arguments).stdin(input).output().unwrap();
        let lint = arguments.starts_with("lint") && output.status.code() == Some(1);
        assert!(output.status.code() == Some(code) || lint, "{arguments}: {}", text(&output.stderr));
    }
    let output = files.run("check --model map missing");
    let stderr = text(&output.stderr);
    assert_eq!(stderr.matches("No such file").count(), 1, "{stderr}");
}

/// The reader is gone before anything is written.
#[test]
fn a_closed_pipe_leaves_the_verdict_as_it_is() {
    let files = Files::new();
    for (arguments, code) in [
        ("check --model map bad", 1),
        ("check --model map good", 0),
        ("check --model map good bad", 1),
        ("check --model map bad -o json", 1),
        ("check --model map bad --explain", 1),
        ("check --model map bad --stream", 1),
        ("lint good", 0),
        ("lint good -o json", 0),
        ("shrink --model map bad", 1),
        ("convert good -", 0),
        ("generate", 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = files.command(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{arguments}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let files = Files::new();
    for arguments in [
        "check --model map good",
        "check --model map good -o json",
        "check --model map good --stream",
        "check --model map good --html /dev/full",
        "lint good",
        "shrink --model map bad",
        "convert good -",
        "convert good /dev/full --to edn",
        "generate",
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = files.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments}: {stderr}");
        assert!(stderr.contains("cannot write") && !stderr.contains("good:"), "{arguments}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_report_is_printed_though_the_page_cannot_be() {
    let output = Files::new().run("check --model map bad --html /dev/full");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("NOT linearizable"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("/dev/full: cannot write"), "{}", text(&output.stderr));
}

/// The pipe stays open: the verdict can come from the interrupt only.
#[cfg(unix)]
#[test]
fn an_interrupted_stream_says_what_it_knows() {
    use std::io::Write;

    let files = Files::new();
    let mut child = files
        .command("check --model map --stream -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&std::fs::read(files.path("bad")).unwrap()).unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut first = [0; 16];
    output.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"key a, line 4: p");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(
        rest.contains("interrupted, until now NOT linearizable: 2 operations (0 open, 0 failed)"),
        "{rest}"
    );
}

/// Lint and shrink wait for a pipe that nobody writes to.
#[cfg(unix)]
#[test]
fn every_command_can_be_interrupted() {
    let files = Files::new();
    assert!(Command::new("mkfifo").arg(files.path("pipe")).status().unwrap().success());
    for (arguments, expected, code) in [
        ("lint good pipe", "interrupted: 1 of 2 files linted", 2),
        ("shrink --model map pipe -o core", "pipe: still being read", 2),
        ("convert pipe new --to edn", "interrupted", 3),
    ] {
        let mut command = files.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _never_written_to = std::fs::File::options().write(true).open(files.path("pipe")).unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{arguments}");
        let said = text(&ended.stdout) + &text(&ended.stderr);
        assert!(said.contains(expected), "{arguments}: {said}");
        assert_eq!(files.names(), ["bad", "broken", "good", "pipe"], "{arguments}");
    }
}
