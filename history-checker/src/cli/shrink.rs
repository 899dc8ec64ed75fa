//! `shrink`: the few operations that prove a violation, as a history of their own.

use std::path::PathBuf;

use anyhow::Context;
use history_checker::format::Format;
use history_checker::{History, KeyReport, ModelKind, Report, Summary, Violation, check_with};

use super::Exit;
use super::checking::{Checking, advised};
use super::input::{FormatArg, Input, Source};
use super::known::{Known, Output};
use super::out::{complain, refuse};
use super::target::{Target, format_of};

/// Arguments of `shrink`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The history; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    checking: Checking,
    /// Shrink the violation of this key; of several keys, by default, the one with the fewest operations.
    #[arg(long)]
    key: Option<String>,
    /// Where to write the operations; standard output unless given. A file named `.edn` is written in EDN, any other
    /// in JSON lines.
    #[arg(short, long, default_value = "-", hide_default_value = true)]
    output: PathBuf,
    /// The format to write.
    #[arg(long, value_enum)]
    to: Option<FormatArg>,
}

/// Writes the smallest core of the history, and says on stderr what it proves. The exit code is that of `check`.
pub(super) fn run(args: &Args) -> Exit {
    attempt(args).map_or_else(|error| refuse(&error), Exit::from)
}

fn attempt(args: &Args) -> anyhow::Result<Summary> {
    let options = args.checking.options()?;
    let known = Known::new(&[&args.file], Output::Text);
    known.tell_when_interrupted();
    known.begin();
    // The target is looked at before the time is spent; nothing is put there unless there is something to write.
    let target = Target::open(&args.output, &[&args.file])?;
    let source = Source::open(&args.file, &args.input)?;
    let name = source.name.clone();
    let history = source.history()?;
    let model = ModelKind::from(args.checking.model);
    let report = check_with(&history, model, &options, &|heard| known.hear(heard))
        .map_err(advised)
        .with_context(|| name.clone())?;
    known.clear();
    match chosen(&report, args.key.as_deref()).context(name)? {
        None => complain(&report),
        Some((key, violation)) => {
            let core = violation.core.history(&history);
            let format = format_of(&args.output, args.to.map(Format::from));
            target.write(|to| Ok(format.write_history(to, &core)?))?;
            tell(&history, &report, key, violation);
        }
    }
    Ok(report.summary())
}

/// The violation of the key, or the smallest.
fn chosen<'a>(
    report: &'a Report,
    key: Option<&str>,
) -> anyhow::Result<Option<(&'a KeyReport, &'a Violation)>> {
    let Some(name) = key else {
        return Ok(report.violations().min_by_key(|(_, violation)| violation.core.operations.len()));
    };
    let is_meant = |report: &KeyReport| report.key.as_ref().is_some_and(|key| key.as_str() == name);
    anyhow::ensure!(report.keys.iter().any(is_meant), "there is no key {name}");
    Ok(report.violations().find(|(report, _)| is_meant(report)))
}

fn tell(history: &History, report: &Report, key: &KeyReport, violation: &Violation) {
    let (few, all) = (violation.core.operations.len(), history.operations().len());
    complain(format_args!(
        "{few} of {all} operations, {}:\n{}",
        violation.core.certified, violation.sentence
    ));
    let wrong = report.violations().count();
    if wrong > 1 {
        let name = key.key.as_ref().map_or_else(|| "no key".to_owned(), |key| format!("key {key}"));
        complain(format_args!("of {name}, one of {wrong} that are not linearizable; --key names another"));
    }
}
