//! Memory for small things that are made one after the other and die so: one allocation for many.

use bytes::{Bytes, BytesMut};

/// The first piece of memory. Each that follows is twice as large, so that who needs little takes little.
const LEAST: usize = 1 << 10;
/// The largest piece: what is still in use of it keeps all of it.
const MOST: usize = 64 << 10;

/// Gives out copies that share their memory with what was copied just before. A clone begins anew.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    piece: BytesMut,
    /// Of the newest piece; 0 if there was none.
    size: usize,
}

impl Clone for Arena {
    fn clone(&self) -> Arena {
        Arena::default()
    }
}

/// It holds nothing.
impl std::hash::Hash for Arena {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Arena {
    /// All parts behind each other.
    pub(crate) fn concat(&mut self, parts: &[&[u8]]) -> Bytes {
        let len = parts.iter().map(|part| part.len()).sum();
        if len > MOST / 4 {
            // It would leave too much of a piece unused, and dies alone.
            return parts.concat().into();
        }
        if self.piece.capacity() < len {
            self.size = (2 * self.size).clamp(LEAST, MOST).max(len);
            self.piece = BytesMut::with_capacity(self.size);
        }
        parts.iter().for_each(|part| self.piece.extend_from_slice(part));
        self.piece.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_shares_memory_with_what_came_before_and_what_is_large_does_not() {
        let mut arena = Arena::default();
        let (one, two) = (arena.concat(&[b"ab", b"c"]), arena.concat(&[b"de"]));
        assert_eq!((&one[..], &two[..]), (&b"abc"[..], &b"de"[..]));
        assert_eq!(one.as_ptr().wrapping_add(3), two.as_ptr());
        let large = arena.concat(&[&[7; MOST / 4 + 1]]);
        assert!(large.is_unique());
        assert_eq!(arena.concat(&[b"f"]).as_ptr(), two.as_ptr().wrapping_add(2));
    }

    #[test]
    fn pieces_grow_and_are_bounded() {
        let mut arena = Arena::default();
        let mut sizes = vec![0];
        while sizes.len() < 10 {
            arena.concat(&[&[7; 100]]);
            if sizes.last() != Some(&arena.size) || arena.size == MOST {
                sizes.push(arena.size);
            }
        }
        assert_eq!(sizes, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64].map(|kib| kib << 10));
        assert_eq!(arena.clone().size, 0);
    }
}
