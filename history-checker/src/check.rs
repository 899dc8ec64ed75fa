//! From a history to a report: split by key, let the right engine decide, have every order judged.

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::replay::replay;
use crate::engine::search::{Budget, Search, linearize};
use crate::engine::unique::{self, Decision};
use crate::explain::Explainer;
use crate::history::{Action, History, Outcome};
use crate::register_history::RegisterHistory;
use crate::report::{Counts, Engine, KeyReport, Report, Unexplained, Verdict};
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
    /// What every register holds before the first write; `Null` unless set.
    pub initial: Value,
    /// How to take a CAS that is recorded as `fail`.
    pub failed_cas: FailedCas,
    /// What the search may cost, for each key.
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
    /// The plain register knows no CAS.
    #[error("line {line}: a cas, which the register model does not have; use cas-register")]
    CasOnRegister {
        /// Of the CAS.
        line: usize,
    },
}

/// Says whether one sequential order explains `history`, key by key.
///
/// The verdict depends on the arguments alone: not on time, threads or hashing.
///
/// # Errors
/// When the history has operations that the model does not have.
pub fn check(history: &History, model: ModelKind, options: &Options) -> Result<Report, CheckError> {
    fits(history, model)?;
    let mut by_key: BTreeMap<Option<&Key>, Vec<usize>> = BTreeMap::new();
    for (index, operation) in history.operations().iter().enumerate() {
        by_key.entry(operation.key.as_ref()).or_default().push(index);
    }
    let keys = by_key.into_iter().map(|(key, indices)| check_key(history, key, &indices, options)).collect();
    Ok(Report { model, failed_cas: options.failed_cas, keys })
}

fn fits(history: &History, model: ModelKind) -> Result<(), CheckError> {
    let operations = history.operations();
    if model == ModelKind::Register
        && let Some(cas) = operations.iter().find(|operation| matches!(operation.action, Action::Cas { .. }))
    {
        return Err(CheckError::CasOnRegister { line: cas.invoked.line });
    }
    if model != ModelKind::Map
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

fn check_key(history: &History, key: Option<&Key>, indices: &[usize], options: &Options) -> KeyReport {
    let register = RegisterHistory::new(history, indices, &options.initial, options.failed_cas);
    let (engine, verdict) = decide(&register, options);
    KeyReport {
        key: key.cloned(),
        verdict: judged(&register, verdict),
        engine,
        counts: count(history, indices),
    }
}

fn decide(register: &RegisterHistory<'_>, options: &Options) -> (Engine, Verdict) {
    let explainer = Explainer::new(register);
    let because = match options.method {
        Method::SearchOnly => "as asked".to_owned(),
        Method::Auto => match unique::decide(&register.timeline, register.model.initial) {
            Decision::Linearizable { order } => return (Engine::Zones, Verdict::Linearizable { order }),
            Decision::NotLinearizable(clash) => {
                return (Engine::Zones, Verdict::NotLinearizable(explainer.clash(&clash)));
            }
            Decision::NotApplicable(obstacle) => explainer.obstacle(obstacle),
        },
    };
    let search = linearize(&register.model, &register.timeline, options.budget);
    let (verdict, configurations) = match search {
        Search::Found { order, configurations } => (Verdict::Linearizable { order }, configurations),
        Search::Impossible { frontier, configurations } => {
            (Verdict::NotLinearizable(explainer.dead_end(&frontier)), configurations)
        }
        Search::GaveUp { frontier, configurations } => {
            (Verdict::Unknown(explainer.spent(&frontier, configurations)), configurations)
        }
    };
    (Engine::Search { because, configurations }, verdict)
}

/// An order is believed only after its replay, and then told in the history's indices.
fn judged(register: &RegisterHistory<'_>, verdict: Verdict) -> Verdict {
    let Verdict::Linearizable { order } = verdict else { return verdict };
    match replay(&register.model, &register.timeline, &order) {
        Ok(()) => {
            Verdict::Linearizable { order: order.into_iter().map(|entry| register.source(entry)).collect() }
        }
        Err(flaw) => Verdict::Unknown(Unexplained {
            sentence: format!("this checker has a bug: the order that it found does not replay ({flaw})"),
            explained: 0,
            next: None,
        }),
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

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelKind::Register => "register",
            ModelKind::CasRegister => "cas-register",
            ModelKind::Map => "map",
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
