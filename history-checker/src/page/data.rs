//! The history as the page's script reads it: columns over all operations, and each text once.

use std::collections::HashMap;

use serde::Serialize;

use super::columns::Column;
use super::lanes;
use crate::faults::FaultSpan;
use crate::history::{Action, Answer, History, Mark, Operation, Outcome};
use crate::report::{KeyReport, Report, Summary, Unexplained, Verdict, Violation};
use crate::value::Value;

/// Longer texts are cut on the page; their full length is named.
const LONGEST_TEXT: usize = 200;
/// Elements of a set that the page lists.
const LISTED_ELEMENTS: usize = 50;

/// What the script gets.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    operations: usize,
    columns: Columns,
    /// By number: keys, values and processes, as people read them.
    texts: Vec<String>,
    faults: Vec<Band>,
    findings: Vec<Finding>,
}

/// A number per operation, in the order of the invocations.
#[derive(Debug, Default, Serialize)]
struct Columns {
    /// Lines since the invocation before.
    line: Column,
    /// Nanoseconds since the invocation before.
    time: Column,
    /// Lines until the completion; 0 if there is none.
    lines: Column,
    /// Nanoseconds until the completion.
    duration: Column,
    /// A text.
    process: Column,
    lane: Column,
    /// A text, or none.
    key: Column,
    /// Kind + 8 × outcome + 32 × answer; see [`kind`] and [`outcome`].
    what: Column,
    /// A text, or none: the value that was written, added, …, or expected by a CAS.
    asked: Column,
    /// A text, or none: the new value of a CAS.
    to: Column,
    /// A text, or none: the value that the answer named.
    seen: Column,
    /// One more than the answer's version; 0 for none.
    version: Column,
    /// Its place in the order that was found for its key, counted from 1; 0 for none.
    place: Column,
}

/// A fault, from its begin to its end.
#[derive(Debug, Serialize)]
struct Band {
    name: String,
    from: Point,
    /// It was not healed.
    to: Option<Point>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Point {
    line: usize,
    time: u64,
}

/// A key that is not linearizable, or not known to be.
#[derive(Debug, Serialize)]
struct Finding {
    /// A text.
    key: Option<usize>,
    /// Whether it is not linearizable, rather than unknown.
    bad: bool,
    operations: Vec<usize>,
    /// The operation before whose return everything is explained.
    dead_end: Option<usize>,
}

impl Data {
    pub(super) fn new(history: &History, report: &Report) -> Data {
        let clock = Clock::of(history);
        let (mut columns, mut texts) = (Columns::default(), Texts::default());
        let lanes = lanes::pack(history);
        let places = places(history, report);
        let mut before = Point { line: 0, time: 0 };
        for (operation, place) in history.operations().iter().zip(places) {
            columns.when(operation, &clock, before);
            columns.what(operation, &mut texts);
            columns.lane.push(lanes.get(&operation.process).map_or(0, |&lane| lane as u64));
            columns.place.push_index(place);
            before = clock.point(operation.invoked);
        }
        let findings = findings(report, &mut texts);
        Data {
            operations: history.operations().len(),
            columns,
            texts: texts.all,
            faults: bands(history, &clock),
            findings,
        }
    }

    /// As it may stand in a `<script>`: no `<`, so nothing in it ends the element or begins a comment.
    pub(super) fn to_json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }
}

impl Columns {
    fn when(&mut self, operation: &Operation, clock: &Clock, before: Point) {
        let invoked = clock.point(operation.invoked);
        self.line.push((invoked.line - before.line) as u64);
        self.time.push(invoked.time - before.time);
        let completed = operation.completed_at().map_or(invoked, |mark| clock.point(mark));
        self.lines.push((completed.line - invoked.line) as u64);
        self.duration.push(completed.time - invoked.time);
    }

    fn what(&mut self, operation: &Operation, texts: &mut Texts) {
        let (answer, seen, version) = outcome(&operation.outcome, texts);
        let (asked, to) = match &operation.action {
            Action::Read | Action::Dequeue => (None, None),
            Action::Write(value) | Action::Add(value) | Action::Remove(value) | Action::Enqueue(value) => {
                (Some(value), None)
            }
            Action::Cas { from, to } => (Some(from), Some(to)),
        };
        self.process.push(texts.id(&operation.process.to_string()) as u64);
        self.key.push_index(operation.key.as_ref().map(|key| texts.id(key.as_str())));
        self.what.push(kind(&operation.action) + 8 * answer);
        self.asked.push_index(asked.map(|value| texts.value(value)));
        self.to.push_index(to.map(|value| texts.value(value)));
        self.seen.push_index(seen);
        self.version.push(version.map_or(0, |version| version.saturating_add(1)));
    }
}

