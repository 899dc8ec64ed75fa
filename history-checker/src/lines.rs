//! A history back into the order of its lines, for the writers.

use crate::history::{Fault, History, Operation};

/// What one line of a history was.
pub(crate) enum Part<'a> {
    Invocation(&'a Operation),
    Completion(&'a Operation),
    Fault(&'a Fault),
}

/// All of it in the order of lines.
pub(crate) fn parts(history: &History) -> impl Iterator<Item = Part<'_>> {
    let mut parts: Vec<(usize, Part<'_>)> = Vec::new();
    for operation in history.operations() {
        parts.push((operation.invoked.line, Part::Invocation(operation)));
        if let Some(mark) = operation.completed_at() {
            parts.push((mark.line, Part::Completion(operation)));
        }
    }
    parts.extend(history.faults().iter().map(|fault| (fault.at.line, Part::Fault(fault))));
    parts.sort_by_key(|&(line, _)| line);
    parts.into_iter().map(|(_, part)| part)
}
