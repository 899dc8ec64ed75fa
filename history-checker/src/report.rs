//! What a check found, for programs and for people.

use std::fmt;

use crate::check::{FailedCas, ModelKind};
use crate::degree::Degree;
use crate::history::Outcome;
use crate::shrink::Core;
use crate::value::{Key, Short, Value};

/// The outcome of a check, key by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The model that was assumed; none if it was the caller's own.
    pub model: Option<ModelKind>,
    /// How a CAS that is recorded as `fail` was taken.
    pub failed_cas: FailedCas,
    /// What every object held at first, where its model has a choice.
    pub initial: Value,
    /// One report per key, by key; the operations without a key come first.
    pub keys: Vec<KeyReport>,
}

/// The outcome for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReport {
    /// The key; `None` for operations without one.
    pub key: Option<Key>,
    /// Whether one order explains this key's operations.
    pub verdict: Verdict,
    /// Who decided.
    pub engine: Engine,
    /// How many operations there were.
    pub counts: Counts,
    /// How wrong it is; of registers that are not linearizable.
    pub degree: Option<Degree>,
}

/// Whether one sequential order explains the operations. Indices are those of [`History::operations`](crate::History::operations).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes: this one. It was replayed by an independent check.
    Linearizable {
        /// Operations in the order of their effects, without those that had none.
        order: Vec<usize>,
    },
    /// No: the violation's core was checked independently.
    NotLinearizable(Violation),
    /// The budget was spent before either could be shown.
    Unknown(Unexplained),
}

/// Why no order explains the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which operation cannot be explained, and what makes it impossible, with line numbers.
    pub sentence: String,
    /// The operations that the sentence is about, in the order of their invocations.
    pub operations: Vec<usize>,
    /// The completed operation that no order gets past, where a search found that out: some order explains everything
    /// that returned before it.
    pub dead_end: Option<usize>,
    /// The part of the history that proves it.
    pub core: Core,
}

/// How far a search came that did not finish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexplained {
    /// The same, in words.
    pub sentence: String,
    /// How many operations, in the order of their returns, some order explains.
    pub explained: usize,
    /// The first that none was found for.
    pub next: Option<usize>,
}

/// Who decided, and why not the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Zones of unique values: exact here, as every observed value has one writer.
    Zones,
    /// The search.
    Search {
        /// Why zones would not have been exact.
        because: String,
        /// How many configurations were tried.
        configurations: u64,
    },
    /// Nobody: zones are not exact, and no other engine was allowed.
    ZonesOnly {
        /// Why they are not exact.
        because: String,
    },
}

/// How many operations ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered: they took effect.
    pub completed: usize,
    /// Unknown: they may have taken effect.
    pub open: usize,
    /// Failed: they had no effect.
    pub not_applied: usize,
}

/// A verdict without its evidence. The greater, the more a user must know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Summary {
    /// Every key is linearizable.
    Linearizable,
    /// No key is known to be wrong, some could not be decided.
    Unknown,
    /// Some key is not linearizable.
    NotLinearizable,
}

impl Report {
    /// The worst of the keys' verdicts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.keys.iter().map(|key| key.verdict.summary()).max().unwrap_or(Summary::Linearizable)
    }

    /// The model in words.
    #[must_use]
    pub fn model_name(&self) -> String {
        self.model.map_or_else(|| "of its own".to_owned(), |model| model.to_string())
    }

    /// Whether every key is linearizable.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        self.summary() == Summary::Linearizable
    }

    /// The keys that are not linearizable, with the reason.
    pub fn violations(&self) -> impl Iterator<Item = (&KeyReport, &Violation)> {
        self.keys.iter().filter_map(|key| match &key.verdict {
            Verdict::NotLinearizable(violation) => Some((key, violation)),
            Verdict::Linearizable { .. } | Verdict::Unknown(_) => None,
        })
    }

    /// Of all keys together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.keys.iter().fold(Counts::default(), |sum, key| Counts {
            completed: sum.completed + key.counts.completed,
            open: sum.open + key.counts.open,
            not_applied: sum.not_applied + key.counts.not_applied,
        })
    }
}

impl Counts {
    /// One more operation, that ended so.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok { .. } => self.completed += 1,
            Outcome::NotApplied { .. } => self.not_applied += 1,
            Outcome::Unknown { .. } => self.open += 1,
        }
    }
}

