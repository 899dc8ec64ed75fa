//! A history as the engines see it: operations of a model with the interval in which each took effect.

/// A place in real time. Zero is before everything that was recorded, where the initial value was written; events
/// have moments from 1 on (their line numbers).
pub type Moment = u64;

/// An operation of a model and when it may have taken effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<Op> {
    /// What it does, given the answer that it got.
    pub op: Op,
    /// It took effect after this.
    pub invoked: Moment,
    /// It took effect before this. `None`: it is open, and took effect later, or never.
    pub returned: Option<Moment>,
}

impl<Op> Entry<Op> {
    /// Whether it is known to have taken effect.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.returned.is_some()
    }
}

/// Everything that must be explained by one sequential order. Entries are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline<Op> {
    entries: Vec<Entry<Op>>,
}

impl<Op> Timeline<Op> {
    /// Takes the entries in any order; every moment must be at least 1, and no return before its invocation. Where a
    /// return and an invocation coincide, neither entry precedes the other.
    #[must_use]
    pub fn new(entries: Vec<Entry<Op>>) -> Timeline<Op> {
        Timeline { entries }
    }

    /// The entries, by index.
    #[must_use]
    pub fn entries(&self) -> &[Entry<Op>] {
        &self.entries
    }

    /// The number of completed entries.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_completed()).count()
    }
}
