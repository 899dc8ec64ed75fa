//! `check`: verdicts on histories.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use history_checker::shrink::picture;
use history_checker::{
    Budget, Checker, History, KeyReport, Method, Options, Report, Value, check_with, page,
};

use super::input::Input;
use super::known::{Known, Output};
use super::{Exit, FailedCasArg, ModelArg, stream};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The histories.
    #[arg(required = true)]
    files: Vec<PathBuf>,
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
    /// Write the history's timeline with the verdict as one self-contained page. For one history.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Draw the operations that prove a violation, to be pasted into an issue.
    #[arg(long, conflicts_with = "output")]
    explain: bool,
    /// Check while reading, with memory for what is in flight only: for histories longer than memory, and for pipes
    /// (`-`). Every key is a register of its own; where an answer has two possible writers the verdict is unknown.
    #[arg(long, conflicts_with_all = ["engine", "budget", "budget_bytes", "output", "html", "explain"])]
    stream: bool,
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
    if args.stream {
        return args.files.iter().map(|file| stream_file(file, args)).max().unwrap_or(Exit::BadFile);
    }
    if args.html.is_some() && args.files.len() > 1 {
        eprintln!("error: --html shows one history, and {} were given", args.files.len());
        return Exit::BadFile;
    }
    let known = Known::new(&args.files, args.output);
    known.print_when_interrupted();
    let mut explanations = String::new();
    for file in &args.files {
        known.begin();
        let checked = check_file(file, args, &known);
        if let Ok((history, report)) = checked.as_ref()
            && args.explain
        {
            explanations += &explain(file, history, report, args.files.len() == 1);
        }
        known.file(checked);
    }
    let exit = known.finish();
    print!("{explanations}");
    exit
}

fn check_file(file: &Path, args: &Args, known: &Known) -> anyhow::Result<(History, Report)> {
    let name = || file.display().to_string();
    let history = args.input.read(file)?;
    let decided = |key: &KeyReport, keys| known.key(key, keys);
    let report = check_with(&history, args.model.into(), &args.options(), &decided).with_context(name)?;
    super::lint::warn(file, &history, &args.initial, &report);
    if let Some(target) = &args.html {
        let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let text = page::html(&history, &report, &title);
        std::fs::write(target, text).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok((history, report))
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

fn stream_file(file: &Path, args: &Args) -> Exit {
    let checker = Checker::new(args.initial.clone(), args.failed_cas.into());
    let registers = matches!(args.model, ModelArg::Register | ModelArg::CasRegister | ModelArg::Map);
    let checked = match registers {
        true => stream::run(file, &args.input, checker).with_context(|| file.display().to_string()),
        false => Err(anyhow::anyhow!("--stream checks registers only")),
    };
    checked.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Exit::BadFile
    })
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
