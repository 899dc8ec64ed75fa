//! A set of interned values.

use std::collections::BTreeSet;

use super::register::ValueId;
use crate::model::Model;

/// What an operation on a set amounts to, given its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SetOp {
    /// This is in it from now on.
    Add(ValueId),
    /// This is not in it from now on.
    Remove(ValueId),
    /// It held exactly these.
    Observe(BTreeSet<ValueId>),
    /// An answer that no set gives: one element several times.
    Absurd,
}

/// A set that is empty at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Set;

impl Model for Set {
    type State = BTreeSet<ValueId>;
    type Op = SetOp;

    fn initial(&self) -> BTreeSet<ValueId> {
        BTreeSet::new()
    }

    fn step(&self, state: &BTreeSet<ValueId>, op: &SetOp) -> Option<BTreeSet<ValueId>> {
        let mut next = state.clone();
        match op {
            SetOp::Add(value) => drop(next.insert(*value)),
            SetOp::Remove(value) => drop(next.remove(value)),
            SetOp::Observe(values) if values == state => {}
            SetOp::Observe(_) | SetOp::Absurd => return None,
        }
        Some(next)
    }

    fn only_observes(&self, op: &SetOp) -> bool {
        matches!(op, SetOp::Observe(_) | SetOp::Absurd)
    }

    fn heap_bytes(&self, state: &BTreeSet<ValueId>) -> usize {
        // Nodes are half full at worst, and have room for links besides.
        3 * state.len() * size_of::<ValueId>()
    }
}
