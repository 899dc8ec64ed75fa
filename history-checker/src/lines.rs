//! A history back into the order of its lines.

use crate::history::{Fault, History, Mark, Operation};

/// What one line of a history was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    Invocation(&'a Operation),
    Completion(&'a Operation, Mark),
    Fault(&'a Fault),
}

/// All of it, with the numbers of the lines.
pub(crate) fn lines(history: &History) -> impl Iterator<Item = (usize, Line<'_>)> {
    let mut lines = Vec::with_capacity(2 * history.operations().len() + history.faults().len());
    for operation in history.operations() {
        lines.push((operation.invoked.line, Line::Invocation(operation)));
        if let Some(mark) = operation.completed_at() {
            lines.push((mark.line, Line::Completion(operation, mark)));
        }
    }
    lines.extend(history.faults().iter().map(|fault| (fault.at.line, Line::Fault(fault))));
    lines.sort_by_key(|&(line, _)| line);
    lines.into_iter()
}
