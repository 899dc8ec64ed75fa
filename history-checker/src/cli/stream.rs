//! `check --stream`: a history is checked while it is read, with memory for what is in flight.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use history_checker::format::{Event, Format, ReadError, edn, jsonl};
use history_checker::stream::{Checker, StreamReport};

use super::Exit;
use super::input::Input;

/// Checks one file, `-` being the standard input, and prints each violation as soon as it is certain.
pub(super) fn run(file: &Path, input: &Input, mut checker: Checker) -> anyhow::Result<Exit> {
    let source: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(file)?)),
    };
    match input.format_of(file) {
        Format::Jsonl => jsonl::events(source).try_for_each(|event| observe(&mut checker, event))?,
        Format::Edn => edn::events(source, input.edn()).try_for_each(|event| observe(&mut checker, event))?,
    }
    let report = checker.report();
    println!("{}: {report}", file.display());
    Ok(exit(&report))
}

fn observe(checker: &mut Checker, event: Result<(usize, Event), ReadError>) -> anyhow::Result<()> {
    let (line, event) = event?;
    if let Some(violation) = checker.observe(line, event).with_context(|| format!("line {line}"))? {
        println!("line {line}: {}", violation.sentence);
    }
    Ok(())
}

fn exit(report: &StreamReport) -> Exit {
    match (report.violations.is_empty(), report.undecided.is_empty()) {
        (false, _) => Exit::NotLinearizable,
        (true, false) => Exit::Unknown,
        (true, true) => Exit::Linearizable,
    }
}
