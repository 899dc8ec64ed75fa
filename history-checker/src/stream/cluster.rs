//! A write with the observations of its value, and clusters in a row, as far as they are remembered.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::history::Operation;
use crate::timeline::Moment;
use crate::value::Value;

/// An operation to be named in a sentence; none is the initial value's virtual write, before everything.
pub(super) type Witness = Option<Arc<Operation>>;

/// A write and the observations of its value.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) value: Value,
    pub(super) writer: Witness,
    /// What the writer, a CAS, expects.
    pub(super) expects: Option<Value>,
    /// Where it stands, once it is known to have happened.
    pub(super) chain: Option<u64>,
    /// The earliest return in it. `Moment::MAX`: nothing has returned.
    pub(super) first_return: Moment,
    /// The CAS that is known to have replaced its value.
    pub(super) replaced_by: Option<u64>,
}

/// Clusters that follow each other with nothing in between.
#[derive(Debug)]
pub(super) struct Chain {
    /// Those that may still be observed, in order.
    pub(super) clusters: VecDeque<u64>,
    /// The earliest return in all of it: it has begun by then.
    pub(super) first_return: (Moment, Witness),
    /// The latest invocation in all of it: it goes on after that.
    pub(super) last_invocation: (Moment, Witness),
}

impl Chain {
    pub(super) fn returns(&mut self, moment: Moment, operation: &Witness) {
        if moment < self.first_return.0 {
            self.first_return = (moment, operation.clone());
        }
    }

    pub(super) fn is_invoked(&mut self, moment: Moment, operation: &Witness) {
        if moment > self.last_invocation.0 {
            self.last_invocation = (moment, operation.clone());
        }
    }

    /// Whether this one must come before the other: it had begun before something of the other was invoked.
    pub(super) fn precedes(&self, other: &Chain) -> bool {
        self.first_return.0 < other.last_invocation.0
    }
}
