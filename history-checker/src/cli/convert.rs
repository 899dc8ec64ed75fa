//! `convert`: a history in another format, event by event.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use history_checker::format::{Format, ReadError, RewriteError, Rewriter, edn, jsonl};

use super::Exit;
use super::input::{FormatArg, Input};

/// Arguments of `convert`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The history; `-` is standard input.
    input: PathBuf,
    /// Where it goes, and in which format by its name; `-` is standard output. A file that is there is replaced.
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
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::BadFile
        }
    }
}

fn convert(args: &Args) -> anyhow::Result<()> {
    let input: Box<dyn BufRead> = match is_standard(&args.input) {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(&args.input).with_context(|| name(&args.input))?)),
    };
    let from = args.from.format_of(&args.input);
    let to = match args.to {
        Some(to) => to.into(),
        None if is_standard(&args.output) => other(from),
        None => Format::of(&args.output),
    };
    let output: Box<dyn Write> = match is_standard(&args.output) {
        true => Box::new(BufWriter::new(io::stdout().lock())),
        false => {
            anyhow::ensure!(!same_file(&args.input, &args.output), "{}: is the input", name(&args.output));
            Box::new(BufWriter::new(File::create(&args.output).with_context(|| name(&args.output))?))
        }
    };
    let mut rewriter = Rewriter::new(output, to);
    let copied = match from {
        Format::Jsonl => copy_lines(jsonl::events(input), &mut rewriter),
        Format::Edn => copy_forms(edn::events(input, args.from.edn()), &mut rewriter),
    };
    copied.with_context(|| name(&args.input))?;
    rewriter.finish().with_context(|| name(&args.output))
}

fn copy_lines<R: BufRead>(events: jsonl::Events<R>, to: &mut Rewriter<impl Write>) -> anyhow::Result<()> {
    for event in events {
        let (line, event) = event?;
        match to.accept(line, event) {
            Err(RewriteError::Event(reason)) => return Err(ReadError::Line { line, reason }.into()),
            accepted => accepted?,
        }
    }
    Ok(())
}

fn copy_forms<R: BufRead>(mut events: edn::Events<R>, to: &mut Rewriter<impl Write>) -> anyhow::Result<()> {
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

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Creating the output would empty the input.
fn same_file(input: &Path, output: &Path) -> bool {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
