//! `convert`: a history in another format, event by event.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Context;
use history_checker::format::{Events, Format, RewriteError, Rewriter};

use super::Exit;
use super::input::{FormatArg, Input, Source};
use super::interrupt::nothing_when_interrupted;
use super::out::refuse;
use super::target::{Target, is_standard};

/// Arguments of `convert`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The history; `-` is standard input.
    input: PathBuf,
    /// Where it goes, and in which format by its name; `-` is standard output. A file that is there is replaced when
    /// all of it is written.
    output: PathBuf,
    #[command(flatten)]
    from: Input,
    /// The format to write; by default as the name says, and on standard output the one that is not read.
    #[arg(long, value_enum)]
    to: Option<FormatArg>,
}

/// Converts, and says so if that fails.
pub(super) fn run(args: &Args) -> Exit {
    match convert(args) {
        Ok(()) => Exit::Linearizable,
        Err(error) => refuse(&error),
    }
}

fn convert(args: &Args) -> anyhow::Result<()> {
    nothing_when_interrupted();
    let target = Target::open(&args.output, &[&args.input])?;
    let source = Source::open(&args.input, &args.from)?;
    let format = match args.to {
        Some(to) => to.into(),
        None if is_standard(&args.output) => other(source.format),
        None => Format::of(&args.output),
    };
    target.write(|to| {
        let name = source.name.clone();
        let mut rewriter = Rewriter::new(to, format);
        copy(source.events(), &mut rewriter).context(name)?;
        Ok(rewriter.finish()?)
    })
}

fn copy<R: BufRead>(mut events: Events<R>, to: &mut Rewriter<impl Write>) -> anyhow::Result<()> {
    while let Some(event) = events.next() {
        let (line, event) = event?;
        match to.accept(line, event) {
            Err(RewriteError::Event(reason)) => return Err(events.wrong(reason).into()),
            accepted => accepted?,
        }
    }
    Ok(())
}

fn other(format: Format) -> Format {
    match format {
        Format::Jsonl => Format::Edn,
        Format::Edn => Format::Jsonl,
    }
}
