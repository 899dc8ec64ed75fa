//! One register with read, write and compare-and-set, over interned values.

use crate::model::Model;

/// A value's number in one check. The search only compares them; zones keep a table with a place for each number up to
/// the highest, so they should be dense.
pub type ValueId = usize;

/// What an operation on a register amounts to, given its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterOp {
    /// The register held this: a read; a CAS that did not swap and says what it saw; a CAS from a value to itself.
    Observe(ValueId),
    /// The register held something else: a CAS that did not swap and does not say why.
    ObserveNot(ValueId),
    /// A write.
    Put(ValueId),
    /// A CAS that swapped, or may have. Its two values differ.
    Swap {
        /// What the register held.
        from: ValueId,
        /// What it held afterwards.
        to: ValueId,
    },
    /// An answer that no register gives: a CAS that did not swap though it saw what it expected.
    Absurd,
}

/// A register that holds `initial` at first.
#[derive(Debug, Clone, Copy)]
pub struct CasRegister {
    /// The value before every write.
    pub initial: ValueId,
}

impl Model for CasRegister {
    type State = ValueId;
    type Op = RegisterOp;

    fn initial(&self) -> ValueId {
        self.initial
    }

    fn step(&self, state: &ValueId, op: &RegisterOp) -> Option<ValueId> {
        match *op {
            RegisterOp::Observe(value) => (*state == value).then_some(value),
            RegisterOp::ObserveNot(value) => (*state != value).then_some(*state),
            RegisterOp::Put(value) => Some(value),
            RegisterOp::Swap { from, to } => (*state == from).then_some(to),
            RegisterOp::Absurd => None,
        }
    }

    fn only_observes(&self, op: &RegisterOp) -> bool {
        // What is never legal changes nothing either.
        matches!(op, RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd)
    }

    fn requires(&self, op: &RegisterOp) -> Option<ValueId> {
        match *op {
            RegisterOp::Observe(value) | RegisterOp::Swap { from: value, .. } => Some(value),
            RegisterOp::ObserveNot(_) | RegisterOp::Put(_) | RegisterOp::Absurd => None,
        }
    }

    fn leaves(&self, op: &RegisterOp) -> Option<ValueId> {
        match *op {
            RegisterOp::Put(value) | RegisterOp::Swap { to: value, .. } => Some(value),
            RegisterOp::Observe(_) | RegisterOp::ObserveNot(_) | RegisterOp::Absurd => None,
        }
    }

    fn open_can_wait(&self) -> bool {
        true
    }
}
