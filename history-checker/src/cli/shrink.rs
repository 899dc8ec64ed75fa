//! `shrink`: the few operations that prove a violation, as a history of their own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use history_checker::format::jsonl;
use history_checker::{History, Options, Report, Summary, Value, Violation, check};

use super::input::Input;
use super::{Exit, FailedCasArg, ModelArg};

/// Arguments of `shrink`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The history.
    file: PathBuf,
    #[command(flatten)]
    input: Input,
    /// What the history is of.
    #[arg(long, value_enum)]
    model: ModelArg,
    /// What a register holds at first: a JSON scalar, strings in quotes.
    #[arg(long, default_value = "null", value_parser = Value::from_json)]
    initial: Value,
    /// Whether a cas recorded as `fail` says that the register did not hold what it expected.
    #[arg(long, value_enum, default_value_t = FailedCasArg::Drop)]
    failed_cas: FailedCasArg,
    /// Where to write the operations, as JSON lines; standard output unless given.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// Writes the smallest core of the history, and says on stderr what it proves. The exit code is that of `check`.
pub(super) fn run(args: &Args) -> Exit {
    match attempt(args) {
        Ok(Summary::Linearizable) => Exit::Linearizable,
        Ok(Summary::NotLinearizable) => Exit::NotLinearizable,
        Ok(Summary::Unknown) => Exit::Unknown,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::BadFile
        }
    }
}

fn attempt(args: &Args) -> anyhow::Result<Summary> {
    let name = || args.file.display().to_string();
    let history = args.input.read(&args.file)?;
    let options =
        Options { initial: args.initial.clone(), failed_cas: args.failed_cas.into(), ..Options::default() };
    let report = check(&history, args.model.into(), &options).with_context(name)?;
    match smallest(&report) {
        None => eprintln!("{report}"),
        Some(violation) => {
            write(args.output.as_deref(), &violation.core.history(&history))?;
            told(&history, violation);
        }
    }
    Ok(report.summary())
}

fn smallest(report: &Report) -> Option<&Violation> {
    report
        .violations()
        .map(|(_, violation)| violation)
        .min_by_key(|violation| violation.core.operations.len())
}

fn told(history: &History, violation: &Violation) {
    let (few, all) = (violation.core.operations.len(), history.operations().len());
    eprintln!("{few} of {all} operations, {}:\n{}", violation.core.certified, violation.sentence);
}

fn write(output: Option<&Path>, core: &History) -> anyhow::Result<()> {
    match output {
        None => jsonl::write_history(BufWriter::new(io::stdout().lock()), core).context("standard output"),
        Some(path) => {
            let name = || path.display().to_string();
            let mut file = BufWriter::new(File::create(path).with_context(name)?);
            jsonl::write_history(&mut file, core).and_then(|()| file.flush()).with_context(name)
        }
    }
}
