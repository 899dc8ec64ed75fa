//! Rows, medians, and the comparison with the reference.

use std::fmt::Write as _;
use std::time::Duration;

use raft::wire::Kind;

use crate::lab::Margin;
use crate::suite::{Cost, Test};

/// One run of one test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub test: &'static Test,
    /// The run seed under which it is repeated.
    pub seed: u64,
    /// What it cost, as far as it got.
    pub cost: Cost,
    /// How near it came to its limits.
    pub margins: Vec<Margin>,
    /// Frames sent, by kind.
    pub kinds: Vec<(Kind, u64)>,
    /// What went wrong, and what the nodes said then.
    pub failure: Option<String>,
}

impl Outcome {
    /// Of a run that has not begun.
    #[must_use]
    pub fn new(test: &'static Test, seed: u64) -> Outcome {
        let cost = Cost::default();
        Outcome { test, seed, cost, margins: Vec::new(), kinds: Vec::new(), failure: None }
    }
}

/// The line that announces a test.
#[must_use]
pub fn heading(test: &Test) -> String {
    format!("Test ({}): {} ...", test.part.name(), test.name)
}

/// The line that ends it; `command` repeats it.
#[must_use]
pub fn row(outcome: &Outcome, command: &str) -> String {
    let Outcome { test, seed, cost, .. } = outcome;
    match &outcome.failure {
        None => format!("  ... Passed --  {}", columns(test, cost)),
        Some(why) => format!(
            "  ... FAILED after {:.1} s, seed {seed}: {why}\n  repeat with: {command} --seed {seed} '{}'",
            cost.seconds, test.name
        ),
    }
}

fn columns(test: &Test, cost: &Cost) -> String {
    let Cost { seconds, rpcs, bytes, commits } = cost;
    format!("{seconds:4.1}  {} {rpcs:4} {bytes:7} {commits:4}", test.peers)
}

/// The line that ends a test that was run under many seeds: medians of those that passed, and how many
/// did not.
#[must_use]
pub fn seeds_row(test: &Test, outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let verdict = if failed == 0 { "Passed --" } else { "FAILED --" };
    let figures = median(test, outcomes).map(|cost| columns(test, &cost)).unwrap_or_default();
    let seeds = match outcomes.len() {
        1 => "1 seed".to_owned(),
        several => format!("{several} seeds"),
    };
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    format!("  ... {verdict}  {figures}   {seeds}{failed}")
}

/// How near the runs of a test came to its limits: the worst of all, and under which seed.
#[must_use]
pub fn worst(outcomes: &[Outcome]) -> String {
    let mut worst: Vec<(u64, Margin)> = Vec::new();
    for outcome in outcomes {
        for margin in &outcome.margins {
            match worst.iter_mut().find(|(_, known)| known.what == margin.what) {
                Some((_, known)) if known.seen >= margin.seen => {}
                Some(known) => *known = (outcome.seed, margin.clone()),
                None => worst.push((outcome.seed, margin.clone())),
            }
        }
    }
    let each = worst.iter().map(|(seed, m)| format!("{} {} of {} (seed {seed})", m.what, m.seen, m.limit));
    format!("      {}", each.collect::<Vec<_>>().join(", "))
}

/// The seed, how near the run came to its limits, and what it sent.
#[must_use]
pub fn details(outcome: &Outcome) -> String {
    let limits = outcome.margins.iter().map(|m| format!("{} {} of {}", m.what, m.seen, m.limit));
    let kinds = outcome.kinds.iter().map(|(kind, frames)| format!("{} {frames}", kind.name()));
    let lines = [
        format!("seed {}", outcome.seed),
        limits.collect::<Vec<_>>().join(", "),
        kinds.collect::<Vec<_>>().join(", "),
    ];
    lines.map(|line| format!("      {line}")).join("\n")
}

/// The middle of each figure over the passed runs of a test; `None` if none passed.
#[must_use]
pub fn median(test: &Test, outcomes: &[Outcome]) -> Option<Cost> {
    let runs: Vec<Cost> = outcomes
        .iter()
        .filter(|outcome| outcome.test.name == test.name && outcome.failure.is_none())
        .map(|outcome| outcome.cost)
        .collect();
    Some(Cost {
        seconds: middle(runs.iter().map(|run| run.seconds))?,
        rpcs: middle(runs.iter().map(|run| run.rpcs))?,
        bytes: middle(runs.iter().map(|run| run.bytes))?,
        commits: middle(runs.iter().map(|run| run.commits))?,
    })
}

/// The upper median.
fn middle<T: PartialOrd + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied()
}

