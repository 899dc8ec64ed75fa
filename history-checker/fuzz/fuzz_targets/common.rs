//! What holds for a reader of any format.

use std::fmt::Debug;

use history_checker::format::{Event, ReadError};
use history_checker::{History, Mark, Operation, Outcome};

/// An error names a line of the input.
pub fn names_a_line(error: &ReadError, input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').count();
    match error {
        ReadError::Line { line, .. } => assert!((1..=lines).contains(line), "{error}"),
        ReadError::Form { line, column, .. } => {
            assert!((1..=lines).contains(line), "{error}");
            let text = input.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default();
            assert!((1..=text.len() + 1).contains(column), "{error}");
        }
        ReadError::Io(error) => panic!("memory cannot be read: {error}"),
    }
    assert!(!error.to_string().is_empty());
}

/// Both ways of reading agree on how many events there are.
pub fn same_length<E: Debug>(history: &History, events: impl Iterator<Item = Result<(usize, Event), E>>) {
    let events: usize = events.map(|event| event.map(|_| 1).unwrap_or_else(|error| panic!("{error:?}"))).sum();
    assert_eq!(marks(history).len(), events);
}

/// Two histories are the same but for the numbers of their lines, whose order is kept.
pub fn same(first: &History, second: &History) {
    let [first, second] = [first, second].map(|history| {
        let order = marks(history);
        let place = |mark: Mark| Mark { line: order.binary_search(&mark.line).unwrap(), ..mark };
        let operations: Vec<Operation> = history
            .operations()
            .iter()
            .cloned()
            .map(|operation| {
                let invoked = place(operation.invoked);
                let outcome = match operation.outcome {
                    Outcome::Ok { returned, answer, version } => {
                        Outcome::Ok { returned: place(returned), answer, version }
                    }
                    Outcome::NotApplied { returned } => Outcome::NotApplied { returned: place(returned) },
                    Outcome::Unknown { gave_up } => Outcome::Unknown { gave_up: gave_up.map(place) },
                };
                Operation { invoked, outcome, ..operation }
            })
            .collect();
        let faults: Vec<_> = history
            .faults()
            .iter()
            .map(|fault| (fault.name.clone(), fault.edge, place(fault.at)))
            .collect();
        (operations, faults)
    });
    assert_eq!(first, second);
}

fn marks(history: &History) -> Vec<usize> {
    let operations = history.operations().iter();
    let mut lines: Vec<usize> = operations
        .flat_map(|operation| [Some(operation.invoked), operation.completed_at()])
        .flatten()
        .chain(history.faults().iter().map(|fault| fault.at))
        .map(|mark| mark.line)
        .collect();
    lines.sort_unstable();
    lines.windows(2).for_each(|pair| assert!(pair[0] < pair[1], "two events share line {}", pair[0]));
    lines
}