impl Verdict {
    /// What is told instead of a verdict that did not stand up to its check.
    pub(crate) fn bug(what: &str) -> Verdict {
        let sentence = format!("this checker has a bug: {what}");
        Verdict::Unknown(Unexplained { sentence, explained: 0, next: None })
    }

    /// Without the evidence.
    #[must_use]
    pub fn summary(&self) -> Summary {
        match self {
            Verdict::Linearizable { .. } => Summary::Linearizable,
            Verdict::NotLinearizable(_) => Summary::NotLinearizable,
            Verdict::Unknown(_) => Summary::Unknown,
        }
    }
}

/// More linearizable keys than this are summed up in one line.
const LISTED_KEYS: usize = 10;

/// Keys that are not linearizable, or not decided, are written out up to this many; the others are counted.
const LISTED_BAD_KEYS: usize = 50;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, model {}", self.summary(), self.counts(), self.model_name())?;
        if matches!(self.model, Some(ModelKind::CasRegister | ModelKind::Map)) {
            write!(f, ", failed cas: {}", self.failed_cas)?;
        }
        if self.initial != Value::Null {
            write!(f, ", initial value {}", Short(&self.initial))?;
        }
        if let [key] = &self.keys[..] {
            // Verdict and counts would be those of the line above.
            let name = key.key.as_ref().map_or_else(String::new, |key| format!("key {key}, "));
            return write!(f, "\n  {name}by {}{}", key.engine, Evidence(key));
        }
        self.write_keys(f)
    }
}

impl Report {
    /// The worst first.
    fn write_keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = |key: &&KeyReport| key.verdict.summary();
        let (good, mut bad): (Vec<_>, Vec<_>) =
            self.keys.iter().partition(|key| summary(key) == Summary::Linearizable);
        if self.keys.len() <= LISTED_KEYS {
            return self.keys.iter().try_for_each(|key| write!(f, "\n  {key}"));
        }
        bad.sort_by_key(|key| std::cmp::Reverse(summary(key)));
        for key in bad.iter().take(LISTED_BAD_KEYS) {
            write!(f, "\n  {key}")?;
        }
        for (what, word) in [(Summary::NotLinearizable, "NOT linearizable"), (Summary::Unknown, "unknown")] {
            let more = bad.iter().skip(LISTED_BAD_KEYS).filter(|key| summary(key) == what).count();
            if more > 0 {
                let noun = if more == 1 { "key" } else { "keys" };
                write!(f, "\n  … and {more} more {noun} {word}")?;
            }
        }
        let zones = good.iter().filter(|key| key.engine == Engine::Zones).count();
        let (all, search) = (counted(good.len(), "key", "keys"), good.len() - zones);
        write!(f, "\n  {all} linearizable, {zones} by zones, {search} by search")
    }
}

/// A number of things, in words.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl fmt::Display for KeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "key {key}: ")?;
        }
        write!(f, "{}, {}, by {}{}", self.verdict.summary(), self.counts, self.engine, Evidence(self))
    }
}

/// The lines below a key's verdict.
struct Evidence<'a>(&'a KeyReport);

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.verdict {
            Verdict::Linearizable { .. } => Ok(()),
            Verdict::NotLinearizable(Violation { sentence, core, .. }) => {
                let few = counted(core.operations.len(), "operation proves", "operations prove");
                write!(f, "\n    {sentence}\n    {few} it, {}", core.certified)
            }
            Verdict::Unknown(Unexplained { sentence, .. }) => write!(f, "\n    {sentence}"),
        }?;
        self.0.degree.iter().try_for_each(|degree| write!(f, "\n    degree: {degree}"))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Summary::Linearizable => "linearizable",
            Summary::Unknown => "unknown",
            Summary::NotLinearizable => "NOT linearizable",
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { completed, open, not_applied } = self;
        let all = counted(completed + open + not_applied, "operation", "operations");
        write!(f, "{all} ({open} open, {not_applied} failed)")
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Engine::Zones => f.write_str("zones (every observed value has one writer)"),
            Engine::Search { because, configurations } => {
                let noun = if *configurations == 1 { "configuration" } else { "configurations" };
                write!(f, "search of {configurations} {noun} ({because})")
            }
            // The verdict's sentence says why.
            Engine::ZonesOnly { .. } => f.write_str("zones alone"),
        }
    }
}
