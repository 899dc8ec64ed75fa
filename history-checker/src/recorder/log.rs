//! What is recorded, and who hears of it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::{Event, jsonl};
use crate::history::{Action, FaultEdge, History, Mark, Operation, Outcome};
use crate::lines::{Line, lines};
use crate::stream::{Checker, Contradiction, StreamReport};
use crate::value::Key;

/// Everything that the clients of one recorder share.
pub(super) struct Log {
    line: usize,
    processes: u64,
    kept: Option<History>,
    sink: Option<Box<dyn Write + Send>>,
    failure: Option<io::Error>,
    watch: Option<Watch>,
}

/// Hears of contradictions.
pub(super) type Tell = Arc<dyn Fn(&Contradiction) + Send + Sync>;

/// A checker that sees every operation, and who hears of what it finds.
struct Watch {
    checker: Checker,
    tell: Tell,
}

/// A contradiction of which nobody has heard yet. It is told when everything is recorded and the log is free, as
/// whoever hears of it may panic, or use the recorder.
#[must_use = "somebody waits for it"]
pub(super) struct Alarm {
    contradiction: Contradiction,
    tell: Tell,
}

/// An operation under way, and its index in the history that is kept.
pub(super) struct Pending {
    pub(super) operation: Operation,
    index: Option<usize>,
}

impl Alarm {
    pub(super) fn ring(self) {
        (self.tell)(&self.contradiction);
    }
}

impl Log {
    pub(super) fn new(sink: Option<Box<dyn Write + Send>>, kept: Option<History>) -> Log {
        Log { line: 0, processes: 0, kept, sink, failure: None, watch: None }
    }

    pub(super) fn fresh_process(&mut self) -> u64 {
        self.processes += 1;
        self.processes - 1
    }

    pub(super) fn invoke(&mut self, process: u64, key: Option<Key>, action: Action, time: u64) -> Pending {
        let invoked = self.mark(time);
        let operation =
            Operation { process, key, action, invoked, outcome: Outcome::Unknown { gave_up: None } };
        let index = self.kept.as_mut().map(|history| history.push(operation.clone()));
        self.stream(|sink| jsonl::write_invocation(sink, &operation));
        // An invocation contradicts nothing.
        let _none = self.show(invoked.line, || Event::invocation(&operation));
        Pending { operation, index }
    }

    pub(super) fn complete(
        &mut self,
        pending: Pending,
        time: u64,
        outcome: impl FnOnce(Mark) -> Outcome,
    ) -> Option<Alarm> {
        let Pending { mut operation, index } = pending;
        let mark = self.mark(time);
        operation.outcome = outcome(mark);
        if let (Some(history), Some(index)) = (&mut self.kept, index) {
            history.complete(index, operation.outcome.clone());
        }
        self.stream(|sink| jsonl::write_completion(sink, &operation));
        self.show(mark.line, || Event::completion(&operation, mark))
    }

    pub(super) fn fault(&mut self, name: &str, edge: FaultEdge, time: u64) {
        let at = self.mark(time);
        if let Some(history) = &mut self.kept {
            history.add_fault(name.to_owned(), edge, at);
        }
        self.stream(|sink| jsonl::write_fault(sink, name, edge, time));
    }

    /// Has everything checked, what is kept first.
    pub(super) fn watch(&mut self, mut checker: Checker, tell: Tell) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        for (line, what) in self.kept.iter().flat_map(lines) {
            let event = match what {
                Line::Invocation(operation) => Event::invocation(operation),
                Line::Completion(operation, mark) => Event::completion(operation, mark),
                Line::Fault(_) => continue,
            };
            if let Ok(Some(found)) = checker.observe(line, event) {
                alarms.push(Alarm { contradiction: found.clone(), tell: Arc::clone(&tell) });
            }
        }
        self.watch = Some(Watch { checker, tell });
        alarms
    }

    pub(super) fn report(&self) -> StreamReport {
        self.watch.as_ref().map(|watch| watch.checker.report()).unwrap_or_default()
    }

    pub(super) fn kept(&self) -> Option<&History> {
        self.kept.as_ref()
    }

    pub(super) fn lines(&self) -> usize {
        self.line
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.stream(|sink| sink.flush());
        match &self.failure {
            Some(failure) => Err(io::Error::new(failure.kind(), failure.to_string())),
            None => Ok(()),
        }
    }

    fn mark(&mut self, time: u64) -> Mark {
        self.line += 1;
        Mark { line: self.line, time }
    }

    /// What is of no register is not checked, and the checker says so; that is no contradiction.
    fn show(&mut self, line: usize, event: impl FnOnce() -> Event) -> Option<Alarm> {
        let Watch { checker, tell } = self.watch.as_mut()?;
        let contradiction = checker.observe(line, event()).ok()??.clone();
        Some(Alarm { contradiction, tell: Arc::clone(tell) })
    }

    /// After its first error the sink gets nothing more: a gap in a history would be a lie.
    fn stream(&mut self, line: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let Some(sink) = self.sink.as_mut() else { return };
        if let Err(failure) = line(sink.as_mut()) {
            self.failure = Some(failure);
            self.sink = None;
        }
    }
}

/// A client that panicked elsewhere must not silence the others; every change of the log is complete on its own.
pub(super) fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
