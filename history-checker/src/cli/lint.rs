//! `lint`: what histories are worth as tests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use history_checker::lint::{Finding, Lint, Severity, lint_from};
use history_checker::{History, Report, Value};

use super::checking::scalar;
use super::input::{self, Input, Source};
use super::interrupt::{end, when_interrupted};
use super::known::Output;
use super::out::{Out, complain};
use super::progress::Progress;
use super::{Exit, json};

/// Arguments of `lint`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The histories; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    input: Input,
    /// What a register holds at first: a JSON scalar, strings in quotes.
    #[arg(long, default_value = "null", value_parser = scalar)]
    initial: Value,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Lints every file. A serious finding counts like a violation.
pub(super) fn run(args: &Args) -> Exit {
    let names: Vec<String> = args.files.iter().map(|file| input::name(file)).collect();
    let progress = Progress::new(names.clone());
    let state = State { names, output: args.output, outcomes: Vec::new(), progress, printed: false };
    let state = Arc::new(Mutex::new(state));
    let interrupted = Arc::clone(&state);
    when_interrupted(move || {
        let mut state = lock(&interrupted);
        if !state.printed {
            end(state.print(true));
        }
    });
    for (number, file) in args.files.iter().enumerate() {
        lock(&state).progress.file(number);
        let outcome = lint_file(file, args);
        lock(&state).outcomes.push(outcome);
    }
    let mut state = lock(&state);
    state.print(false)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A good verdict on a longer history is given without a look at what the history is worth: `lint` takes about as long
/// as the check itself.
const ALWAYS_LINTED: usize = 200_000;

/// What a reader of this report may have to know; `None` where looking would take too long.
pub(super) fn findings(history: &History, initial: &Value, report: &Report) -> Option<Vec<Finding>> {
    let worth_it = history.operations().len() <= ALWAYS_LINTED || !report.is_linearizable();
    worth_it.then(|| lint_from(history, initial).findings)
}

pub(super) fn is_serious(finding: &Finding) -> bool {
    finding.severity == Severity::Serious
}

fn lint_file(file: &Path, args: &Args) -> anyhow::Result<Lint> {
    let history = Source::open(file, &args.input)?.history()?;
    Ok(lint_from(&history, &args.initial))
}

struct State {
    names: Vec<String>,
    output: Output,
    /// Of the first files.
    outcomes: Vec<anyhow::Result<Lint>>,
    progress: Progress,
    printed: bool,
}

impl State {
    fn print(&mut self, interrupted: bool) -> Exit {
        self.printed = true;
        self.progress.clear();
        let mut out = Out::default();
        match self.output {
            Output::Text => self.print_text(interrupted, &mut out),
            Output::Json => match json::lints(&self.names, &self.outcomes, interrupted) {
                Ok(text) => out.say(text),
                Err(error) => complain(format_args!("error: {error}")),
            },
        }
        for error in self.outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            complain(format_args!("error: {error:#}"));
        }
        let rest = interrupted.then_some(Exit::Unknown);
        out.exit(self.outcomes.iter().map(exit).chain(rest).max().unwrap_or(Exit::BadFile))
    }

    fn print_text(&self, interrupted: bool, out: &mut Out) {
        for (name, outcome) in self.names.iter().zip(&self.outcomes) {
            let Ok(lint) = outcome else { continue };
            if self.names.len() > 1 {
                out.say(name);
            }
            out.say(lint);
        }
        if interrupted {
            let (linted, all) = (self.outcomes.len(), self.names.len());
            out.say(format_args!("interrupted: {linted} of {all} files linted"));
        }
    }
}

fn exit(outcome: &anyhow::Result<Lint>) -> Exit {
    match outcome {
        Ok(lint) if lint.findings.iter().any(is_serious) => Exit::NotLinearizable,
        Ok(_) => Exit::Linearizable,
        Err(_) => Exit::BadFile,
    }
}
