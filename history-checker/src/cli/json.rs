//! Verdicts for programs. The document is described in `docs/checker.md`; fields are added, never renamed.

use history_checker::report::Engine;
use history_checker::{History, KeyReport, Report, Summary, Verdict};
use serde::Serialize;

use super::Exit;

/// Grows when a field that was there changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    version: u32,
    verdict: &'static str,
    interrupted: bool,
    files: Vec<File>,
}

/// One file's part of the document.
#[derive(Serialize)]
pub(super) struct File {
    file: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    checked: Option<Checked>,
}

#[derive(Serialize)]
struct Checked {
    model: String,
    failed_cas: String,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    key: Option<String>,
    verdict: &'static str,
    completed: usize,
    open: usize,
    not_applied: usize,
    engine: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configurations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operations: Vec<Operation>,
}

#[derive(Serialize)]
struct Operation {
    index: usize,
    process: u64,
    invoked_line: usize,
    completed_line: Option<usize>,
    text: String,
}

/// The whole document.
pub(super) fn document(exit: Exit, interrupted: bool, files: Vec<File>) -> serde_json::Result<String> {
    let verdict = match exit {
        Exit::Linearizable => name(Summary::Linearizable),
        Exit::Unknown => name(Summary::Unknown),
        Exit::NotLinearizable => name(Summary::NotLinearizable),
        Exit::BadFile => "bad-file",
    };
    serde_json::to_string_pretty(&Document { version: VERSION, verdict, interrupted, files })
}

impl File {
    pub(super) fn new(name_of_file: &str, checked: Result<&(History, Report), &anyhow::Error>) -> File {
        let file = name_of_file.to_owned();
        let (history, report) = match checked {
            Ok((history, report)) => (history, report),
            Err(error) => {
                let error = Some(format!("{error:#}"));
                return File { file, verdict: "bad-file", error, checked: None };
            }
        };
        let keys = report.keys.iter().map(|key| Key::new(history, key)).collect();
        let (model, failed_cas) = (report.model_name(), report.failed_cas.to_string());
        let checked = Some(Checked { model, failed_cas, keys });
        File { file, verdict: name(report.summary()), error: None, checked }
    }

    /// The run ended before.
    pub(super) fn undecided(name_of_file: &str) -> File {
        let verdict = name(Summary::Unknown);
        File { file: name_of_file.to_owned(), verdict, error: None, checked: None }
    }
}

impl Key {
    fn new(history: &History, report: &KeyReport) -> Key {
        let (engine, because, configurations) = match &report.engine {
            Engine::Zones => ("zones", None, None),
            Engine::Search { because, configurations } => {
                ("search", Some(because.clone()), Some(*configurations))
            }
            Engine::ZonesOnly { because } => ("none", Some(because.clone()), None),
        };
        let (sentence, explained, involved) = match &report.verdict {
            Verdict::Linearizable { .. } => (None, None, Vec::new()),
            Verdict::NotLinearizable(violation) => {
                (Some(violation.sentence.clone()), None, violation.operations.clone())
            }
            Verdict::Unknown(unexplained) => {
                let next = unexplained.next.into_iter().collect();
                (Some(unexplained.sentence.clone()), Some(unexplained.explained), next)
            }
        };
        Key {
            key: report.key.as_ref().map(ToString::to_string),
            verdict: name(report.verdict.summary()),
            completed: report.counts.completed,
            open: report.counts.open,
            not_applied: report.counts.not_applied,
            engine,
            because,
            configurations,
            sentence,
            explained,
            operations: involved.iter().filter_map(|&index| Operation::new(history, index)).collect(),
        }
    }
}

impl Operation {
    fn new(history: &History, index: usize) -> Option<Operation> {
        let operation = history.operations().get(index)?;
        Some(Operation {
            index,
            process: operation.process,
            invoked_line: operation.invoked.line,
            completed_line: operation.completed_at().map(|mark| mark.line),
            text: operation.to_string(),
        })
    }
}

fn name(summary: Summary) -> &'static str {
    match summary {
        Summary::Linearizable => "linearizable",
        Summary::Unknown => "unknown",
        Summary::NotLinearizable => "not-linearizable",
    }
}
