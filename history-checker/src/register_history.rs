//! One register's operations out of a history, in the engines' terms.

use crate::check::FailedCas;
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::models::{CasRegister, RegisterOp, ValueId};
use crate::shrink::Part;
use crate::timeline::{Entry, Moment, Timeline};
use crate::value::{Interner, Short, Value};

/// A timeline of one register, and the way back to the history.
pub(crate) struct RegisterHistory<'a> {
    pub(crate) history: &'a History,
    pub(crate) timeline: Timeline<RegisterOp>,
    pub(crate) model: CasRegister,
    /// The operation of each entry.
    sources: Vec<usize>,
    values: Vec<&'a Value>,
}

impl<'a> RegisterHistory<'a> {
    /// Translates the operations of these indices.
    pub(crate) fn new(
        history: &'a History,
        indices: &[usize],
        initial: &'a Value,
        failed_cas: FailedCas,
    ) -> Self {
        let mut interner = Interner::new(indices.len());
        let model = CasRegister { initial: interner.id(initial) };
        let (mut entries, mut sources) =
            (Vec::with_capacity(indices.len()), Vec::with_capacity(indices.len()));
        for &index in indices {
            if let Some(entry) = entry(&history.operations()[index], failed_cas, &mut interner) {
                entries.push(entry);
                sources.push(index);
            }
        }
        RegisterHistory {
            history,
            timeline: Timeline::new(entries),
            model,
            sources,
            values: interner.into_values(),
        }
    }

    /// Some of the entries alone: `timeline` holds those of `part`.
    pub(crate) fn part(&self, part: &Part, timeline: Timeline<RegisterOp>) -> RegisterHistory<'a> {
        let sources = part.kept.iter().map(|kept| self.sources[kept.entry]).collect();
        let (history, model, values) = (self.history, self.model, self.values.clone());
        RegisterHistory { history, timeline, model, sources, values }
    }

    /// The index of an entry's operation in the history.
    pub(crate) fn source(&self, entry: usize) -> usize {
        self.sources[entry]
    }

    pub(crate) fn operation(&self, entry: usize) -> &'a Operation {
        &self.history.operations()[self.sources[entry]]
    }

    /// For sentences.
    pub(crate) fn value(&self, id: ValueId) -> Short<'a> {
        Short(self.values[id])
    }
}

/// What an operation says about the register; `None` if nothing.
fn entry<'a>(
    operation: &'a Operation,
    failed_cas: FailedCas,
    values: &mut Interner<'a>,
) -> Option<Entry<RegisterOp>> {
    let invoked = moment(operation.invoked.line);
    let (op, returned) = match &operation.outcome {
        Outcome::Ok { returned, answer, .. } => {
            (completed(&operation.action, answer, values), Some(moment(returned.line)))
        }
        Outcome::NotApplied { returned } => match (&operation.action, failed_cas) {
            (Action::Cas { from, .. }, FailedCas::Observe) => {
                (RegisterOp::ObserveNot(values.id(from)), Some(moment(returned.line)))
            }
            _ => return None,
        },
        Outcome::Unknown { .. } => match &operation.action {
            Action::Write(value) => (RegisterOp::Put(values.id(value)), None),
            Action::Cas { from, to } if from != to => (swap(from, to, values), None),
            _ => return None,
        },
    };
    Some(Entry { op, invoked, returned })
}

fn completed<'a>(action: &'a Action, answer: &'a Answer, values: &mut Interner<'a>) -> RegisterOp {
    match (action, answer) {
        (Action::Write(value), _) => RegisterOp::Put(values.id(value)),
        (Action::Cas { from, .. }, Answer::NotSwapped { seen: Some(seen) }) if seen == from => {
            RegisterOp::Absurd
        }
        (_, Answer::NotSwapped { seen: Some(value) } | Answer::Read(value)) => {
            RegisterOp::Observe(values.id(value))
        }
        (Action::Cas { from, .. }, Answer::NotSwapped { seen: None }) => {
            RegisterOp::ObserveNot(values.id(from))
        }
        (Action::Cas { from, to }, _) => swap(from, to, values),
        // Reader and recorder pair every read with its own kind of answer, and `check` lets only registers come here.
        _ => RegisterOp::Absurd,
    }
}

/// A CAS from a value to itself leaves the register as it found it: it is a read.
fn swap<'a>(from: &'a Value, to: &'a Value, values: &mut Interner<'a>) -> RegisterOp {
    match from == to {
        true => RegisterOp::Observe(values.id(from)),
        false => RegisterOp::Swap { from: values.id(from), to: values.id(to) },
    }
}

fn moment(line: usize) -> Moment {
    line as Moment
}
