//! A map from keys to registers. Each key is a part of its own.

use std::collections::BTreeMap;

use super::register::{CasRegister, RegisterOp, ValueId};
use crate::model::Model;

/// An operation on one key's register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedOp {
    /// The key's number.
    pub key: usize,
    /// What is done to its register.
    pub op: RegisterOp,
}

/// Registers by key, each holding `initial` at first.
#[derive(Debug, Clone, Copy)]
pub struct KeyedMap {
    /// The value of every key before it is written.
    pub initial: ValueId,
}

impl Model for KeyedMap {
    /// Keys that hold the initial value are left out, so that equal maps are equal states.
    type State = BTreeMap<usize, ValueId>;
    type Op = KeyedOp;

    fn initial(&self) -> BTreeMap<usize, ValueId> {
        BTreeMap::new()
    }

    fn step(&self, state: &BTreeMap<usize, ValueId>, op: &KeyedOp) -> Option<BTreeMap<usize, ValueId>> {
        let register = CasRegister { initial: self.initial };
        let value = state.get(&op.key).copied().unwrap_or(self.initial);
        let next = register.step(&value, &op.op)?;
        let mut map = state.clone();
        match next == self.initial {
            true => map.remove(&op.key),
            false => map.insert(op.key, next),
        };
        Some(map)
    }

    fn only_observes(&self, op: &KeyedOp) -> bool {
        CasRegister { initial: self.initial }.only_observes(&op.op)
    }

    fn partition(&self, op: &KeyedOp) -> Option<usize> {
        Some(op.key)
    }

    fn heap_bytes(&self, state: &BTreeMap<usize, ValueId>) -> usize {
        // Nodes are half full at worst, and have room for links besides.
        6 * state.len() * size_of::<ValueId>()
    }
}
