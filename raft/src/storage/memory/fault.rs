//! What can go wrong with a disk.

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The sync with this number, counted from 0 over the disk's life, fails in this way.
    Sync(u64, SyncFailure),
    /// The next so many reads fail; then all is well.
    Reads(u64),
    /// The sector there cannot be read before something is written to it.
    Unreadable {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
    },
    /// One bit of a file changes, on the disk and in the cache.
    Rot {
        /// The file.
        file: String,
        /// Which byte.
        offset: u64,
        /// Which bit of it.
        bit: u8,
    },
    /// The next write gets as far as the cache, which holds it for written.
    LostWrite,
    /// As [`Fault::LostWrite`], and on the disk it goes to this place: two victims.
    MisdirectedWrite {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
    },
    /// The disk holds so many bytes.
    Capacity(u64),
}

/// What becomes of the data when a sync fails. The next sync says that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncFailure {
    /// The cache keeps the new content and holds it for clean; the disk has the old (ext4, XFS).
    CacheKeepsNew,
    /// The cache goes back to the old content (btrfs).
    CacheGoesBack,
}

/// What becomes of a sector that is not durable when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The disk has what it had before.
    Lost,
    /// The disk has it.
    Kept,
    /// The disk has its first so many bytes, and behind them what it had before.
    Torn(usize),
}

impl From<bool> for Fate {
    fn from(kept: bool) -> Fate {
        if kept { Fate::Kept } else { Fate::Lost }
    }
}
