//! Steps that run one after the other: each with its name and its time, a table at the end, and for
//! each failure the command that repeats it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::command::{Cmd, Outcome};
use crate::workspace::Workspace;

/// One thing that must hold.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) command: Cmd,
    /// The step without whose success this one cannot say anything.
    pub(crate) needs: Option<&'static str>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// A step that it needs failed.
    NotRun,
}

struct Done {
    name: &'static str,
    verdict: Verdict,
    time: Duration,
    /// The gist of its output.
    note: String,
    /// How to see a failure again.
    repeat: Vec<String>,
}

/// Runs every step whose needs are met, prints the table, and says whether all passed. To take longer than `limit` is
/// no failure, but it is said.
pub(crate) fn run_all(workspace: &Workspace, steps: &[Step], limit: Option<Duration>) -> bool {
    let started = Instant::now();
    let mut done: Vec<Done> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        println!("\n==> {}/{} {}: {}", i + 1, steps.len(), step.name, step.command);
        let missing = step.needs.filter(|needed| {
            done.iter().any(|earlier| earlier.name == *needed && earlier.verdict != Verdict::Passed)
        });
        let result = match missing {
            Some(needed) => Done {
                name: step.name,
                verdict: Verdict::NotRun,
                time: Duration::ZERO,
                note: format!("needs `{needed}`"),
                repeat: Vec::new(),
            },
            None => run_one(workspace, step),
        };
        println!("<== {}: {} after {}", step.name, result.verdict.word(), clock(result.time));
        done.push(result);
    }
    print!("\n{}", summary(&done, started.elapsed(), limit));
    done.iter().all(|step| step.verdict == Verdict::Passed)
}

fn run_one(workspace: &Workspace, step: &Step) -> Done {
    let started = Instant::now();
    let outcome = step.command.watch(workspace, true).unwrap_or_else(|error| {
        println!("error: {error:#}");
        Outcome { success: false, lines: Vec::new() }
    });
    let verdict = if outcome.success { Verdict::Passed } else { Verdict::Failed };
    let repeat = if outcome.success { Vec::new() } else { how_to_repeat(&step.command, &outcome.lines) };
    Done { name: step.name, verdict, time: started.elapsed(), note: gist(&outcome.lines), repeat }
}

/// The command, then what the output itself says of seeds and replays.
fn how_to_repeat(command: &Cmd, lines: &[String]) -> Vec<String> {
    const HINTS: usize = 5;
    let mut repeat = vec![command.to_string()];
    let hints = lines.iter().filter(|line| {
        let line = line.to_lowercase();
        ["seed ", "seed=", "seed:", "replay:"].iter().any(|hint| line.contains(hint))
    });
    repeat.extend(hints.map(|line| line.trim().to_owned()).take(HINTS));
    repeat
}

/// A few words for the table: how many tests, or the verdict.
fn gist(lines: &[String]) -> String {
    if let Some(line) = lines.iter().rev().find(|line| line.starts_with("verdict: ")) {
        return line.trim_start_matches("verdict: ").to_owned();
    }
    let bugs = |line: &str| Some(line.split_once(" seeded bugs, ")?.1.split_once(": ")?.1.to_owned());
    if let Some(found) = lines.iter().rev().find_map(|line| bugs(line)) {
        return found;
    }
    let (passed, failed) = test_counts(lines);
    if passed + failed > 0 {
        return match failed {
            0 => format!("{passed} tests"),
            _ => format!("{failed} of {} tests failed", passed + failed),
        };
    }
    let lab = lines.iter().filter(|line| line.trim_start().starts_with("... Passed")).count();
    if lab > 0 { format!("{lab} tests") } else { String::new() }
}

/// Tests that passed and failed, by the summaries of Rust's test harness.
pub(crate) fn test_counts(lines: &[String]) -> (usize, usize) {
    let number = |part: &str| part.split_whitespace().rev().nth(1).and_then(|n| n.parse::<usize>().ok());
    let mut counts = (0, 0);
    for line in lines.iter().filter(|line| line.starts_with("test result: ")) {
        for part in line.split(';') {
            if part.ends_with(" passed") {
                counts.0 += number(part).unwrap_or(0);
            } else if part.ends_with(" failed") {
                counts.1 += number(part).unwrap_or(0);
            }
        }
    }
    counts
}

