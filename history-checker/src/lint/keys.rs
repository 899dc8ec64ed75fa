//! Key by key: what overlapped, and how often each was used.

use super::rules::{Findings, Rule};
use super::{values, versions};
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::value::Value;

/// The operations of one key, by index.
pub(super) struct Operations<'a> {
    pub(super) history: &'a History,
    pub(super) indices: &'a [usize],
}

/// What kind of object a key stands for, as far as its operations tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Register,
    Counter,
    Set,
    Queue,
}

/// Sums over all keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Operations of each key.
    pub(super) sizes: Vec<usize>,
    /// Operations that may have taken effect, and those among them that overlapped another of the same key.
    pub(super) effective: usize,
    pub(super) overlapped: usize,
    /// Answered operations that observe.
    pub(super) reads: usize,
    /// Those that overlapped a change of the same key.
    pub(super) reads_beside_writes: usize,
    /// Operations that change and may have taken effect.
    pub(super) writes: usize,
    pub(super) values: values::Sums,
}

impl<'a> Operations<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a Operation> {
        let operations = self.history.operations();
        self.indices.iter().map(|&index| &operations[index])
    }

    pub(super) fn kind(&self) -> Kind {
        let mut kind = Kind::Register;
        for operation in self.iter() {
            let elements = matches!(&operation.outcome, Outcome::Ok { answer: Answer::Elements(_), .. });
            match &operation.action {
                Action::Enqueue(_) | Action::Dequeue => return Kind::Queue,
                Action::Remove(_) => return Kind::Set,
                _ if elements => return Kind::Set,
                Action::Add(_) => kind = Kind::Counter,
                Action::Read | Action::Write(_) | Action::Cas { .. } => {}
            }
        }
        kind
    }
}

impl Keys {
    pub(super) fn add(&mut self, key: &Operations<'_>, initial: &Value, findings: &mut Findings) {
        self.sizes.push(key.indices.len());
        if let (1, Some(operation)) = (key.indices.len(), key.iter().next()) {
            findings.add(Rule::SingleOperation, &[operation.invoked.line], || operation.to_string());
        }
        self.count_overlaps(key);
        let kind = key.kind();
        if kind != Kind::Counter {
            values::look(key, kind, initial, &mut self.values, findings);
        }
        versions::look(key, findings);
    }

    /// Operations come by invocation. One overlaps an earlier one if some earlier one ends after it was invoked, and
    /// a later one if the next is invoked before it ends.
    fn count_overlaps(&mut self, key: &Operations<'_>) {
        let effective: Vec<&Operation> =
            key.iter().filter(|operation| !matches!(operation.outcome, Outcome::NotApplied { .. })).collect();
        // What comes after each, from the end: the next invocation, and the next one of a change.
        let mut next = vec![(usize::MAX, usize::MAX); effective.len()];
        let mut following = (usize::MAX, usize::MAX);
        for (place, operation) in effective.iter().enumerate().rev() {
            next[place] = following;
            following.0 = operation.invoked.line;
            if changes(operation) {
                following.1 = operation.invoked.line;
            }
        }
        let (mut latest_end, mut latest_end_of_change) = (0, 0);
        for (operation, (next, next_change)) in effective.iter().zip(next) {
            // Where nobody knows when it ended, it is not taken to have overlapped anything that came later.
            let (start, end) = (
                operation.invoked.line,
                operation.completed_at().map_or(operation.invoked.line, |mark| mark.line),
            );
            self.overlapped += usize::from(latest_end > start || next < end);
            if observes(operation) {
                self.reads += 1;
                self.reads_beside_writes += usize::from(latest_end_of_change > start || next_change < end);
            }
            latest_end = latest_end.max(end);
            if changes(operation) {
                self.writes += 1;
                latest_end_of_change = latest_end_of_change.max(end);
            }
        }
        self.effective += effective.len();
    }
}

/// Whether it was answered with something that other operations have a part in.
pub(super) fn observes(operation: &Operation) -> bool {
    matches!(
        &operation.outcome,
        Outcome::Ok {
            answer: Answer::Read(_) | Answer::Elements(_) | Answer::Swapped | Answer::NotSwapped { .. },
            ..
        }
    )
}

/// Whether it changes the object, if it took effect: a CAS that did not swap only observes.
fn changes(operation: &Operation) -> bool {
    let refused = matches!(&operation.outcome, Outcome::Ok { answer: Answer::NotSwapped { .. }, .. });
    !matches!(operation.action, Action::Read) && !refused
}
