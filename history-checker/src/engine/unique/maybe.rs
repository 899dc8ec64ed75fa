//! An index or none, in eight bytes: the engine's lists are as long as the history, and half as large with it.

/// An index or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Maybe(usize);

impl Maybe {
    /// No list is so long that this is an index.
    pub(super) const NONE: Maybe = Maybe(usize::MAX);

    pub(super) fn some(index: usize) -> Maybe {
        Maybe(index)
    }

    pub(super) fn get(self) -> Option<usize> {
        (self != Maybe::NONE).then_some(self.0)
    }
}
