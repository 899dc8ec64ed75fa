//! What a line of any format says, and how completions are joined to their invocations.

use std::collections::HashMap;

use super::LineError;
use crate::history::{Action, Answer, FaultEdge, History, Mark, Operation, Outcome};
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
    /// Its [name](Action::name), which must be the invocation's.
    pub op: &'static str,
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
    open: Open,
}

impl Joiner {
    /// Takes what stands in a line. Lines must come in order.
    ///
    /// # Errors
    /// It does not fit what came before; the history is as if the line were not there.
    pub fn accept(&mut self, line: usize, event: Event) -> Result<(), LineError> {
        match event {
            Event::Fault { name, edge, time } => {
                let at = self.history.advance(line, time);
                self.history.add_fault(name, edge, at);
            }
            Event::Invoke { process, key, action, time } => {
                if let Some(earlier) = self.open.get(process) {
                    let line = self.history.operations()[earlier].invoked.line;
                    return Err(LineError::AlreadyOpen { process, line });
                }
                let invoked = self.history.advance(line, time);
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
        let process = completion.process;
        let index = self.open.get(process).ok_or(LineError::NotInvoked { process })?;
        completion.fits(&self.history.operations()[index])?;
        self.open.remove(process);
        let mark = self.history.advance(line, completion.time);
        self.history.complete(index, completion.end.outcome(mark));
        Ok(())
    }
}

/// An operation for each process. Few histories have a process beyond the first thousands, and those need no hashing.
#[derive(Debug, Default)]
struct Open {
    near: Vec<Option<usize>>,
    far: HashMap<u64, usize>,
}

impl Open {
    const NEAR: u64 = 4096;

    fn near(process: u64) -> Option<usize> {
        usize::try_from(process).ok().filter(|_| process < Open::NEAR)
    }

    fn get(&self, process: u64) -> Option<usize> {
        match Open::near(process) {
            Some(slot) => self.near.get(slot).copied().flatten(),
            None => self.far.get(&process).copied(),
        }
    }

    fn insert(&mut self, process: u64, operation: usize) {
        let Some(slot) = Open::near(process) else {
            self.far.insert(process, operation);
            return;
        };
        if slot >= self.near.len() {
            self.near.resize(slot + 1, None);
        }
        if let Some(open) = self.near.get_mut(slot) {
            *open = Some(operation);
        }
    }

    fn remove(&mut self, process: u64) {
        match Open::near(process) {
            Some(slot) => {
                if let Some(open) = self.near.get_mut(slot) {
                    *open = None;
                }
            }
            None => {
                self.far.remove(&process);
            }
        }
    }
}

impl Completion {
    /// Whether it may complete this operation.
    ///
    /// # Errors
    /// It is of another one.
    pub(crate) fn fits(&self, operation: &Operation) -> Result<(), LineError> {
        let differs = |what| Err(LineError::Differs { what, line: operation.invoked.line });
        if self.op != operation.action.name() {
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
