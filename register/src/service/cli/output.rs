//! What is printed: a line or two for people, one JSON object for programs.

use std::io::Write;

use serde::Serialize;

use super::Output;
use crate::outcome::{Version, Versioned};
use crate::service::exit::Exit;

/// The result of a command on a key. Bytes that are not UTF-8 are written in hexadecimal under
/// another name.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    outcome: &'static str,
    #[serde(flatten)]
    key: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<String>,
    #[serde(skip)]
    bytes: Option<Vec<u8>>,
}

#[derive(Debug, Serialize)]
struct Text {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<String>,
}

impl Report {
    pub(super) fn written(key: &[u8], version: Version) -> Report {
        Report::new("done", key, Some(version), None)
    }

    pub(super) fn deleted(key: &[u8], went: Option<Version>) -> Report {
        Report::new(if went.is_some() { "done" } else { "missing" }, key, went, None)
    }

    pub(super) fn seen(outcome: &'static str, key: &[u8], seen: Option<&Versioned>) -> Report {
        Report::new(outcome, key, seen.map(|s| s.version), seen.map(|s| &s.value[..]))
    }

    fn new(outcome: &'static str, key: &[u8], version: Option<Version>, value: Option<&[u8]>) -> Report {
        let (key, key_hex) = text(key);
        let (text_value, value_hex) = value.map(text).unwrap_or_default();
        let bytes = value.map(<[u8]>::to_vec);
        Report { outcome, key: Text { key, key_hex }, version, value: text_value, value_hex, bytes }
    }
}

fn text(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.into()), None),
        Err(_) => (None, Some(bytes.iter().map(|b| format!("{b:02x}")).collect())),
    }
}

/// For people: the value and its version; what was done to which version.
pub(super) fn report(output: Output, report: &Report) {
    match (output, &report.bytes, report.version) {
        (Output::Json, _, _) => json(report),
        (Output::Table, Some(value), version) => {
            bytes(value);
            line("");
            let state = if report.outcome == "done" { "" } else { report.outcome };
            let version = version.map(|v| format!("version {v}")).unwrap_or_default();
            note(&[state, &version].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", "));
        }
        (Output::Table, None, Some(version)) => line(&format!("{}, version {version}", report.outcome)),
        (Output::Table, None, None) => line(report.outcome),
    }
}

/// One JSON object on a line.
pub(super) fn json(value: &impl Serialize) {
    // Plain structs and strings have no way to fail.
    line(&serde_json::to_string(value).unwrap_or_default());
}

/// A line on standard output. A reader that has gone away is not an error of ours.
pub(super) fn line(text: &str) {
    bytes(text.as_bytes());
    bytes(b"\n");
}

pub(super) fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[derive(Serialize)]
struct Failure<'a> {
    outcome: &'static str,
    error: &'a str,
    exit: u8,
}

/// A command that did not end well.
pub(super) fn failure(output: Output, exit: Exit, why: &str) {
    note(&format!("raft-register: {why}"));
    if output == Output::Json {
        let outcome = if exit == Exit::Unknown { "unknown" } else { "not done" };
        json(&Failure { outcome, error: why, exit: exit as u8 });
    }
}