/// A row of medians for each test that passed.
#[must_use]
pub fn medians(tests: &[&'static Test], outcomes: &[Outcome]) -> String {
    let mut table = format!("\n{:62} {:>6} {:>6} {:>9} {:>7}\n", "medians", "s", "RPCs", "bytes", "commits");
    for test in tests {
        if let Some(Cost { seconds, rpcs, bytes, commits }) = median(test, outcomes) {
            let name = format!("{} {}", test.part.name(), test.name);
            let _ = writeln!(table, "{name:62} {seconds:6.1} {rpcs:6} {bytes:9} {commits:7}");
        }
    }
    table
}

/// Our medians beside the reference, as a Markdown table. A ratio is ours over the reference's.
#[must_use]
pub fn comparison(tests: &[&'static Test], outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "\n| test | s | ref | ratio | RPCs | ref | ratio | bytes | ref | ratio | commits | ref | bytes per commit, ratio |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for test in tests {
        let Some(ours) = median(test, outcomes) else { continue };
        let reference = test.reference;
        let each = |cost: Cost| (cost.commits > 0).then(|| cost.bytes as f64 / cost.commits as f64);
        let per_commit = match (each(ours), each(reference)) {
            (Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
            _ => "-".to_owned(),
        };
        let _ = writeln!(
            table,
            "| {} {} | {:.1} | {:.1} | {:.2} | {} | {} | {:.2} | {} | {} | {:.2} | {} | {} | {} |",
            test.part.name(),
            test.name,
            ours.seconds,
            reference.seconds,
            ours.seconds / reference.seconds,
            ours.rpcs,
            reference.rpcs,
            ours.rpcs as f64 / reference.rpcs as f64,
            ours.bytes,
            reference.bytes,
            ours.bytes as f64 / reference.bytes as f64,
            ours.commits,
            reference.commits,
            per_commit,
        );
    }
    table
}

/// The last lines: totals as the reference gives them, and the verdict.
#[must_use]
pub fn totals(outcomes: &[Outcome], real: Duration, cpu: Option<Cpu>) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let passed = outcomes.len() - failed;
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let cpu = match cpu {
        Some(Cpu { user, system }) => format!("{user:.1} s user, {system:.1} s system"),
        None => "CPU time unknown".to_owned(),
    };
    let real = real.as_secs_f64();
    format!(
        "\n{real:.1} s real, {cpu}\ntest result: {verdict}. {passed} passed; {failed} failed; finished in {real:.2}s"
    )
}

/// CPU seconds of this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpu {
    /// In its own code.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

/// What this process has used so far, where the system tells.
#[must_use]
pub fn cpu() -> Option<Cpu> {
    parse_stat(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// `utime` and `stime` of proc_pid_stat(5), in hundredths of a second, the 12th and 13th field
/// after the command's name, which may itself hold anything, but no later parenthesis.
fn parse_stat(stat: &str) -> Option<Cpu> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    Some(Cpu { user: times.next()?.ok()? / 100.0, system: times.next()?.ok()? / 100.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::TESTS;

    fn outcome(cost: Cost) -> Outcome {
        Outcome { cost, ..Outcome::new(&TESTS[0], 7) }
    }

    #[test]
    fn a_row_looks_like_the_reference() {
        let test = &TESTS[0];
        assert_eq!(heading(test), "Test (4A): initial election ...");
        let row = row(&outcome(test.reference), "");
        assert_eq!(row, "  ... Passed --   4.0  3   32    9170    0");
    }

    #[test]
    fn a_failure_tells_how_to_repeat_it() {
        let failed = Outcome { failure: Some("no leader".to_owned()), ..outcome(Cost::default()) };
        let row = row(&failed, "cargo xtask test-4a");
        assert!(row.contains("FAILED") && row.contains("no leader"));
        assert!(row.ends_with("repeat with: cargo xtask test-4a --seed 7 'initial election'"));
    }

    #[test]
    fn medians_are_by_column_and_of_passed_runs() {
        let mut outcomes: Vec<Outcome> = [(1.0, 30), (3.0, 10), (2.0, 20)]
            .map(|(seconds, rpcs)| outcome(Cost { seconds, rpcs, bytes: 1, commits: 0 }))
            .to_vec();
        outcomes
            .push(Outcome { failure: Some(String::new()), ..outcome(Cost { rpcs: 999, ..Cost::default() }) });
        let median = median(&TESTS[0], &outcomes).unwrap();
        assert_eq!((median.seconds, median.rpcs), (2.0, 20));
        assert_eq!(super::median(&TESTS[1], &outcomes), None);
    }

    #[test]
    fn a_row_of_seeds_counts_those_that_failed() {
        let mut outcomes = vec![outcome(TESTS[0].reference); 3];
        let row = seeds_row(&TESTS[0], &outcomes);
        assert_eq!(row, "  ... Passed --   4.0  3   32    9170    0   3 seeds");
        outcomes[1].failure = Some("no leader".to_owned());
        outcomes[1].cost.rpcs = 999;
        let row = seeds_row(&TESTS[0], &outcomes);
        assert_eq!(row, "  ... FAILED --   4.0  3   32    9170    0   3 seeds, 1 failed");
    }

    #[test]
    fn the_worst_of_all_seeds_is_shown_with_its_seed() {
        let with = |seed, seen| Outcome {
            seed,
            margins: vec![Margin { what: "ms", seen, limit: 10 }],
            ..outcome(Cost::default())
        };
        assert_eq!(worst(&[with(1, 5), with(2, 7), with(3, 7)]), "      ms 7 of 10 (seed 2)");
    }

    #[test]
    fn cpu_times_are_found_behind_any_name() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0";
        assert_eq!(parse_stat(stat), Some(Cpu { user: 1.5, system: 0.25 }));
        assert_eq!(parse_stat("nonsense"), None);
    }
}
