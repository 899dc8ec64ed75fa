//! Checking by the models that come with the crate: what can be chosen, and which history is of which.

use std::fmt;

use crate::check_keys::check_keys;
use crate::engine::search::{Budget, Searching};
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::report::{KeyReport, Report};
use crate::value::{Key, Value};
use crate::{objects, registers};

/// Which service the history is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// One register with read and write. A CAS in the history is an error.
    Register,
    /// One register with read, write and compare-and-set.
    CasRegister,
    /// A register with compare-and-set for each key; operations without a key share one.
    Map,
    /// A counter for each key: add, and read. It begins at 0, or at [`Options::initial`].
    Counter,
    /// A set for each key: add, remove, and read of all elements.
    Set,
    /// A queue for each key, first in, first out: enqueue, and dequeue, which answers null where it is empty.
    Queue,
}

/// What a CAS that is recorded as `fail` says. A CAS that answered `ok` without swapping needs no choice: it was
/// evaluated, and says at least that the register did not hold what it expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailedCas {
    /// Nothing: it may never have been evaluated.
    #[default]
    Drop,
    /// The register held something other than what was expected.
    Observe,
}

/// How to check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every register holds before the first write; `Null` unless set. A counter begins at this integer, or at 0
    /// if it is `Null`; sets and queues begin empty, and accept `Null` only.
    pub initial: Value,
    /// How to take a CAS that is recorded as `fail`.
    pub failed_cas: FailedCas,
    /// What the search may cost: configurations for each key, and bytes for all keys that are searched at once. Those
    /// begin with equal shares, 16 at most; a key whose share does not suffice is searched again with all of
    /// it, when the others are done.
    pub budget: Budget,
    /// Which engines may be used.
    pub method: Method,
}

/// Which engines may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Zones where they are exact, the search elsewhere.
    #[default]
    Auto,
    /// The search, always: to have a second opinion.
    SearchOnly,
    /// Zones, and [`Verdict::Unknown`](crate::Verdict::Unknown) where they are not exact: to be sure of the time that
    /// it takes.
    ZonesOnly,
}

/// Why a history does not fit the model at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A single register was promised.
    #[error("line {line}: {key} after {earlier}, but the {model} model is one register; use map")]
    SeveralKeys {
        /// Of the first operation on another key.
        line: usize,
        /// Its key, in words.
        key: String,
        /// The key before, in words.
        earlier: String,
        /// The model.
        model: ModelKind,
    },
    /// The model knows no such operation, or no such answer to it.
    #[error("line {line}: the {model} model does not have {op}")]
    WrongOp {
        /// Of the operation.
        line: usize,
        /// The operation, in words.
        op: String,
        /// The model.
        model: ModelKind,
    },
    /// The object cannot hold this before the first operation.
    #[error("the {model} model cannot begin with the initial value {initial}: {remedy}")]
    WrongInitial {
        /// What it was to begin with.
        initial: Value,
        /// The model.
        model: ModelKind,
        /// What to do.
        remedy: &'static str,
    },
}

/// Says whether one sequential order explains `history`, key by key.
///
/// The verdict depends on the arguments alone: not on time, threads or hashing.
///
/// # Errors
/// When the history has operations that the model does not have.
pub fn check(history: &History, model: ModelKind, options: &Options) -> Result<Report, CheckError> {
    check_with(history, model, options, &|_| ())
}

/// What somebody hears who waits for a check.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The history fits the model, and has so many keys. The first to be heard.
    Keys(usize),
    /// The search for an order of this key's operations goes on.
    Searching(Option<&'a Key>, Searching),
    /// The verdict on a key stands.
    Decided(&'a KeyReport),
}

/// [`check()`], and `watch` hears how it goes: from several threads, keys in no particular order.
///
/// # Errors
/// When the history has operations that the model does not have.
pub fn check_with(
    history: &History,
    model: ModelKind,
    options: &Options,
    watch: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Report, CheckError> {
    begins(model, &options.initial)?;
    fits(history, model)?;
    let decide = |indices: &[usize], options: &Options, watch: &(dyn Fn(Searching) + Sync)| match model {
        ModelKind::Register | ModelKind::CasRegister | ModelKind::Map => {
            registers::decide(history, indices, options, watch)
        }
        ModelKind::Counter | ModelKind::Set | ModelKind::Queue => {
            objects::decide(history, indices, model, options, watch)
        }
    };
    let keys = check_keys(history, options, watch, &decide);
    Ok(Report { model: Some(model), failed_cas: options.failed_cas, initial: options.initial.clone(), keys })
}

/// Whether an object of the model may hold `initial` at first.
fn begins(model: ModelKind, initial: &Value) -> Result<(), CheckError> {
    let remedy = match model {
        _ if *initial == Value::Null => return Ok(()),
        ModelKind::Counter if objects::integer(initial).is_none() => "give an integer",
        ModelKind::Set | ModelKind::Queue => "it begins empty, so leave the value out",
        _ => return Ok(()),
    };
    Err(CheckError::WrongInitial { initial: initial.clone(), model, remedy })
}

fn fits(history: &History, model: ModelKind) -> Result<(), CheckError> {
    let operations = history.operations();
    if let Some(wrong) = operations.iter().find(|operation| !model.has(operation)) {
        let op = wrong.to_string();
        return Err(CheckError::WrongOp { line: wrong.invoked.line, op, model });
    }
    if matches!(model, ModelKind::Register | ModelKind::CasRegister)
        && let Some(other) = operations.iter().find(|operation| operation.key != operations[0].key)
    {
        let (key, earlier) = (in_words(other.key.as_ref()), in_words(operations[0].key.as_ref()));
        return Err(CheckError::SeveralKeys { line: other.invoked.line, key, earlier, model });
    }
    Ok(())
}

fn in_words(key: Option<&Key>) -> String {
    key.map_or_else(|| "no key".to_owned(), |key| format!("key `{key}`"))
}

impl ModelKind {
    fn has(self, operation: &Operation) -> bool {
        use ModelKind::{CasRegister, Counter, Map, Queue, Register, Set};
        let asked = match &operation.action {
            Action::Read => self != Queue,
            Action::Write(_) => matches!(self, Register | CasRegister | Map),
            Action::Cas { .. } => matches!(self, CasRegister | Map),
            Action::Add(value) => self == Set || self == Counter && objects::integer(value).is_some(),
            Action::Remove(_) => self == Set,
            // A dequeue that answers null says that nothing was there.
            Action::Enqueue(value) => self == Queue && *value != Value::Null,
            Action::Dequeue => self == Queue,
        };
        asked && self.answers(&operation.outcome)
    }

    fn answers(self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Ok { answer: Answer::Read(value), .. } => match self {
                ModelKind::Counter => objects::integer(value).is_some(),
                ModelKind::Set => *value == Value::Null,
                _ => true,
            },
            Outcome::Ok { answer: Answer::Elements(_), .. } => self == ModelKind::Set,
            _ => true,
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelKind::Register => "register",
            ModelKind::CasRegister => "cas-register",
            ModelKind::Map => "map",
            ModelKind::Counter => "counter",
            ModelKind::Set => "set",
            ModelKind::Queue => "queue",
        })
    }
}

impl fmt::Display for FailedCas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailedCas::Drop => "drop",
            FailedCas::Observe => "observe",
        })
    }
}
