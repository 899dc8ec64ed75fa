//! `lint`: what histories are worth as tests.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use history_checker::lint::{Lint, Severity, lint_from};
use history_checker::{History, Report, Value};
use serde::Serialize;

use super::Exit;
use super::input::Input;

/// Arguments of `lint`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The histories.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    input: Input,
    /// What a register holds at first: a JSON scalar, strings in quotes.
    #[arg(long, default_value = "null", value_parser = Value::from_json)]
    initial: Value,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// An array with one object per file that could be read.
    Json,
}

#[derive(Serialize)]
struct Linted<'a> {
    file: String,
    #[serde(flatten)]
    lint: &'a Lint,
}

/// Lints every file. A serious finding counts like a violation.
pub(super) fn run(args: &Args) -> Exit {
    let outcomes: Vec<anyhow::Result<Lint>> = args.files.iter().map(|file| lint_file(file, args)).collect();
    match args.output {
        Output::Text => print_text(&args.files, &outcomes),
        Output::Json => print_json(&args.files, &outcomes),
    }
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        eprintln!("error: {error:#}");
    }
    outcomes.iter().map(exit).max().unwrap_or(Exit::BadFile)
}

/// A good verdict on a longer history is given without a look at what the history is worth: `lint` takes about as long
/// as the check itself.
const ALWAYS_LINTED: usize = 200_000;

/// What a reader of this report must know, on the error stream; nothing where nothing is serious.
pub(super) fn warn(file: &Path, history: &History, initial: &Value, report: &Report) {
    if history.operations().len() > ALWAYS_LINTED && report.is_linearizable() {
        return;
    }
    let findings = lint_from(history, initial).findings;
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Serious) {
        eprintln!("{}: {finding}", file.display());
    }
}

fn lint_file(file: &Path, args: &Args) -> anyhow::Result<Lint> {
    let history = args.input.read(file)?;
    Ok(lint_from(&history, &args.initial))
}

fn print_text(files: &[PathBuf], outcomes: &[anyhow::Result<Lint>]) {
    for (file, outcome) in files.iter().zip(outcomes) {
        let Ok(lint) = outcome else { continue };
        if files.len() > 1 {
            println!("{}", file.display());
        }
        println!("{lint}");
    }
}

fn print_json(files: &[PathBuf], outcomes: &[anyhow::Result<Lint>]) {
    let all: Vec<Linted<'_>> = (files.iter().zip(outcomes))
        .filter_map(|(file, outcome)| {
            Some(Linted { file: file.display().to_string(), lint: outcome.as_ref().ok()? })
        })
        .collect();
    match serde_json::to_string_pretty(&all) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("error: {error}"),
    }
}

fn exit(outcome: &anyhow::Result<Lint>) -> Exit {
    let serious = |lint: &Lint| lint.findings.iter().any(|finding| finding.severity == Severity::Serious);
    match outcome {
        Ok(lint) if serious(lint) => Exit::NotLinearizable,
        Ok(_) => Exit::Linearizable,
        Err(_) => Exit::BadFile,
    }
}
