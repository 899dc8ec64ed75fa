//! Verdicts for programs. The document is described in `docs/checker.md`; fields are added, never renamed.

use history_checker::lint::{Finding, Lint};
use history_checker::report::Engine;
use history_checker::stream::StreamReport;
use history_checker::{
    Certifier, Core, Degree, History, KeyReport, Options, Summary, Value, Verdict, Violation,
};
use serde::Serialize;

use super::Exit;
use super::known::Checked as Found;

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
    #[serde(flatten)]
    streamed: Option<Streamed>,
}

/// How the files were checked, as far as the report does not say.
pub(super) struct How<'a> {
    /// By its name on the command line.
    pub(super) engine: &'static str,
    pub(super) options: &'a Options,
    /// Whether the orders are wanted: they are as long as the histories.
    pub(super) order: bool,
}

#[derive(Serialize)]
struct Checked {
    model: String,
    failed_cas: String,
    initial: Value,
    engines: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_end: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core: Option<KeyCore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    degree: Option<Degree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Vec<usize>>,
}

/// The operations that prove a violation.
#[derive(Serialize)]
struct KeyCore {
    certified: &'static str,
    operations: Vec<Operation>,
    /// Indices of those whose answers do not count.
    unanswered: Vec<usize>,
    /// The write that hides what was before.
    since: Option<Operation>,
}

/// What `--stream` knows.
#[derive(Serialize)]
struct Streamed {
    model: String,
    keys: usize,
    completed: usize,
    open: usize,
    not_applied: usize,
    most_remembered: usize,
    violations: Vec<Place>,
    undecided: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    key: Option<String>,
    line: usize,
    sentence: String,
}

/// What `lint` says.
#[derive(Serialize)]
struct LintDocument<'a> {
    version: u32,
    interrupted: bool,
    files: Vec<Linted<'a>>,
}

#[derive(Serialize)]
struct Linted<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    lint: Option<&'a Lint>,
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
    let verdict = verdict_of(exit);
    serde_json::to_string_pretty(&Document { version: VERSION, verdict, interrupted, files })
}

/// The document of `lint`.
pub(super) fn lints(
    names: &[String],
    outcomes: &[anyhow::Result<Lint>],
    interrupted: bool,
) -> serde_json::Result<String> {
    let files = names.iter().zip(outcomes).map(|(file, outcome)| {
        let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
        Linted { file, error, lint: outcome.as_ref().ok() }
    });
    serde_json::to_string_pretty(&LintDocument { version: VERSION, interrupted, files: files.collect() })
}

impl File {
    pub(super) fn new(name_of_file: &str, checked: Result<&Found, &anyhow::Error>, how: &How<'_>) -> File {
        let Found { history, report, findings, .. } = match checked {
            Ok(checked) => checked,
            Err(error) => return File::bad(name_of_file, error),
        };
        let checked = Checked {
            model: report.model_name(),
            failed_cas: report.failed_cas.to_string(),
            initial: how.options.initial.clone(),
            engines: how.engine,
            findings: findings.clone(),
            keys: report.keys.iter().map(|key| Key::new(history, key, how.order)).collect(),
        };
        File { checked: Some(checked), ..File::plain(name_of_file, name(report.summary())) }
    }

    /// Checked while it was read.
    pub(super) fn streamed(name_of_file: &str, model: String, exit: Exit, report: &StreamReport) -> File {
        let place = |key: &Option<history_checker::Key>, line, sentence: &str| Place {
            key: key.as_ref().map(|key| key.as_str().to_owned()),
            line,
            sentence: sentence.to_owned(),
        };
        let violations = report.violations.iter().map(|it| place(&it.key, it.line, &it.sentence));
        let undecided = report.undecided.iter().map(|it| place(&it.key, it.line, &it.sentence));
        let streamed = Streamed {
            model,
            keys: report.keys,
            completed: report.counts.completed,
            open: report.counts.open,
            not_applied: report.counts.not_applied,
            most_remembered: report.most_remembered,
            violations: violations.collect(),
            undecided: undecided.collect(),
        };
        File { streamed: Some(streamed), ..File::plain(name_of_file, verdict_of(exit)) }
    }

    pub(super) fn bad(name_of_file: &str, error: &anyhow::Error) -> File {
        File { error: Some(format!("{error:#}")), ..File::plain(name_of_file, verdict_of(Exit::BadFile)) }
    }

    /// The run ended before.
    pub(super) fn undecided(name_of_file: &str) -> File {
        File::plain(name_of_file, name(Summary::Unknown))
    }

    fn plain(name_of_file: &str, verdict: &'static str) -> File {
        File { file: name_of_file.to_owned(), verdict, error: None, checked: None, streamed: None }
    }
}

impl Key {
    fn new(history: &History, report: &KeyReport, with_order: bool) -> Key {
        let (engine, because, configurations) = match &report.engine {
            Engine::Zones => ("zones", None, None),
            Engine::Search { because, configurations } => {
                ("search", Some(because.clone()), Some(*configurations))
            }
            Engine::ZonesOnly { because } => ("none", Some(because.clone()), None),
        };
        let key = Key {
            key: report.key.as_ref().map(|key| key.as_str().to_owned()),
            verdict: name(report.verdict.summary()),
            completed: report.counts.completed,
            open: report.counts.open,
            not_applied: report.counts.not_applied,
            engine,
            because,
            configurations,
            sentence: None,
            explained: None,
            operations: Vec::new(),
            dead_end: None,
            core: None,
            degree: report.degree.clone(),
            order: None,
        };
        match &report.verdict {
            Verdict::Linearizable { order } => Key { order: with_order.then(|| order.clone()), ..key },
            Verdict::NotLinearizable(Violation { sentence, operations, dead_end, core }) => Key {
                sentence: Some(sentence.clone()),
                operations: Operation::all(history, operations),
                dead_end: dead_end.and_then(|index| Operation::new(history, index)),
                core: Some(KeyCore::new(history, core)),
                ..key
            },
            Verdict::Unknown(unexplained) => Key {
                sentence: Some(unexplained.sentence.clone()),
                explained: Some(unexplained.explained),
                operations: Operation::all(history, unexplained.next.as_slice()),
                ..key
            },
        }
    }
}

impl KeyCore {
    fn new(history: &History, core: &Core) -> KeyCore {
        KeyCore {
            certified: match core.certified {
                Certifier::BruteForce => "brute-force",
                Certifier::Zones => "zones",
                Certifier::Search => "search",
                Certifier::SameEngine => "same-engine",
            },
            operations: Operation::all(history, &core.operations),
            unanswered: core.unanswered.clone(),
            since: core.since.and_then(|index| Operation::new(history, index)),
        }
    }
}

impl Operation {
    fn all(history: &History, indices: &[usize]) -> Vec<Operation> {
        indices.iter().filter_map(|&index| Operation::new(history, index)).collect()
    }

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

fn verdict_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Linearizable => name(Summary::Linearizable),
        Exit::Unknown => name(Summary::Unknown),
        Exit::NotLinearizable => name(Summary::NotLinearizable),
        Exit::BadFile => "bad-file",
    }
}