/// As `KINDS` in `script/data.js` has them.
fn kind(action: &Action) -> u64 {
    match action {
        Action::Read => 0,
        Action::Write(_) => 1,
        Action::Cas { .. } => 2,
        Action::Add(_) => 3,
        Action::Remove(_) => 4,
        Action::Enqueue(_) => 5,
        Action::Dequeue => 6,
    }
}

/// Outcome (0 ok, 1 failed, 2 unknown) + 4 × answer (0 done, 1 saw a value, 2 did not swap), what it saw, the version.
fn outcome(outcome: &Outcome, texts: &mut Texts) -> (u64, Option<usize>, Option<u64>) {
    match outcome {
        Outcome::Ok { answer, version, .. } => {
            let (code, seen) = match answer {
                Answer::Done | Answer::Swapped => (0, None),
                Answer::Read(value) => (4, Some(texts.value(value))),
                Answer::Elements(values) => (4, Some(texts.elements(values))),
                Answer::NotSwapped { seen } => (8, seen.as_ref().map(|value| texts.value(value))),
            };
            (code, seen, *version)
        }
        Outcome::NotApplied { .. } => (1, None, None),
        Outcome::Unknown { .. } => (2, None, None),
    }
}

/// Each operation's place in the order of its key, if one was found.
fn places(history: &History, report: &Report) -> Vec<Option<usize>> {
    let mut places = vec![None; history.operations().len()];
    for key in &report.keys {
        let Verdict::Linearizable { order } = &key.verdict else { continue };
        for (place, &operation) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(operation) {
                *slot = Some(place);
            }
        }
    }
    places
}

fn findings(report: &Report, texts: &mut Texts) -> Vec<Finding> {
    let mut finding = |key: &KeyReport| {
        let (operations, dead_end) = match &key.verdict {
            Verdict::Linearizable { .. } => return None,
            Verdict::NotLinearizable(Violation { operations, dead_end, .. }) => {
                (operations.clone(), *dead_end)
            }
            Verdict::Unknown(Unexplained { next, .. }) => (next.iter().copied().collect(), *next),
        };
        let bad = key.verdict.summary() == Summary::NotLinearizable;
        Some(Finding { key: key.key.as_ref().map(|key| texts.id(key.as_str())), bad, operations, dead_end })
    };
    let mut findings: Vec<Finding> = report.keys.iter().filter_map(&mut finding).collect();
    findings.sort_by_key(|finding| !finding.bad);
    findings
}

fn bands(history: &History, clock: &Clock) -> Vec<Band> {
    let band = |FaultSpan { name, begin, end }: FaultSpan<'_>| Band {
        name: shortened(name),
        from: begin.map_or(clock.start(), |mark| clock.point(mark)),
        to: end.map(|mark| clock.point(mark)),
    };
    history.fault_bands().into_iter().map(band).collect()
}

/// Times as the page shows them: from the first event on, and never back. The order of lines is what counts; a clock
/// that runs back between two lines stands still here.
struct Clock {
    /// By line.
    points: Vec<Point>,
}

impl Clock {
    fn of(history: &History) -> Clock {
        let completed = history.operations().iter().filter_map(Operation::completed_at);
        let invoked = history.operations().iter().map(|operation| operation.invoked);
        let faults = history.faults().iter().map(|fault| fault.at);
        let mut marks: Vec<Mark> = invoked.chain(completed).chain(faults).collect();
        marks.sort_unstable();
        let start = marks.first().map_or(0, |mark| mark.time);
        let mut latest = 0;
        let points = marks.into_iter().map(|Mark { line, time }| {
            latest = time.saturating_sub(start).max(latest);
            Point { line, time: latest }
        });
        Clock { points: points.collect() }
    }

    fn start(&self) -> Point {
        self.points.first().copied().unwrap_or(Point { line: 0, time: 0 })
    }

    fn point(&self, mark: Mark) -> Point {
        let after = self.points.partition_point(|point| point.line <= mark.line);
        self.points.get(after.wrapping_sub(1)).copied().unwrap_or(Point { line: mark.line, time: 0 })
    }
}

/// Each text once, by number.
#[derive(Default)]
struct Texts {
    ids: HashMap<String, usize>,
    all: Vec<String>,
}

impl Texts {
    fn id(&mut self, text: &str) -> usize {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = self.all.len();
        self.ids.insert(text.to_owned(), id);
        self.all.push(shortened(text));
        id
    }

    fn value(&mut self, value: &Value) -> usize {
        self.id(&value.to_string())
    }

    fn elements(&mut self, values: &[Value]) -> usize {
        let mut listed: Vec<String> = values.iter().take(LISTED_ELEMENTS).map(Value::to_string).collect();
        if values.len() > LISTED_ELEMENTS {
            listed.push(format!("… {} in all", values.len()));
        }
        self.id(&format!("{{{}}}", listed.join(", ")))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
    }
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
