//! Events to forms, one on a line: the inverse of the reader, and as Knossos reads them.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::line::NAMED;
use crate::history::{Action, Answer, FaultEdge, History, Operation, Outcome};
use crate::lines::{Line as Part, lines};
use crate::value::{Key, Value};

/// Writes a whole history, a form on each line. Lines are numbered anew when it is read: gaps close, order stays.
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

/// Writes the form of an operation's invocation.
///
/// # Errors
/// When `sink` fails.
pub fn write_invocation(sink: impl Write, operation: &Operation) -> io::Result<()> {
    let mut line = Line::new(operation, ":invoke");
    line.value(operation.key.as_ref(), &asked(&operation.action));
    line.end(sink, operation.invoked.time)
}

/// Writes the form of an operation's completion; nothing if there was none.
///
/// # Errors
/// When `sink` fails.
pub fn write_completion(sink: impl Write, operation: &Operation) -> io::Result<()> {
    let Some(mark) = operation.completed_at() else { return Ok(()) };
    let key = operation.key.as_ref();
    let line = match &operation.outcome {
        Outcome::Ok { answer, version, .. } => {
            // For whoever does not know `:swapped`, an `ok` would have swapped.
            let not_swapped = matches!(answer, Answer::NotSwapped { .. });
            let mut line = Line::new(operation, if not_swapped { ":fail" } else { ":ok" });
            match answer {
                Answer::Read(value) => line.value(key, &text(value)),
                Answer::Elements(values) => line.value(key, &elements(values)),
                Answer::Done | Answer::Swapped | Answer::NotSwapped { .. } => {
                    line.value(key, &asked(&operation.action));
                }
            }
            match answer {
                Answer::Read(Value::Null) if operation.action == Action::Read => line.field("empty", "true"),
                Answer::NotSwapped { seen } => {
                    line.field("swapped", "false");
                    if let Some(seen) = seen {
                        line.field("seen", &text(seen));
                    }
                }
                _ => {}
            }
            if let Some(version) = version {
                line.field("version", &version.to_string());
            }
            line
        }
        Outcome::NotApplied { .. } | Outcome::Unknown { .. } => {
            let failed = matches!(operation.outcome, Outcome::NotApplied { .. });
            let mut line = Line::new(operation, if failed { ":fail" } else { ":info" });
            line.value(key, &asked(&operation.action));
            line
        }
    };
    line.end(sink, mark.time)
}

/// Writes the form of a fault's begin or end.
///
/// # Errors
/// When `sink` fails.
pub fn write_fault(sink: impl Write, name: &str, edge: FaultEdge, time: u64) -> io::Result<()> {
    let (f, edge) = match edge {
        FaultEdge::Begin => (":start", ":begin"),
        FaultEdge::End => (":stop", ":end"),
    };
    let mut line = Line { text: "{:process :nemesis, :type :info".to_owned() };
    line.field("f", f);
    line.field("value", "nil");
    line.field("fault", &quoted(name));
    line.field("edge", edge);
    line.end(sink, time)
}

struct Line {
    text: String,
}

impl Line {
    fn new(operation: &Operation, kind: &str) -> Line {
        let mut line = Line { text: "{:process ".to_owned() };
        // A number that belongs to a name must not come back as a number.
        match operation.process.checked_sub(NAMED) {
            Some(name) if name < 1 << 32 => line.push(format_args!("p{name}")),
            _ => line.push(format_args!("{}", operation.process)),
        }
        line.push(format_args!(", :type {kind}, :f :{}", operation.action.name()));
        line
    }

    fn value(&mut self, key: Option<&Key>, value: &str) {
        match key {
            Some(key) => {
                let key = quoted(key.as_str());
                self.field("value", &format!("[{key} {value}]"));
                self.field("key", &key);
            }
            None => self.field("value", value),
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        self.push(format_args!(", :{name} {value}"));
    }

    fn end(mut self, mut sink: impl Write, time: u64) -> io::Result<()> {
        self.push(format_args!(", :time {time}}}\n"));
        sink.write_all(self.text.as_bytes())
    }

    fn push(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(what);
    }
}

fn asked(action: &Action) -> String {
    match action {
        Action::Read | Action::Dequeue => "nil".to_owned(),
        Action::Write(value) | Action::Add(value) | Action::Remove(value) | Action::Enqueue(value) => {
            text(value)
        }
        Action::Cas { from, to } => format!("[{} {}]", text(from), text(to)),
    }
}

fn elements(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(text).collect();
    // A set literal must not name an element twice, and a recorded answer may.
    format!("[{}]", values.join(" "))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
