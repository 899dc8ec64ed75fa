//! `check --stream`: a history is checked while it is read, with memory for what is in flight.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use history_checker::format::jsonl;
use history_checker::stream::{Checker, StreamReport};

use super::Exit;

/// Checks one file, `-` being the standard input, and prints each violation as soon as it is certain.
pub(super) fn run(file: &Path, checker: Checker) -> anyhow::Result<Exit> {
    let report = match file.as_os_str() == "-" {
        true => read(io::stdin().lock(), checker),
        false => read(BufReader::new(File::open(file)?), checker),
    };
    let report = report.with_context(|| file.display().to_string())?;
    println!("{}: {report}", file.display());
    Ok(match (report.violations.is_empty(), report.undecided.is_empty()) {
        (false, _) => Exit::NotLinearizable,
        (true, false) => Exit::Unknown,
        (true, true) => Exit::Linearizable,
    })
}

fn read(mut input: impl BufRead, mut checker: Checker) -> anyhow::Result<StreamReport> {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let event = jsonl::parse(&text).with_context(|| format!("line {line}"))?;
        if let Some(violation) = checker.observe(line, event).with_context(|| format!("line {line}"))? {
            println!("line {line}: {}", violation.sentence);
        }
    }
    Ok(checker.report())
}
