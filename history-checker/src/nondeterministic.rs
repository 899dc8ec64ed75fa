//! Specifications that leave a choice to the service, searched as sets of states.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use crate::model::Model;

/// A sequential specification of a service that may choose: after an operation with its answer it may be in any of
/// several states. [`Possibilities`] makes a [`Model`] of it.
///
/// ```
/// use history_checker::{Budget, Entry, NondeterministicModel, Possibilities, Search, Timeline, linearize};
///
/// /// A register that may ignore a write, and does not say whether it did.
/// struct Forgetful;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// enum Op {
///     Write(u32),
///     Read(u32),
/// }
///
/// impl NondeterministicModel for Forgetful {
///     type State = u32;
///     type Op = Op;
///
///     fn initial(&self) -> Vec<u32> {
///         vec![0]
///     }
///
///     fn step(&self, state: &u32, op: &Op) -> Vec<u32> {
///         match op {
///             Op::Write(value) => vec![*state, *value],
///             Op::Read(value) if value == state => vec![*state],
///             Op::Read(_) => vec![],
///         }
///     }
/// }
///
/// // One after the other.
/// let sequence = |ops: &[Op]| {
///     let entries = ops.iter().zip(0..);
///     let entries = entries.map(|(op, at)| Entry { op: op.clone(), invoked: 2 * at + 1, returned: Some(2 * at + 2) });
///     linearize(&Possibilities(Forgetful), &Timeline::new(entries.collect()), Budget::default())
/// };
/// let ignored = [Op::Write(1), Op::Write(2), Op::Read(1)];
/// assert!(matches!(sequence(&ignored), Search::Found { .. }));
/// // Whoever read 1 knows that 2 was ignored.
/// let came_back = [Op::Write(1), Op::Write(2), Op::Read(1), Op::Read(2)];
/// assert!(matches!(sequence(&came_back), Search::Impossible { .. }));
/// ```
pub trait NondeterministicModel {
    /// What the service remembers.
    type State: Clone + Ord + Hash + Debug;
    /// A question with its answer.
    type Op: Clone + Eq + Hash;

    /// The states of which it may be in any before the first operation.
    fn initial(&self) -> Vec<Self::State>;

    /// The states of which it may be in any after `op`; none if `op` could not have got its answer in `state`.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;

    /// As [`Model::partition`].
    fn partition(&self, _op: &Self::Op) -> Option<usize> {
        None
    }
}

/// The service in all the states in which it may be: an order of operations is legal if some choices make it so, which
/// is the case as long as a state is left.
///
/// The shortcuts that a [`Model`] must offer are not offered. Above all no operation only observes: what a read saw
/// rules states out, and so a read changes what is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Possibilities<M>(pub M);

impl<M: NondeterministicModel> Model for Possibilities<M> {
    type State = BTreeSet<M::State>;
    type Op = M::Op;

    fn initial(&self) -> BTreeSet<M::State> {
        self.0.initial().into_iter().collect()
    }

    fn step(&self, states: &BTreeSet<M::State>, op: &M::Op) -> Option<BTreeSet<M::State>> {
        let next: BTreeSet<M::State> = states.iter().flat_map(|state| self.0.step(state, op)).collect();
        (!next.is_empty()).then_some(next)
    }

    fn partition(&self, op: &M::Op) -> Option<usize> {
        self.0.partition(op)
    }

    fn heap_bytes(&self, states: &BTreeSet<M::State>) -> usize {
        // Nodes are half full at worst, and have room for links besides.
        3 * states.len() * size_of::<M::State>()
    }
}
