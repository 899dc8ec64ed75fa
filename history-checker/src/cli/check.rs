//! `check`: verdicts on histories.

use std::path::{Path, PathBuf};

use anyhow::Context;
use history_checker::format::jsonl;
use history_checker::{Budget, Checker, Method, Options, Report, Summary, Value, check, page};

use super::{Exit, FailedCasArg, ModelArg, stream};

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
    /// Check while reading, with memory for what is in flight only: for histories longer than memory, and for pipes
    /// (`-`). Every key is a register of its own; where an answer has two possible writers the verdict is unknown.
    #[arg(long, conflicts_with_all = ["search_only", "budget"])]
    stream: bool,
    /// Write the history's timeline with the verdict as one self-contained page. For one history.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Checks every file, and says what the worst verdict was.
pub(super) fn run(args: &Args) -> Exit {
    if args.stream {
        return args.files.iter().map(|file| stream_file(file, args)).max().unwrap_or(Exit::BadFile);
    }
    if args.html.is_some() && args.files.len() > 1 {
        eprintln!("error: --html shows one history, and {} were given", args.files.len());
        return Exit::BadFile;
    }
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

fn stream_file(file: &Path, args: &Args) -> Exit {
    let checker = Checker::new(args.initial.clone(), args.failed_cas.into());
    let registers = matches!(args.model, ModelArg::Register | ModelArg::CasRegister | ModelArg::Map);
    let checked = match registers {
        true => stream::run(file, checker).with_context(|| file.display().to_string()),
        false => Err(anyhow::anyhow!("--stream checks registers only")),
    };
    checked.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Exit::BadFile
    })
}

fn check_file(file: &Path, args: &Args) -> anyhow::Result<Report> {
    let history = jsonl::read_file(file).with_context(|| file.display().to_string())?;
    let report =
        check(&history, args.model.into(), &args.options()).with_context(|| file.display().to_string())?;
    super::lint::warn(file, &history, &args.initial, &report);
    if let Some(target) = &args.html {
        let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let text = page::html(&history, &report, &title);
        std::fs::write(target, text).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(report)
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
