//! What the register's clients asked and were told, in order. What can be said of an answer at once is
//! checked at once; whether one order explains them all is judged at the end.

use std::collections::BTreeMap;

use history_checker::recorder::{self, Open};
use history_checker::{ModelKind, Options, Recorder, Value, check};
use raft::Timestamp;

use super::workload::Summary;

/// What one operation asks. Values are numbers, each written by one operation only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// What does the key hold?
    Read,
    /// Set it; `None` deletes.
    Write(Option<u64>),
    /// Set it if it holds just that.
    Cas {
        /// What is expected.
        from: Option<u64>,
        /// The new value.
        to: u64,
    },
}

impl Action {
    fn writes(self) -> Option<u64> {
        match self {
            Action::Read => None,
            Action::Write(value) => value,
            Action::Cas { to, .. } => Some(to),
        }
    }
}

/// A value and the version that it was shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was written.
    pub value: u64,
    /// By which write.
    pub version: u64,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A read, or a compare-and-set that did not swap: what the key held.
    Saw(Option<Seen>),
    /// A write, or a compare-and-set that swapped: its version.
    Written(u64),
    /// A delete: the version that went.
    Deleted(Option<u64>),
    /// It had no effect and never will.
    NotApplied,
    /// Nobody knows, or nobody waited.
    Unknown,
}

/// The record of a run. Its first complaint stays.
#[derive(Clone, Debug, Default)]
pub struct RegisterHistory {
    operations: Vec<Operation>,
    events: Vec<Event>,
    /// The highest version of each key that anybody was told.
    told: BTreeMap<u8, u64>,
    /// By value.
    writes: BTreeMap<u64, Write>,
    complaint: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    client: u64,
    key: u8,
    action: Action,
    /// What had been told of its key when it began: the register must not be older for it.
    floor: u64,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    operation: usize,
    at: Timestamp,
    /// Nothing: it begins here.
    end: Option<Ended>,
}

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
struct Write {
    operation: usize,
    not_applied: bool,
    version: Option<u64>,
}

impl RegisterHistory {
    /// An operation begins: its request has not left yet. The result names it.
    pub fn begin(&mut self, at: Timestamp, client: u64, key: u8, action: Action) -> usize {
        let operation = self.operations.len();
        let floor = self.told.get(&key).copied().unwrap_or(0);
        self.operations.push(Operation { client, key, action, floor });
        self.events.push(Event { operation, at, end: None });
        if let Some(value) = action.writes() {
            let write = Write { operation, not_applied: false, version: None };
            if self.writes.insert(value, write).is_some() {
                self.complain(format!("value {value} is written by two operations: the workload is wrong"));
            }
        }
        operation
    }

    /// An operation has ended, as its client was told.
    pub fn end(&mut self, at: Timestamp, operation: usize, end: Ended) {
        self.events.push(Event { operation, at, end: Some(end) });
        let asked = self.operations[operation].action;
        match (end, asked.writes()) {
            (Ended::Saw(Some(seen)), _) => {
                self.is_not_older(operation, seen.version, false);
                self.holds(operation, seen.value, seen.version);
            }
            (Ended::Written(version), Some(value)) => {
                self.is_not_older(operation, version, true);
                self.holds(operation, value, version);
            }
            (Ended::Deleted(Some(version)), _) => self.is_not_older(operation, version, false),
            (Ended::NotApplied, Some(value)) => self.was_not_applied(operation, value),
            (Ended::Saw(None) | Ended::Deleted(None) | Ended::NotApplied | Ended::Unknown, _) => {}
            (Ended::Written(version), None) => {
                self.complain(format!("{} was told to have written {version}", self.name(operation)));
            }
        }
    }

    /// Something is wrong; if it is the first thing, it is kept.
    pub fn complain(&mut self, what: String) {
        self.complaint.get_or_insert(what);
    }

    /// The first complaint.
    pub fn check(&self) -> Result<(), String> {
        self.complaint.clone().map_or(Ok(()), Err)
    }

    /// Operations begun.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether one order explains every answer; that nobody could find out is a failure as well.
    pub fn judge(&self) -> Result<Summary, String> {
        self.check()?;
        let report =
            check(&self.history(), ModelKind::Map, &Options::default()).map_err(|e| e.to_string())?;
        if !report.is_linearizable() {
            return Err(report.to_string());
        }
        let counts = report.counts();
        Ok(Summary { done: counts.completed, not_applied: counts.not_applied, unknown: counts.open })
    }

