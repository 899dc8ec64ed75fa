//! What a service promises when it is used by one client at a time: its sequential specification.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential specification. An operation includes the answer that was observed: the question is never what the
/// service would answer, only whether this answer was legal.
///
/// ```
/// use history_checker::{Budget, Entry, Model, Search, Timeline, linearize};
///
/// /// Hands out 1, 2, 3, …
/// struct Tickets;
///
/// impl Model for Tickets {
///     type State = u32;
///     type Op = u32;
///
///     fn initial(&self) -> u32 {
///         0
///     }
///
///     fn step(&self, last: &u32, ticket: &u32) -> Option<u32> {
///         (*ticket == last + 1).then_some(*ticket)
///     }
/// }
///
/// let second = Entry { op: 2, invoked: 1, returned: Some(3) };
/// let first = Entry { op: 1, invoked: 2, returned: Some(4) };
/// let search = linearize(&Tickets, &Timeline::new(vec![second, first]), Budget::default());
/// assert_eq!(search, Search::Found { order: vec![1, 0], configurations: 2 });
/// ```
pub trait Model {
    /// What the service remembers.
    type State: Clone + Eq + Hash + Debug;
    /// A question with its answer.
    type Op: Clone + Eq + Hash;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after `op`, or `None` if `op` could not have got its answer in `state`.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;

    /// Whether `op` changes no state in which it is legal. The search takes such operations without looking back, so
    /// a wrong `true` makes wrong verdicts: a write is never one, not even of the current value.
    fn only_observes(&self, _op: &Self::Op) -> bool {
        false
    }

    /// Whether an open operation need only be taken right before one that would be illegal without it. That is so if,
    /// for every operation that is legal before the open one, either both can change places or the open one may as
    /// well be left out: a register's next write hides it, its next observation does not mind.
    fn open_can_wait(&self) -> bool {
        false
    }

    /// The one state in which `op` is legal, if there is only one. Together with [`Model::leaves`] it lets the search
    /// keep a state that an operation still needs and that nothing can bring back. `None` is always right; a state
    /// named wrongly makes wrong verdicts.
    fn requires(&self, _op: &Self::Op) -> Option<Self::State> {
        None
    }

    /// The state that `op` leaves, if that is one and the same wherever it is legal. What this is used for is exact
    /// only if nothing else leads there, so the search makes no use of it unless every operation of the timeline that
    /// does not only observe has one.
    fn leaves(&self, _op: &Self::Op) -> Option<Self::State> {
        None
    }

    /// What `state` has allocated, in bytes, itself not counted: so that a budget in bytes can count it. Too low a
    /// number lets a search take more memory than it was given.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }

    /// Which independent part of the state `op` belongs to; `None` if it may touch all of it. Parts may be checked one
    /// by one when every operation has one, as linearizability is local; [`linearize`](crate::linearize) does not: split the
    /// timeline first, with [`split`](crate::engine::split).
    fn partition(&self, _op: &Self::Op) -> Option<usize> {
        None
    }
}
