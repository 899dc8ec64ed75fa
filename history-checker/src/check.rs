//! From a history to a report: split by key, let the right engine decide, have every order judged.

use std::fmt;

use rayon::prelude::*;

use crate::by_key::by_key;
use crate::degree::{self, Degree};
use crate::engine::replay::replay;
use crate::engine::search::{Budget, Search, linearize};
use crate::engine::unique::{self, Decision};
use crate::explain::Explainer;
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::model::Model;
use crate::objects;
use crate::register_history::RegisterHistory;
use crate::report::{Counts, Engine, KeyReport, Report, Unexplained, Verdict};
use crate::shrink;
use crate::timeline::Timeline;
use crate::value::{Key, Value};

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
    /// What the search may cost, for each key. As many keys are searched at once as there are processors.
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
    /// Zones, and [`Verdict::Unknown`] where they are not exact: to be sure of the time that it takes.
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
    check_with(history, model, options, &|_, _| ())
}

/// [`check()`], and `decided` hears of each key as soon as its verdict stands, with the number of all keys: from
/// several threads, in no particular order.
///
/// # Errors
/// When the history has operations that the model does not have.
pub fn check_with(
    history: &History,
    model: ModelKind,
    options: &Options,
    decided: &(dyn Fn(&KeyReport, usize) + Sync),
) -> Result<Report, CheckError> {
    begins(model, &options.initial)?;
    fits(history, model)?;
    let groups = by_key(history);
    let all = groups.len();
    let decide = |(key, indices): (Option<&Key>, Vec<usize>)| {
        let report = check_key(history, key, &indices, model, options);
        decided(&report, all);
        report
    };
    let keys = match all {
        1 => groups.into_iter().map(decide).collect(),
        _ => groups.into_par_iter().map(decide).collect(),
    };
    Ok(Report { model, failed_cas: options.failed_cas, keys })
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

fn check_key(
    history: &History,
    key: Option<&Key>,
    indices: &[usize],
    model: ModelKind,
    options: &Options,
) -> KeyReport {
    let (engine, verdict, degree) = match model {
        ModelKind::Counter | ModelKind::Set | ModelKind::Queue if options.method == Method::ZonesOnly => {
            let (engine, verdict) = undecided("the model is not a register".to_owned());
            (engine, verdict, None)
        }
        ModelKind::Register | ModelKind::CasRegister | ModelKind::Map => {
            let register = RegisterHistory::new(history, indices, &options.initial, options.failed_cas);
            let (engine, verdict) = decide(&register, options);
            let degree = degree_of(&register, &verdict, options);
            (engine, verdict, degree)
        }
        ModelKind::Counter | ModelKind::Set | ModelKind::Queue => {
            let (engine, verdict) = objects::decide(history, indices, model, options);
            (engine, verdict, None)
        }
    };
    KeyReport { key: key.cloned(), verdict, engine, counts: count(history, indices), degree }
}

fn degree_of(register: &RegisterHistory<'_>, verdict: &Verdict, options: &Options) -> Option<Degree> {
    let wrong = matches!(verdict, Verdict::NotLinearizable(_));
    wrong.then(|| degree::measure(register, options.budget))
}

fn decide(register: &RegisterHistory<'_>, options: &Options) -> (Engine, Verdict) {
    let explainer = Explainer::new(register);
    let believe = |order| judged(&register.model, &register.timeline, |entry| register.source(entry), order);
    let because = match options.method {
        Method::SearchOnly => "as asked".to_owned(),
        Method::Auto | Method::ZonesOnly => {
            match unique::decide(&register.timeline, register.model.initial) {
                Decision::Linearizable { order } => return (Engine::Zones, believe(order)),
                Decision::NotLinearizable(clash) => {
                    let found = shrink::Found::Clash(clash);
                    return (Engine::Zones, shrink::register_verdict(register, &found, options));
                }
                Decision::NotApplicable(obstacle) => explainer.obstacle(obstacle),
            }
        }
    };
    if options.method == Method::ZonesOnly {
        return undecided(because);
    }
    let search = linearize(&register.model, &register.timeline, options.budget);
    let (verdict, configurations) = match search {
        Search::Found { order, configurations } => (believe(order), configurations),
        Search::Impossible { frontier, configurations } => {
            let found = shrink::Found::DeadEnd(frontier, configurations);
            (shrink::register_verdict(register, &found, options), configurations)
        }
        Search::GaveUp { frontier, configurations, difficulty } => {
            (Verdict::Unknown(explainer.spent(&frontier, configurations, &difficulty)), configurations)
        }
    };
    (Engine::Search { because, configurations }, verdict)
}

/// Zones are not exact, and the search must not be used.
fn undecided(because: String) -> (Engine, Verdict) {
    let sentence = format!("undecided, as only zones may be used and they are not exact here: {because}");
    (
        Engine::Search { because, configurations: 0 },
        Verdict::Unknown(Unexplained { sentence, explained: 0, next: None }),
    )
}

/// An order is believed only after its replay, and then told in the history's indices.
pub(crate) fn judged<M: Model>(
    model: &M,
    timeline: &Timeline<M::Op>,
    source: impl Fn(usize) -> usize,
    order: Vec<usize>,
) -> Verdict {
    match replay(model, timeline, &order) {
        Ok(()) => Verdict::Linearizable { order: order.into_iter().map(source).collect() },
        Err(flaw) => Verdict::bug(&format!("the order that it found does not replay ({flaw})")),
    }
}

fn count(history: &History, indices: &[usize]) -> Counts {
    let mut counts = Counts::default();
    for &index in indices {
        match history.operations()[index].outcome {
            Outcome::Ok { .. } => counts.completed += 1,
            Outcome::NotApplied { .. } => counts.not_applied += 1,
            Outcome::Unknown { .. } => counts.open += 1,
        }
    }
    counts
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
