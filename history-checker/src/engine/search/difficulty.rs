//! Why a search was given up, in numbers.

use std::fmt;

use super::layout::Size;
use crate::timeline::Timeline;

/// What a search had spent when it was given up, and what made it hard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difficulty {
    /// What was spent.
    pub limit: Limit,
    /// Completed entries in flight at once, at most. The search may grow exponentially with it.
    pub peak: usize,
    /// Open entries that could change something.
    pub open: usize,
    /// Those with equal effect taken together: one entry of each kind, and how many there are, most first. Empty if
    /// the search did not begin.
    pub kinds: Vec<(usize, usize)>,
    /// Distinct states that were met.
    pub states: usize,
}

/// Which limit of the budget was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// As many configurations were tried.
    Configurations(u64),
    /// As many bytes were occupied.
    Bytes(u64),
    /// To begin would have taken `needed` bytes of `allowed`: so many entries are in flight together.
    BytesToBegin {
        /// For what the search must know of the timeline.
        needed: u64,
        /// By the budget.
        allowed: u64,
    },
}

impl Difficulty {
    pub(super) fn of_size<Op>(timeline: &Timeline<Op>, size: Size, allowed: u64) -> Difficulty {
        let open = timeline.entries().len() - timeline.completed();
        let limit = Limit::BytesToBegin { needed: size.bytes, allowed };
        Difficulty { limit, peak: size.peak, open, kinds: Vec::new(), states: 0 }
    }
}

/// In words, for the end of a sentence.
impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difficulty { limit, peak, open, kinds, states } = self;
        match limit {
            Limit::Configurations(_) => write!(f, "the budget of configurations is spent")?,
            Limit::Bytes(bytes) => write!(f, "the budget of {bytes} bytes is spent")?,
            Limit::BytesToBegin { needed, allowed } => {
                write!(f, "to begin would take {needed} bytes, and {allowed} are allowed")?;
            }
        }
        write!(f, "; up to {peak} operations in flight at once, {open} open ones")?;
        if !kinds.is_empty() {
            write!(f, " of {} kinds", kinds.len())?;
        }
        match states {
            0 => Ok(()),
            states => write!(f, ", {states} states"),
        }
    }
}
