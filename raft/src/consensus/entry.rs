//! A log entry: what is replicated, written, and handed to the state machine.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::types::{LogId, Membership};
use crate::checksum::{crc32c_append, crc32c_of_byte};

/// What an entry is for. The numbers are written to disk and wire: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EntryKind {
    /// The first entry of a leader's term (dissertation §6.4): no effect.
    Noop = 0,
    /// The voters: a postcard-encoded [`Membership`].
    Membership = 1,
    /// A command for the state machine.
    Command = 2,
    /// Opens a client session: the id that was drawn for it, u64le.
    OpenSession = 3,
    /// A command under a session: a tag (see [`crate::session`]), then the command.
    SessionCommand = 4,
}

impl EntryKind {
    /// The kind with this number.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<EntryKind> {
        Some(match number {
            0 => EntryKind::Noop,
            1 => EntryKind::Membership,
            2 => EntryKind::Command,
            3 => EntryKind::OpenSession,
            4 => EntryKind::SessionCommand,
            _ => return None,
        })
    }
}

/// One log entry. Cloning shares the data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its term and place.
    pub id: LogId,
    /// What `data` is.
    pub kind: EntryKind,
    /// The content, opaque to consensus (but for [`EntryKind::Membership`]).
    pub data: Bytes,
    /// crc32c over kind and data, computed once where the entry is proposed and checked where it is
    /// applied: what checksums of disk and wire do not cover is the memory in between.
    pub crc: u32,
}

/// A hash over every entry up to one place: index, term, kind and content, nothing of a node's own. So
/// two logs that have the same chain at an index are the same up to there (log matching, §5.3).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(pub u64);

impl Chain {
    /// The chain up to `entry`, which follows what this one covers. The content goes in by its checksum.
    #[must_use]
    pub fn then(self, entry: &Entry) -> Chain {
        let mut link = [0; 20];
        link[..8].copy_from_slice(&entry.id.index.0.to_le_bytes());
        link[8..16].copy_from_slice(&entry.id.term.0.to_le_bytes());
        link[16..].copy_from_slice(&entry.crc.to_le_bytes());
        Chain(xxhash_rust::xxh3::xxh3_64_with_seed(&link, self.0))
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain({self})")
    }
}

/// Of each kind's number.
const KIND_CHECKSUMS: [u32; 5] =
    [crc32c_of_byte(0), crc32c_of_byte(1), crc32c_of_byte(2), crc32c_of_byte(3), crc32c_of_byte(4)];

/// The checksum that an entry of this kind and content carries.
#[must_use]
pub fn checksum(kind: EntryKind, data: &[u8]) -> u32 {
    crc32c_append(KIND_CHECKSUMS[kind as usize], data)
}

impl Entry {
    /// A fresh entry; its checksum is computed here.
    #[must_use]
    pub fn new(id: LogId, kind: EntryKind, data: Bytes) -> Entry {
        let crc = checksum(kind, &data);
        Entry { id, kind, data, crc }
    }

    /// Whether kind and data are still what was proposed.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        checksum(self.kind, &self.data) == self.crc
    }

    /// What this entry counts against limits in bytes: its data and a share for its bookkeeping.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.data.len() + 32
    }

    /// The membership that this entry sets, if it is one and well formed.
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        match self.kind {
            EntryKind::Membership => postcard::from_bytes(&self.data).ok(),
            EntryKind::Noop | EntryKind::Command | EntryKind::OpenSession | EntryKind::SessionCommand => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_number() {
        let known: Vec<_> = (0..=u8::MAX).filter_map(EntryKind::from_u8).map(|kind| kind as u8).collect();
        assert_eq!(known, [0, 1, 2, 3, 4]);
    }

    /// As it stands in every log: of the kind's number and the content behind it.
    #[test]
    fn the_checksum_covers_kind_and_content() {
        for kind in (0..=u8::MAX).filter_map(EntryKind::from_u8) {
            assert_eq!(
                checksum(kind, b"content"),
                crate::checksum::crc32c(&[&[kind as u8], &b"content"[..]].concat())
            );
        }
        let mut entry = Entry::new(LogId::default(), EntryKind::Command, Bytes::from_static(b"content"));
        assert!(entry.is_intact());
        entry.kind = EntryKind::SessionCommand;
        assert!(!entry.is_intact(), "another kind");
    }
}
