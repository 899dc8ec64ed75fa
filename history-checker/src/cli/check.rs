//! `check`: verdicts on histories.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use history_checker::format::jsonl;
use history_checker::{Budget, History, KeyReport, Method, Options, Report, Value, check_with};

use super::known::{Known, Output};
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
    /// Bytes in which the search may remember them, for each key; as many keys are searched at once as there are
    /// processors.
    #[arg(long, default_value_t = Budget::default().bytes)]
    budget_bytes: u64,
    /// Which engines may be used.
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    engine: EngineArg,
    /// How the verdicts are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Which engines may be used.
#[derive(Clone, Copy, ValueEnum)]
enum EngineArg {
    /// Zones where they are exact, the search elsewhere.
    Auto,
    /// Zones only: fast always, and unknown where they are not exact.
    Zones,
    /// The search only, as a second opinion.
    Search,
}

/// Checks every file, and says what the worst verdict was.
pub(super) fn run(args: &Args) -> Exit {
    let known = Known::new(&args.files, args.output);
    known.print_when_interrupted();
    for file in &args.files {
        known.begin();
        known.file(check_file(file, args, &known));
    }
    known.finish()
}

fn check_file(file: &Path, args: &Args, known: &Known) -> anyhow::Result<(History, Report)> {
    let name = || file.display().to_string();
    let history = jsonl::read_file(file).with_context(name)?;
    let decided = |key: &KeyReport, keys| known.key(key, keys);
    let report = check_with(&history, args.model.into(), &args.options(), &decided).with_context(name)?;
    Ok((history, report))
}

impl Args {
    fn options(&self) -> Options {
        Options {
            initial: self.initial.clone(),
            failed_cas: self.failed_cas.into(),
            budget: Budget { configurations: self.budget, bytes: self.budget_bytes },
            method: match self.engine {
                EngineArg::Auto => Method::Auto,
                EngineArg::Zones => Method::ZonesOnly,
                EngineArg::Search => Method::SearchOnly,
            },
        }
    }
}
