//! `history-checker check FILE…`: verdicts for people on stdout, for scripts in the exit code.
//!
//! 0 linearizable · 1 not · 2 unknown · 3 a file, or the command line, is wrong. Of several files the worst counts:
//! 3, then 1, then 2.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use history_checker::format::jsonl;
use history_checker::{Budget, FailedCas, Method, ModelKind, Options, Report, Summary, Value, check};

/// Decides whether recorded histories are linearizable.
#[derive(Parser)]
#[command(name = "history-checker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check histories in JSON lines. Exit code: 0 linearizable, 1 not, 2 unknown, 3 bad file.
    Check(CheckArgs),
}

#[derive(Args)]
struct CheckArgs {
    /// The histories.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the history is of; `map` is a register for each key.
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
}

#[derive(Clone, Copy, ValueEnum)]
enum ModelArg {
    Register,
    CasRegister,
    Map,
}

#[derive(Clone, Copy, ValueEnum)]
enum FailedCasArg {
    Observe,
    Drop,
}

/// What became of a file, from good to bad: another order than that of the codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    Linearizable,
    Unknown,
    NotLinearizable,
    BadFile,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Clap's own code for a wrong command line would read as "unknown".
        Err(error) => {
            let exit = if error.use_stderr() { Exit::BadFile } else { Exit::Linearizable };
            let _printed = error.print();
            return exit.code();
        }
    };
    let Command::Check(args) = cli.command;
    run(&args).code()
}

fn run(args: &CheckArgs) -> Exit {
    let outcomes: Vec<anyhow::Result<Report>> =
        args.files.iter().map(|file| check_file(file, args)).collect();
    if let [Ok(report)] = &outcomes[..] {
        println!("{report}");
    } else if outcomes.len() > 1 {
        print_table(&args.files, &outcomes);
    }
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        eprintln!("error: {error:#}");
    }
    outcomes.iter().map(exit).max().unwrap_or(Exit::BadFile)
}

fn check_file(file: &Path, args: &CheckArgs) -> anyhow::Result<Report> {
    let history = jsonl::read_file(file).with_context(|| file.display().to_string())?;
    check(&history, args.model.into(), &args.options()).with_context(|| file.display().to_string())
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

impl Exit {
    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Exit::Linearizable => 0,
            Exit::NotLinearizable => 1,
            Exit::Unknown => 2,
            Exit::BadFile => 3,
        })
    }
}

impl CheckArgs {
    fn options(&self) -> Options {
        Options {
            initial: self.initial.clone(),
            failed_cas: self.failed_cas.into(),
            budget: Budget { configurations: self.budget, ..Budget::default() },
            method: if self.search_only { Method::SearchOnly } else { Method::Auto },
        }
    }
}

impl From<ModelArg> for ModelKind {
    fn from(model: ModelArg) -> ModelKind {
        match model {
            ModelArg::Register => ModelKind::Register,
            ModelArg::CasRegister => ModelKind::CasRegister,
            ModelArg::Map => ModelKind::Map,
        }
    }
}

impl From<FailedCasArg> for FailedCas {
    fn from(failed_cas: FailedCasArg) -> FailedCas {
        match failed_cas {
            FailedCasArg::Observe => FailedCas::Observe,
            FailedCasArg::Drop => FailedCas::Drop,
        }
    }
}
