//! `check`: verdicts on histories.

use std::path::{Path, PathBuf};

use anyhow::Context;
use history_checker::format::jsonl;
use history_checker::shrink::picture;
use history_checker::{Budget, History, Method, Options, Report, Summary, Value, check};

use super::{Exit, FailedCasArg, ModelArg};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The histories.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the history is of.
    #[arg(long, value_enum)]
    model: ModelArg,
    /// What a register holds at first: a JSON scalar, strings in quotes.
    #[arg(long, default_value = "null", value_parser = Value::from_json)]
    initial: Value,
    /// Whether a cas recorded as `fail` says that the register did not hold what it expected.
    #[arg(long, value_enum, default_value_t = FailedCasArg::Drop)]
    failed_cas: FailedCasArg,
    /// Configurations that the search may try for each key.
    #[arg(long, default_value_t = Budget::default().configurations)]
    budget: u64,
    /// Use the search even where the faster engine is exact.
    #[arg(long)]
    search_only: bool,
    /// Draw the operations that prove a violation, to be pasted into an issue.
    #[arg(long)]
    explain: bool,
}

/// Checks every file, and says what the worst verdict was.
pub(super) fn run(args: &Args) -> Exit {
    let mut explanations = String::new();
    let outcomes: Vec<anyhow::Result<Report>> = (args.files.iter())
        .map(|file| {
            let (report, explained) = check_file(file, args)?;
            explanations += &explained;
            Ok(report)
        })
        .collect();
    if let [Ok(report)] = &outcomes[..] {
        println!("{report}");
    } else if outcomes.len() > 1 {
        print_table(&args.files, &outcomes);
    }
    print!("{explanations}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        eprintln!("error: {error:#}");
    }
    outcomes.iter().map(exit).max().unwrap_or(Exit::BadFile)
}

fn check_file(file: &Path, args: &Args) -> anyhow::Result<(Report, String)> {
    let history = jsonl::read_file(file).with_context(|| file.display().to_string())?;
    let report =
        check(&history, args.model.into(), &args.options()).with_context(|| file.display().to_string())?;
    let explained =
        if args.explain { explain(file, &history, &report, args.files.len() == 1) } else { String::new() };
    Ok((report, explained))
}

/// A picture for each key that is not linearizable; with the sentence where the report does not stand right above.
fn explain(file: &Path, history: &History, report: &Report, alone: bool) -> String {
    let mut text = String::new();
    for (key, violation) in report.violations() {
        text.push('\n');
        if !(alone && report.keys.len() == 1) {
            let of = key.key.as_ref().map_or_else(String::new, |key| format!(", key {key}"));
            text += &format!("{}{of}: {}\n", file.display(), violation.sentence);
            text.push('\n');
        }
        text += &picture(history, violation);
    }
    text
}

fn print_table(files: &[PathBuf], outcomes: &[anyhow::Result<Report>]) {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    println!("{:width$}  {:16}  {:>10}  {:>8}  {:>6}", "file", "verdict", "operations", "open", "keys");
    for (name, outcome) in names.iter().zip(outcomes) {
        let Ok(report) = outcome else {
            println!("{name:width$}  bad file");
            continue;
        };
        let counts = report.counts();
        let operations = counts.completed + counts.open + counts.not_applied;
        let keys = report.keys.len();
        println!("{name:width$}  {:16}  {operations:>10}  {:>8}  {keys:>6}", report.summary(), counts.open);
        for (_, violation) in report.violations() {
            println!("    {}", violation.sentence);
        }
    }
}

fn exit(outcome: &anyhow::Result<Report>) -> Exit {
    match outcome.as_ref().map(Report::summary) {
        Ok(Summary::Linearizable) => Exit::Linearizable,
        Ok(Summary::NotLinearizable) => Exit::NotLinearizable,
        Ok(Summary::Unknown) => Exit::Unknown,
        Err(_) => Exit::BadFile,
    }
}

impl Args {
    fn options(&self) -> Options {
        Options {
            initial: self.initial.clone(),
            failed_cas: self.failed_cas.into(),
            budget: Budget { configurations: self.budget, ..Budget::default() },
            method: if self.search_only { Method::SearchOnly } else { Method::Auto },
        }
    }
}