    /// The history as the checker takes it, each operation a process of its own.
    #[must_use]
    pub fn history(&self) -> history_checker::History {
        let recorder = Recorder::in_memory();
        let mut open = BTreeMap::new();
        for event in &self.events {
            let Operation { key, action, .. } = self.operations[event.operation];
            let time = event.at.as_nanos();
            if let Some(end) = event.end {
                if let Some(begun) = open.remove(&event.operation) {
                    finish(begun, end, time);
                }
                continue;
            }
            let (process, key) = (recorder.process(), Some(format!("k{key}").as_str().into()));
            let begun = match action {
                Action::Read => Begun::Read(process.read(key, time)),
                Action::Write(value) => Begun::Write(process.write(key, value.into(), time)),
                Action::Cas { from, to } => Begun::Cas(process.cas(key, from.into(), to.into(), time)),
            };
            open.insert(event.operation, begun);
        }
        recorder.history()
    }

    /// Versions never go back from what was told before an operation began to what it is told; and a
    /// write is later than all that.
    fn is_not_older(&mut self, operation: usize, version: u64, is_write: bool) {
        let Operation { key, floor, .. } = self.operations[operation];
        if version < floor || (is_write && version == floor) {
            self.complain(format!(
                "{} was told version {version}, but version {floor} had been told before it began",
                self.name(operation)
            ));
        }
        let told = self.told.entry(key).or_default();
        *told = (*told).max(version);
    }

    /// A value was written, under this key, once, and nobody was told that it was not.
    fn holds(&mut self, operation: usize, value: u64, version: u64) {
        let Some(write) = self.writes.get_mut(&value) else {
            return self.complain(format!("{} saw {value}, which nobody wrote", self.name(operation)));
        };
        let first = *write.version.get_or_insert(version);
        let Write { operation: writer, not_applied, .. } = *write;
        if first != version {
            self.complain(format!(
                "value {value} has versions {first} and {version}: {} took effect twice",
                self.name(writer)
            ));
        }
        if not_applied {
            self.complain(format!(
                "{} saw {value}, but {} was told that it was not applied",
                self.name(operation),
                self.name(writer)
            ));
        }
        if self.operations[writer].key != self.operations[operation].key {
            self.complain(format!("{} saw the value of {}", self.name(operation), self.name(writer)));
        }
    }

    fn was_not_applied(&mut self, operation: usize, value: u64) {
        let Some(write) = self.writes.get_mut(&value) else { return };
        write.not_applied = true;
        if let Some(version) = write.version {
            self.complain(format!(
                "{} was told that it was not applied, but {value} was seen before as version {version}",
                self.name(operation)
            ));
        }
    }

    fn name(&self, operation: usize) -> String {
        let Operation { client, key, action, .. } = self.operations[operation];
        let what = match action {
            Action::Read => "read".to_owned(),
            Action::Write(Some(value)) => format!("write of {value}"),
            Action::Write(None) => "delete".to_owned(),
            Action::Cas { from: Some(from), to } => format!("cas {from}→{to}"),
            Action::Cas { from: None, to } => format!("cas null→{to}"),
        };
        format!("client {client}'s {what} (process {operation}, key k{key})")
    }
}

/// An operation under way in the recorder.
enum Begun {
    Read(Open<recorder::Read>),
    Write(Open<recorder::Written>),
    Cas(Open<recorder::Cas>),
}

fn finish(begun: Begun, end: Ended, time: u64) {
    let value = |seen: Option<Seen>| Value::from(seen.map(|seen| seen.value));
    match (begun, end) {
        (Begun::Read(open), Ended::Saw(seen)) => {
            let open = if let Some(seen) = seen { open.at_version(seen.version) } else { open };
            drop(open.ok(value(seen), time));
        }
        (Begun::Read(open), Ended::NotApplied) => drop(open.not_applied(time)),
        (Begun::Read(open), _) => open.unknown(time),
        (Begun::Write(open), Ended::Written(version)) => drop(open.at_version(version).ok(time)),
        (Begun::Write(open), Ended::Deleted(_)) => drop(open.ok(time)),
        (Begun::Write(open), Ended::NotApplied) => drop(open.not_applied(time)),
        (Begun::Write(open), _) => open.unknown(time),
        (Begun::Cas(open), Ended::Written(version)) => drop(open.at_version(version).swapped(time)),
        (Begun::Cas(open), Ended::Saw(seen)) => drop(open.not_swapped(Some(value(seen)), time)),
        (Begun::Cas(open), Ended::NotApplied) => drop(open.not_applied(time)),
        (Begun::Cas(open), _) => open.unknown(time),
    }
}

#[cfg(test)]
mod tests;
