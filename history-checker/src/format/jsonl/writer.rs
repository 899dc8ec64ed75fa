//! Events to lines: the inverse of the reader.

use std::io::{self, Write};

use serde::Serialize;

use crate::history::{Action, Answer, FaultEdge, History, Operation, Outcome};
use crate::lines::{Line as Part, lines};
use crate::value::{Key, Value};

/// Writes a whole history. Lines are numbered anew when it is read: gaps close, order stays.
///
/// # Errors
/// When `sink` fails.
pub fn write_history(mut sink: impl Write, history: &History) -> io::Result<()> {
    for (_, part) in lines(history) {
        match part {
            Part::Invocation(operation) => write_invocation(&mut sink, operation)?,
            Part::Completion(operation, _) => write_completion(&mut sink, operation)?,
            Part::Fault(fault) => write_fault(&mut sink, &fault.name, fault.edge, fault.at.time)?,
        }
    }
    sink.flush()
}

/// Writes the line of an operation's invocation.
///
/// # Errors
/// When `sink` fails.
pub fn write_invocation(sink: impl Write, operation: &Operation) -> io::Result<()> {
    let line = Line {
        value: Some(asked(&operation.action)),
        ..Line::new(operation, "invoke", operation.invoked.time)
    };
    write_line(sink, &line)
}

/// Writes the line of an operation's completion; nothing if there was none.
///
/// # Errors
/// When `sink` fails.
pub fn write_completion(sink: impl Write, operation: &Operation) -> io::Result<()> {
    let Some(mark) = operation.completed_at() else { return Ok(()) };
    let line = match &operation.outcome {
        Outcome::Ok { answer, version, .. } => {
            let line = Line { version: *version, ..Line::new(operation, "ok", mark.time) };
            match answer {
                Answer::Read(value) => Line { value: Some(Payload::Scalar(value)), ..line },
                Answer::Elements(values) => Line { value: Some(Payload::List(values)), ..line },
                Answer::Done => Line { value: Some(asked(&operation.action)), ..line },
                Answer::Swapped => {
                    Line { value: Some(asked(&operation.action)), swapped: Some(true), ..line }
                }
                Answer::NotSwapped { seen } => Line {
                    value: Some(asked(&operation.action)),
                    swapped: Some(false),
                    seen: seen.as_ref(),
                    ..line
                },
            }
        }
        Outcome::NotApplied { .. } => Line::new(operation, "fail", mark.time),
        Outcome::Unknown { .. } => Line::new(operation, "info", mark.time),
    };
    write_line(sink, &line)
}

/// Writes the line of a fault's begin or end.
///
/// # Errors
/// When `sink` fails.
pub fn write_fault(sink: impl Write, name: &str, edge: FaultEdge, time: u64) -> io::Result<()> {
    let kind = match edge {
        FaultEdge::Begin => "begin",
        FaultEdge::End => "end",
    };
    write_line(sink, &FaultLine { fault: name, kind, time })
}

#[derive(Serialize)]
struct Line<'a> {
    process: u64,
    kind: &'static str,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swapped: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    time: u64,
}

impl<'a> Line<'a> {
    fn new(operation: &'a Operation, kind: &'static str, time: u64) -> Line<'a> {
        let op = operation.action.name();
        let (process, key) = (operation.process, operation.key.as_ref());
        Line { process, kind, op, key, value: None, swapped: None, seen: None, version: None, time }
    }
}

#[derive(Serialize)]
struct FaultLine<'a> {
    fault: &'a str,
    kind: &'static str,
    time: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Scalar(&'a Value),
    Pair([&'a Value; 2]),
    List(&'a [Value]),
}

fn asked(action: &Action) -> Payload<'_> {
    match action {
        Action::Read | Action::Dequeue => Payload::Scalar(&Value::Null),
        Action::Write(value) | Action::Add(value) | Action::Remove(value) | Action::Enqueue(value) => {
            Payload::Scalar(value)
        }
        Action::Cas { from, to } => Payload::Pair([from, to]),
    }
}

fn write_line(mut sink: impl Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    sink.write_all(&text)
}
