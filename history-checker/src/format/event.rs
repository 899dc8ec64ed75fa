//! What a line of any format says, and how completions are joined to their invocations.

use super::LineError;
use super::open::InFlight;
use crate::history::{Action, Answer, FaultEdge, History, Mark, OpKind, Operation, Outcome};
use crate::value::Key;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A process asks.
    Invoke {
        /// Who.
        process: u64,
        /// Of which object, if the history has several.
        key: Option<Key>,
        /// What.
        action: Action,
        /// Nanoseconds on the recorder's clock.
        time: u64,
    },
    /// A process learns what became of what it asked.
    Complete(Completion),
    /// A fault begins or ends.
    Fault {
        /// What was done, for people.
        name: String,
        /// Whether it begins.
        edge: FaultEdge,
        /// Nanoseconds on the recorder's clock.
        time: u64,
    },
}

/// The end of the operation that a process has under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Whose.
    pub process: u64,
    /// What it completes, which must be the invocation's.
    pub op: OpKind,
    /// If given, it must be the invocation's.
    pub key: Option<Key>,
    /// How it ended.
    pub end: End,
    /// Nanoseconds on the recorder's clock.
    pub time: u64,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It took effect.
    Ok {
        /// The answer.
        answer: Answer,
        /// What was asked, where the completion says it again; it must be what the invocation said.
        repeated: Option<Action>,
        /// The version that the answer named.
        version: Option<u64>,
    },
    /// It certainly had no effect, now or later; or it is a read that does not tell what it saw, and says nothing.
    Fail,
    /// Unknown.
    Info,
}

/// Joins completions to their invocations.
#[derive(Debug, Default)]
pub struct Joiner {
    history: History,
    /// The operation that each process has under way.
    open: InFlight<usize>,
}

impl Joiner {
    /// Takes what stands in a line. Lines must come in order.
    ///
    /// # Errors
    /// It does not fit what came before; the history is as if the line were not there.
    pub fn accept(&mut self, line: usize, event: Event) -> Result<(), LineError> {
        match event {
            Event::Fault { name, edge, time } => {
                let at = Mark { line, time };
                self.history.add_fault(name, edge, at);
            }
            Event::Invoke { process, key, action, time } => {
                let operations = self.history.operations();
                self.open.begin(process, |&earlier| operations[earlier].invoked.line)?;
                let invoked = Mark { line, time };
                self.open.insert(process, self.history.invoke(process, key, action, invoked));
            }
            Event::Complete(completion) => self.complete(line, completion)?,
        }
        Ok(())
    }

    /// The history so far; what has not completed is open in it.
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }

    fn complete(&mut self, line: usize, completion: Completion) -> Result<(), LineError> {
        let operations = self.history.operations();
        let index = self.open.end(completion.process, |&index| completion.fits(&operations[index]))?;
        let mark = Mark { line, time: completion.time };
        self.history.complete(index, completion.end.outcome(mark));
        Ok(())
    }
}

impl Event {
    /// That an operation was invoked.
    pub(crate) fn invocation(operation: &Operation) -> Event {
        let Operation { process, key, action, invoked, .. } = operation;
        Event::Invoke { process: *process, key: key.clone(), action: action.clone(), time: invoked.time }
    }

    /// That it ended there.
    pub(crate) fn completion(operation: &Operation, mark: Mark) -> Event {
        let end = match &operation.outcome {
            Outcome::Ok { answer, version, .. } => {
                End::Ok { answer: answer.clone(), repeated: None, version: *version }
            }
            Outcome::NotApplied { .. } => End::Fail,
            Outcome::Unknown { .. } => End::Info,
        };
        let (process, op) = (operation.process, operation.action.kind());
        Event::Complete(Completion { process, op, key: operation.key.clone(), end, time: mark.time })
    }
}

impl Completion {
    /// Whether it may complete this operation.
    ///
    /// # Errors
    /// It is of another one.
    pub(crate) fn fits(&self, operation: &Operation) -> Result<(), LineError> {
        let differs = |what| Err(LineError::Differs { what, line: operation.invoked.line });
        if self.op != operation.action.kind() {
            return differs("op");
        }
        if self.key.is_some() && self.key != operation.key {
            return differs("key");
        }
        match &self.end {
            End::Ok { repeated: Some(repeated), .. } if *repeated != operation.action => differs("value"),
            _ => Ok(()),
        }
    }
}

impl End {
    /// What it says of an operation.
    pub(crate) fn outcome(self, mark: Mark) -> Outcome {
        match self {
            End::Ok { answer, version, .. } => Outcome::Ok { returned: mark, answer, version },
            End::Fail => Outcome::NotApplied { returned: mark },
            End::Info => Outcome::Unknown { gave_up: Some(mark) },
        }
    }
}