fn summary(done: &[Done], total: Duration, limit: Option<Duration>) -> String {
    let width = done.iter().map(|step| step.name.len()).max().unwrap_or(0).max("in all".len());
    let mut text = String::new();
    for step in done {
        let row = format!(
            "{:width$}  {:7}  {:>5}  {}",
            step.name,
            step.verdict.word(),
            clock(step.time),
            step.note
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
    let limit = match limit {
        Some(limit) if total > limit => format!("  WARNING: more than {}", clock(limit)),
        Some(limit) => format!("  of {}", clock(limit)),
        None => String::new(),
    };
    let _ = writeln!(text, "{:width$}  {:7}  {:>5}{limit}", "in all", "", clock(total));
    for step in done.iter().filter(|step| !step.repeat.is_empty()) {
        let _ = writeln!(text, "\n{} failed. To see it again:", step.name);
        for line in &step.repeat {
            let _ = writeln!(text, "    {line}");
        }
    }
    // A step that could not run has not passed; alone on its line, this is what CI looks for.
    let passed = done.iter().filter(|step| step.verdict == Verdict::Passed).count();
    let _ = writeln!(text, "\n{passed} passed, {} failed", done.len() - passed);
    text
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::NotRun => "not run",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &'static str, script: &str, needs: Option<&'static str>) -> Step {
        Step { name, command: Cmd::path("sh", ["-c", script]), needs }
    }

    #[test]
    fn a_failure_stops_only_the_steps_that_need_it() {
        let workspace = Workspace::find().unwrap();
        let good = shell("good", "true", None);
        assert!(run_all(&workspace, std::slice::from_ref(&good), None));
        assert!(!run_all(&workspace, &[shell("bad", "false", None), good], None));
    }

    #[test]
    fn the_summary_ends_with_the_line_that_ci_reads() {
        let done = |name, verdict, repeat| Done {
            name,
            verdict,
            time: Duration::from_secs(61),
            note: "2 tests".to_owned(),
            repeat,
        };
        let text = summary(
            &[
                done("fmt", Verdict::Passed, vec![]),
                done("tests", Verdict::Failed, vec!["cargo test".to_owned()]),
                done("demo", Verdict::NotRun, vec![]),
            ],
            Duration::from_secs(125),
            None,
        );
        assert_eq!(
            text,
            "fmt     passed    1:01  2 tests\n\
             tests   FAILED    1:01  2 tests\n\
             demo    not run   1:01  2 tests\n\
             in all            2:05\n\
             \n\
             tests failed. To see it again:\n    cargo test\n\
             \n\
             1 passed, 2 failed\n"
        );
    }

    #[test]
    fn what_takes_too_long_is_said() {
        let limit = Duration::from_secs(1500);
        let text = |seconds| summary(&[], Duration::from_secs(seconds), Some(limit));
        assert!(text(1500).contains("25:00  of 25:00\n"), "{}", text(1500));
        assert!(text(1501).contains("25:01  WARNING: more than 25:00\n"));
        // All the same the last line is what CI reads.
        assert!(text(1501).ends_with("\n0 passed, 0 failed\n"));
    }

    #[test]
    fn tests_are_counted_over_all_binaries() {
        let lines = [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ]
        .map(str::to_owned);
        assert_eq!(test_counts(&lines), (13, 2));
        assert_eq!(gist(&lines), "2 of 15 tests failed");
    }

    #[test]
    fn seeded_bugs_are_told_by_what_found_them() {
        let lines = ["2 seeded bugs, 1 of them known from real systems: 2 found, by tests 1 of 1".to_owned()];
        assert_eq!(gist(&lines), "2 found, by tests 1 of 1");
    }

    #[test]
    fn seeds_in_the_output_are_repeated() {
        let lines = ["running 1 test", "  run with seed 77 diverged"].map(str::to_owned);
        let repeat = how_to_repeat(&Cmd::cargo(["test"]), &lines);
        assert_eq!(repeat, ["cargo test", "run with seed 77 diverged"]);
    }
}
