//! How a caller names what it asks of.

use crate::value::Key;

/// What names an object of a service: a text, a [`Key`], or `()` where there is but one.
pub trait IntoKey {
    /// Its key; none of the only one.
    fn into_key(self) -> Option<Key>;
}

impl IntoKey for () {
    fn into_key(self) -> Option<Key> {
        None
    }
}

impl IntoKey for Key {
    fn into_key(self) -> Option<Key> {
        Some(self)
    }
}

impl IntoKey for Option<Key> {
    fn into_key(self) -> Option<Key> {
        self
    }
}

impl IntoKey for &str {
    fn into_key(self) -> Option<Key> {
        Some(self.into())
    }
}

impl IntoKey for String {
    fn into_key(self) -> Option<Key> {
        Some(self.into())
    }
}
