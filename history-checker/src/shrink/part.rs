//! What is left of a timeline while it shrinks.

use crate::timeline::{Entry, Moment, Timeline};

/// An entry that is kept, and what is kept of its return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its index in the whole timeline.
    pub entry: usize,
    /// Its return; `None` if it has none, or if that is forgotten: then it is as good as open.
    pub returned: Option<Moment>,
}

/// A part of a timeline: some of its entries, some of them without their returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// By entry.
    pub kept: Vec<Kept>,
    /// The write of the whole timeline behind which the past was left out, if that was done: what was over before it
    /// was invoked is hidden by it.
    pub since: Option<usize>,
}

impl Part {
    /// Everything.
    #[must_use]
    pub fn whole<Op>(timeline: &Timeline<Op>) -> Part {
        let kept = timeline.entries().iter().enumerate();
        let kept = kept.map(|(entry, Entry { returned, .. })| Kept { entry, returned: *returned }).collect();
        Part { kept, since: None }
    }

    /// How many entries are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The last return that is kept; what was invoked after it has no say. Zero if there is none.
    #[must_use]
    pub fn end(&self) -> Moment {
        self.kept.iter().filter_map(|kept| kept.returned).max().unwrap_or(0)
    }

    /// What was known at `end`: later invocations are gone, later returns forgotten. A linearizable timeline remains
    /// one, as linearizability is prefix-closed: cut its order after the last entry that had returned by then; nothing
    /// before that entry was invoked later, and what the cut loses is open now.
    #[must_use]
    pub fn until<Op>(&self, whole: &Timeline<Op>, end: Moment) -> Part {
        let begun = self.kept.iter().filter(|kept| whole.entries()[kept.entry].invoked <= end);
        let kept = begun
            .map(|kept| Kept { returned: kept.returned.filter(|&returned| returned <= end), ..*kept })
            .collect();
        Part { kept, ..*self }
    }

    /// Those that `keep` says.
    pub(super) fn retain(&self, keep: impl Fn(&Kept) -> bool) -> Part {
        Part { kept: self.kept.iter().copied().filter(keep).collect(), ..*self }
    }
}
