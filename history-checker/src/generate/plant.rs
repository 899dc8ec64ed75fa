//! The failures that a replicated register shows when consensus is broken, as scripts.
//!
//! Each uses values that nothing else in the history writes, so that no other operation can excuse it: a history with
//! a plant is not linearizable, whatever else is in flight.

use std::fmt;

use crate::history::{Action, Answer};
use crate::value::Value;

/// A violation to plant. Its processes and its values (negative numbers) are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A read returns a value that had been overwritten before it began.
    StaleRead,
    /// Two compare-and-sets both replace one write.
    LostUpdate,
    /// Each side serves the value of its own write.
    SplitBrain,
    /// Two replicas apply two concurrent writes in different orders.
    ReorderedCommit,
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 4] =
        [Plant::StaleRead, Plant::LostUpdate, Plant::SplitBrain, Plant::ReorderedCommit];

    /// The operations, each with its answer, and the order of their ends: an operation's number stands there first
    /// for its invocation and then for its return. The register holds the last value afterwards.
    pub(super) fn script(self, number: i64) -> Script {
        let [a, b, c] = [1, 2, 3].map(|value| Value::from(-(3 * number + value)));
        let write = |value: &Value| (Action::Write(value.clone()), Answer::Done);
        let read = |value: &Value| (Action::Read, Answer::Read(value.clone()));
        let cas =
            |from: &Value, to: &Value| (Action::Cas { from: from.clone(), to: to.clone() }, Answer::Swapped);
        match self {
            Plant::StaleRead => {
                let operations = vec![write(&a), write(&b), read(&a)];
                Script { operations, ends: &[0, 0, 1, 1, 2, 2], last: b }
            }
            Plant::LostUpdate => {
                let operations = vec![write(&a), cas(&a, &b), cas(&a, &c)];
                Script { operations, ends: &[0, 0, 1, 2, 1, 2], last: c }
            }
            Plant::SplitBrain => {
                let operations = vec![write(&a), write(&b), read(&a), read(&b), read(&a), read(&b)];
                Script { operations, ends: &[0, 1, 0, 1, 2, 2, 3, 3, 4, 4, 5, 5], last: b }
            }
            Plant::ReorderedCommit => {
                let operations = vec![write(&a), write(&b), read(&a), read(&b), read(&b), read(&a)];
                Script { operations, ends: &[0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 0, 1], last: b }
            }
        }
    }
}

pub(super) struct Script {
    pub(super) operations: Vec<(Action, Answer)>,
    pub(super) ends: &'static [usize],
    pub(super) last: Value,
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plant::StaleRead => "a stale read",
            Plant::LostUpdate => "a lost update",
            Plant::SplitBrain => "a split brain",
            Plant::ReorderedCommit => "a reordered commit",
        })
    }
}
