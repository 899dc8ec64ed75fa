//! Version numbers in answers: the store's own account of the order, held against real time and values.

use std::collections::HashMap;

use super::keys::Operations;
use super::rules::{Findings, Rule};
use super::values::answered;
use crate::history::{Action, Answer, Operation, Outcome};
use crate::value::Value;

/// An answer with a version.
struct Versioned<'a> {
    operation: &'a Operation,
    version: u64,
    value: &'a Value,
    returned: usize,
}

pub(super) fn look(key: &Operations<'_>, findings: &mut Findings) {
    let versioned: Vec<Versioned<'_>> = key.iter().filter_map(versioned).collect();
    let mut value_of: HashMap<u64, &Versioned<'_>> = HashMap::with_capacity(versioned.len());
    for one in &versioned {
        let first = *value_of.entry(one.version).or_insert(one);
        if first.value != one.value {
            let lines = [first.operation.invoked.line, one.operation.invoked.line];
            findings.add(Rule::VersionOfTwoValues, &lines, || {
                format!("version {}: {}; {}", one.version, first.operation, one.operation)
            });
        }
    }
    backwards(&versioned, findings);
}

fn backwards(versioned: &[Versioned<'_>], findings: &mut Findings) {
    let mut by_return: Vec<&Versioned<'_>> = versioned.iter().collect();
    by_return.sort_unstable_by_key(|one| one.returned);
    let mut returning = by_return.into_iter().peekable();
    let mut highest: Option<&Versioned<'_>> = None;
    for one in versioned {
        while let Some(over) = returning.next_if(|over| over.returned < one.operation.invoked.line) {
            highest = Some(highest.filter(|highest| highest.version >= over.version).unwrap_or(over));
        }
        let Some(highest) = highest else { continue };
        let new = sets(one.operation);
        if one.version < highest.version || new && one.version == highest.version {
            let lines = [highest.operation.invoked.line, one.operation.invoked.line];
            findings.add(Rule::VersionBackwards, &lines, || {
                format!(
                    "{} with version {} after {} with version {}",
                    one.operation, one.version, highest.operation, highest.version
                )
            });
        }
    }
}

fn versioned(operation: &Operation) -> Option<Versioned<'_>> {
    let Outcome::Ok { returned, version: Some(version), .. } = &operation.outcome else { return None };
    let value = answered(operation)?;
    Some(Versioned { operation, version: *version, value, returned: returned.line })
}

/// Whether an answered operation made a new version.
fn sets(operation: &Operation) -> bool {
    match (&operation.action, &operation.outcome) {
        (Action::Write(_), _) => true,
        (Action::Cas { from, to }, Outcome::Ok { answer: Answer::Swapped, .. }) => from != to,
        _ => false,
    }
}
