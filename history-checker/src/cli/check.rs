//! `check`: verdicts on histories.

use std::path::{Path, PathBuf};

use anyhow::Context;
use history_checker::shrink::picture;
use history_checker::{Checker, History, ModelKind, Options, Report, check_with, page};

use super::checking::{Checking, advised};
use super::input::{Input, Source};
use super::known::{Checked, Known, Output};
use super::out::{complain, refuse};
use super::target::Target;
use super::{Exit, json, lint, stream};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The histories; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    checking: Checking,
    /// How the verdicts are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// In JSON, also write the order that explains each linearizable key, as indices of operations.
    #[arg(long)]
    order: bool,
    /// Write the history's timeline with the verdict as one self-contained page. For one history.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Draw the operations that prove a violation, to be pasted into an issue.
    #[arg(long, conflicts_with = "output")]
    explain: bool,
    /// Do not look at what the histories are worth. Without this, every history is linted that is not linearizable or
    /// has no more than 200000 operations, and what is serious is told on standard error.
    #[arg(long)]
    no_lint: bool,
    /// Check while reading, with memory for what is in flight only: for histories longer than memory, and for pipes
    /// (`-`). Where an answer has two possible writers the verdict is unknown. For registers.
    #[arg(long, conflicts_with_all = ["engine", "budget", "budget_bytes", "order", "html", "explain", "no_lint"])]
    stream: bool,
}

/// Checks every file, and says what the worst verdict was.
pub(super) fn run(args: &Args) -> Exit {
    attempt(args).unwrap_or_else(|error| refuse(&error))
}

fn attempt(args: &Args) -> anyhow::Result<Exit> {
    let options = args.checking.options()?;
    anyhow::ensure!(
        !args.order || args.output == Output::Json,
        "--order: the order is written in JSON only; give -o json too"
    );
    if args.stream {
        let checker = || Checker::new(options.initial.clone(), options.failed_cas);
        return stream::run(&args.files, &args.input, args.checking.model.into(), args.output, &checker);
    }
    let mut page = None;
    if let Some(target) = &args.html {
        let files = args.files.len();
        anyhow::ensure!(files == 1, "--html shows one history, and {files} were given");
        page = Some(Target::open(target, &args.files)?);
    }
    let known = Known::new(&args.files, args.output);
    known.print_when_interrupted();
    let how = json::How { engine: args.checking.engine.name(), options: &options, order: args.order };
    let mut unwritten = None;
    for file in &args.files {
        known.begin();
        let checked = check_file(file, args, &options, &known);
        if let Ok(checked) = &checked
            && let Some(page) = page.take()
        {
            unwritten = write_page(page, file, checked).err();
        }
        known.file(checked, &how);
    }
    let exit = known.finish();
    Ok(match unwritten {
        Some(error) => {
            complain(format_args!("error: {error:#}"));
            Exit::BadFile
        }
        None => exit,
    })
}

fn check_file(file: &Path, args: &Args, options: &Options, known: &Known) -> anyhow::Result<Checked> {
    let source = Source::open(file, &args.input)?;
    let name = source.name.clone();
    let history = source.history()?;
    let model = ModelKind::from(args.checking.model);
    let report = check_with(&history, model, options, &|heard| known.hear(heard))
        .map_err(advised)
        .with_context(|| name.clone())?;
    let findings = if args.no_lint { None } else { lint::findings(&history, &options.initial, &report) };
    let below = match args.explain {
        true => explain(&name, &history, &report, args.files.len() == 1),
        false => String::new(),
    };
    Ok(Checked { history, report, findings, below })
}

fn write_page(page: Target, file: &Path, Checked { history, report, .. }: &Checked) -> anyhow::Result<()> {
    let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let text = page::html(history, report, &title);
    page.write(|to| Ok(to.write_all(text.as_bytes())?))
}

/// Pictures of more keys than this would be read by nobody.
const DRAWN: usize = 50;

/// A picture for each key that is not linearizable; with the sentence where the report does not stand right above.
fn explain(name: &str, history: &History, report: &Report, alone: bool) -> String {
    let mut text = String::new();
    for (key, violation) in report.violations().take(DRAWN) {
        text.push('\n');
        if !(alone && report.keys.len() == 1) {
            let of = key.key.as_ref().map_or_else(String::new, |key| format!(", key {key}"));
            text += &format!("{name}{of}: {}\n", violation.sentence);
            text.push('\n');
        }
        text += &picture(history, violation);
    }
    let more = report.violations().count().saturating_sub(DRAWN);
    if more > 0 {
        text += &format!("\n{name}: … and {more} more keys that are not linearizable\n");
    }
    text
}
