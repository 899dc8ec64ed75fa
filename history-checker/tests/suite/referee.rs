//! The referee: tries every order of a small history, straight from the definition. It shares no code with the crate
//! beyond the history types.

use history_checker::{Action, Answer, FailedCas, History, Operation, Outcome, Value};

/// Whether some order explains a history of one register.
pub(crate) fn is_linearizable(history: &History, initial: &Value, failed_cas: FailedCas) -> bool {
    let operations: Vec<&Operation> =
        history.operations().iter().filter(|operation| counts(operation, failed_cas)).collect();
    try_every_order(&operations, failed_cas, &mut vec![false; operations.len()], initial)
}

fn counts(operation: &Operation, failed_cas: FailedCas) -> bool {
    match operation.outcome {
        Outcome::NotApplied { .. } => {
            failed_cas == FailedCas::Observe && matches!(operation.action, Action::Cas { .. })
        }
        Outcome::Ok { .. } | Outcome::Unknown { .. } => true,
    }
}

/// The line of the return of an operation that must be in the order; `None` if it may be left out.
fn must_by(operation: &Operation) -> Option<usize> {
    match operation.outcome {
        Outcome::Ok { returned, .. } | Outcome::NotApplied { returned } => Some(returned.line),
        Outcome::Unknown { .. } => None,
    }
}

fn try_every_order(
    operations: &[&Operation],
    failed_cas: FailedCas,
    taken: &mut [bool],
    state: &Value,
) -> bool {
    let left: Vec<usize> = (0..operations.len()).filter(|&index| !taken[index]).collect();
    if left.iter().all(|&index| must_by(operations[index]).is_none()) {
        return true;
    }
    let deadline = left.iter().filter_map(|&index| must_by(operations[index])).min().unwrap_or(usize::MAX);
    left.into_iter().filter(|&index| operations[index].invoked.line < deadline).any(|index| {
        let Some(next) = after(operations[index], failed_cas, state) else { return false };
        taken[index] = true;
        let found = try_every_order(operations, failed_cas, taken, &next);
        taken[index] = false;
        found
    })
}

/// The register's value after an operation, or `None` if it could not have been answered like that.
fn after(operation: &Operation, failed_cas: FailedCas, state: &Value) -> Option<Value> {
    let legal = match (&operation.action, &operation.outcome) {
        (Action::Cas { from, .. }, Outcome::Ok { answer: Answer::NotSwapped { seen }, .. }) => {
            return (from != state && seen.as_ref().is_none_or(|seen| seen == state)).then(|| state.clone());
        }
        (Action::Cas { from, .. }, Outcome::NotApplied { .. }) => {
            assert_eq!(failed_cas, FailedCas::Observe, "dropped otherwise");
            return (from != state).then(|| state.clone());
        }
        (Action::Cas { from, .. }, _) => from == state,
        (Action::Read, Outcome::Ok { answer: Answer::Read(value), .. }) => value == state,
        (Action::Read | Action::Write(_), _) => true,
        (other, _) => unreachable!("{other} of a register"),
    };
    legal.then(|| match &operation.action {
        Action::Read => state.clone(),
        Action::Write(value) | Action::Cas { to: value, .. } => value.clone(),
        other => unreachable!("{other} of a register"),
    })
}
