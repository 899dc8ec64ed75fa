//! A first-in-first-out queue of interned values.

use std::collections::VecDeque;

use super::register::ValueId;
use crate::model::Model;

/// What an operation on a queue amounts to, given its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueOp {
    /// This went to its end.
    Enqueue(ValueId),
    /// This stood at its front, and was taken.
    Took(ValueId),
    /// There was nothing to take.
    FoundEmpty,
    /// What stood at its front was taken, if anything did; nobody knows what.
    TookUnseen,
}

/// A queue that is empty at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Queue;

impl Model for Queue {
    type State = VecDeque<ValueId>;
    type Op = QueueOp;

    fn initial(&self) -> VecDeque<ValueId> {
        VecDeque::new()
    }

    fn step(&self, state: &VecDeque<ValueId>, op: &QueueOp) -> Option<VecDeque<ValueId>> {
        match *op {
            QueueOp::Took(value) if state.front() != Some(&value) => return None,
            QueueOp::FoundEmpty if !state.is_empty() => return None,
            _ => {}
        }
        let mut next = state.clone();
        match *op {
            QueueOp::Enqueue(value) => next.push_back(value),
            QueueOp::Took(_) | QueueOp::TookUnseen => drop(next.pop_front()),
            QueueOp::FoundEmpty => {}
        }
        Some(next)
    }

    fn only_observes(&self, op: &QueueOp) -> bool {
        *op == QueueOp::FoundEmpty
    }

    fn heap_bytes(&self, state: &VecDeque<ValueId>) -> usize {
        state.capacity() * size_of::<ValueId>()
    }
}
