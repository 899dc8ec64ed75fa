//! A counter.

use crate::model::Model;

/// What an operation on a counter amounts to, given its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CounterOp {
    /// It grew by this, or shrank.
    Add(i64),
    /// It stood at this.
    Observe(i64),
}

/// A counter that stands at `initial` at first.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// Where it begins.
    pub initial: i64,
}

impl Model for Counter {
    /// Wide enough for every sum of a history.
    type State = i128;
    type Op = CounterOp;

    fn initial(&self) -> i128 {
        self.initial.into()
    }

    fn step(&self, state: &i128, op: &CounterOp) -> Option<i128> {
        match *op {
            CounterOp::Add(amount) => Some(state + i128::from(amount)),
            CounterOp::Observe(value) => (*state == i128::from(value)).then_some(*state),
        }
    }

    fn only_observes(&self, op: &CounterOp) -> bool {
        matches!(op, CounterOp::Observe(_) | CounterOp::Add(0))
    }
}
