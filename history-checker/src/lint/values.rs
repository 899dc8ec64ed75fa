//! Values: who wrote what was seen.

use std::collections::HashMap;

use super::keys::{Kind, Operations};
use super::rules::{Findings, Rule};
use crate::history::{Action, Answer, Operation, Outcome};
use crate::value::{Short, Value};

/// Sums over all keys that are not counters.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Different values that may have been written, key by key.
    pub(super) distinct: usize,
    /// Keys that were written to.
    pub(super) written_keys: usize,
    /// Writes that were acknowledged, and those whose value somebody saw.
    pub(super) acknowledged: usize,
    pub(super) seen: usize,
    /// Reads of registers, and those that saw something other than the initial value.
    pub(super) register_reads: usize,
    pub(super) other_than_initial: usize,
}

#[derive(Default)]
struct Facts {
    /// How many writes may have taken effect; lines of the first two.
    writes: usize,
    lines: [usize; 2],
    acknowledged: usize,
    /// The line of the first write that is recorded as failed.
    failed: Option<usize>,
    /// Lines of the first observation.
    seen: Option<[usize; 2]>,
    /// The first version that was answered with it, and where; and a line with another one.
    version: Option<(u64, usize)>,
    other_version: Option<usize>,
}

#[derive(Default)]
struct Values<'a> {
    numbers: HashMap<&'a Value, usize>,
    facts: Vec<(&'a Value, Facts)>,
}

impl<'a> Values<'a> {
    fn of(&mut self, value: &'a Value) -> &mut Facts {
        let number = *self.numbers.entry(value).or_insert(self.facts.len());
        if number == self.facts.len() {
            self.facts.push((value, Facts::default()));
        }
        &mut self.facts[number].1
    }
}

pub(super) fn look(
    key: &Operations<'_>,
    kind: Kind,
    initial: &Value,
    sums: &mut Sums,
    findings: &mut Findings,
) {
    let mut values = Values::default();
    for operation in key.iter() {
        if let Some(value) = written(&operation.action) {
            note_write(values.of(value), operation);
        }
        let Outcome::Ok { returned, answer, version } = &operation.outcome else {
            if matches!(
                (&operation.action, &operation.outcome),
                (Action::Cas { .. }, Outcome::NotApplied { .. })
            ) {
                findings.add(Rule::CasFailed, &[operation.invoked.line], || operation.to_string());
            }
            continue;
        };
        look_at_cas(operation, answer, findings);
        for value in observed(&operation.action, answer, kind) {
            let facts = values.of(value);
            facts.seen.get_or_insert([operation.invoked.line, returned.line]);
        }
        if kind == Kind::Register
            && let Answer::Read(value) = answer
        {
            sums.register_reads += 1;
            sums.other_than_initial += usize::from(value != initial);
        }
        if let (Some(version), Some(value)) = (*version, answered(operation)) {
            let facts = values.of(value);
            let (first, _) = *facts.version.get_or_insert((version, operation.invoked.line));
            if first != version {
                facts.other_version.get_or_insert(operation.invoked.line);
            }
        }
    }
    let initial = (kind == Kind::Register).then_some(initial);
    let mut distinct = 0;
    for (value, facts) in &values.facts {
        judge(value, facts, initial == Some(*value), findings);
        distinct += usize::from(facts.writes > 0);
        sums.acknowledged += facts.acknowledged;
        sums.seen += if facts.seen.is_some() { facts.acknowledged } else { 0 };
    }
    sums.distinct += distinct;
    sums.written_keys += usize::from(distinct > 0);
}

fn note_write(facts: &mut Facts, operation: &Operation) {
    let line = operation.invoked.line;
    match &operation.outcome {
        Outcome::NotApplied { .. } => {
            facts.failed.get_or_insert(line);
        }
        Outcome::Ok { answer: Answer::NotSwapped { .. }, .. } => {}
        Outcome::Ok { .. } | Outcome::Unknown { .. } => {
            if let Some(place) = facts.lines.get_mut(facts.writes) {
                *place = line;
            }
            facts.writes += 1;
            facts.acknowledged += usize::from(matches!(operation.outcome, Outcome::Ok { .. }));
        }
    }
}

fn look_at_cas(operation: &Operation, answer: &Answer, findings: &mut Findings) {
    let Action::Cas { from, to } = &operation.action else { return };
    let rule = match answer {
        Answer::NotSwapped { seen: Some(seen) } if seen == from => Rule::CasContradiction,
        Answer::NotSwapped { seen: None } => Rule::CasUnseen,
        Answer::Swapped if from == to => Rule::CasToItself,
        _ => return,
    };
    findings.add(rule, &[operation.invoked.line], || operation.to_string());
}

fn judge(value: &Value, facts: &Facts, is_initial: bool, findings: &mut Findings) {
    let shown = Short(value);
    let &Facts { writes, lines: [first, second], failed, .. } = facts;
    if let (1, Some((version, line)), Some(other)) = (writes, facts.version, facts.other_version)
        && !is_initial
        && *value != Value::Null
    {
        findings.add(Rule::ValueOfTwoVersions, &[line, other], || {
            format!("{shown}, with version {version} at line {line} and with another at line {other}")
        });
    }
    let Some([seen, answered]) = facts.seen else { return };
    match writes {
        0 if is_initial => {}
        0 => match failed.filter(|&failed| failed < answered) {
            Some(failed) => findings.add(Rule::FailedWriteSeen, &[failed, seen], || {
                format!("{shown}, whose write at line {failed} failed, was seen at line {seen}")
            }),
            None => findings.add(Rule::NeverWritten, &[seen], || format!("{shown}, seen at line {seen}")),
        },
        _ if is_initial => findings.add(Rule::InitialWrittenAgain, &[first, seen], || {
            format!("{shown}, written at line {first} and seen at line {seen}")
        }),
        1 => {}
        _ => findings.add(Rule::AmbiguousValue, &[first, second], || {
            format!("{shown}, written at lines {first} and {second} and seen at line {seen}")
        }),
    }
}

fn written(action: &Action) -> Option<&Value> {
    match action {
        Action::Write(value) | Action::Add(value) | Action::Enqueue(value) => Some(value),
        Action::Cas { from, to } => (from != to).then_some(to),
        Action::Read | Action::Remove(_) | Action::Dequeue => None,
    }
}

/// What an answered operation shows to have been there.
fn observed<'a>(
    action: &'a Action,
    answer: &'a Answer,
    kind: Kind,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let (one, many): (Option<&Value>, &[Value]) = match (action, answer) {
        // An empty queue, an empty set.
        (_, Answer::Read(Value::Null)) if kind != Kind::Register => (None, &[]),
        (_, Answer::Read(value) | Answer::NotSwapped { seen: Some(value) }) => (Some(value), &[]),
        (Action::Cas { from, .. }, Answer::Swapped) => (Some(from), &[]),
        (_, Answer::Elements(values)) => (None, values),
        _ => (None, &[]),
    };
    one.into_iter().chain(many)
}

/// The value that a register held when it answered; `None` where the answer does not tell, or there is none.
pub(super) fn answered(operation: &Operation) -> Option<&Value> {
    let Outcome::Ok { answer, .. } = &operation.outcome else { return None };
    let value = match (&operation.action, answer) {
        (_, Answer::Read(value) | Answer::NotSwapped { seen: Some(value) }) => value,
        (Action::Write(value), Answer::Done) | (Action::Cas { to: value, .. }, Answer::Swapped) => value,
        _ => return None,
    };
    // Nothing has no version of its own: what was deleted at 7 may be answered as never there.
    (*value != Value::Null).then_some(value)
}
