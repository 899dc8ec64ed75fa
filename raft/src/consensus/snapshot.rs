//! What stands for the beginning of a log that was compacted away (§7).

use serde::{Deserialize, Serialize};

use super::entry::{Chain, Entry};
use super::types::{LogId, Membership};

/// The place behind which a log begins: all up to here lives in a snapshot. `(0, 0)` of a log that was
/// never compacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// The last entry that is no longer in the log.
    pub id: LogId,
    /// The chain up to that entry.
    pub chain: Chain,
}

impl Base {
    /// Where a log ends that ended here and takes in entries; none if they do not fit.
    pub(crate) fn followed_by(self, entries: &[Entry]) -> Option<Base> {
        entries.iter().try_fold(self, |end, entry| {
            let next = Base { id: entry.id, chain: end.chain.then(entry) };
            (entry.id.index == end.id.index.next()).then_some(next)
        })
    }
}

/// What a snapshot says besides the state that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The last entry that it takes in.
    pub base: Base,
    /// The membership at that entry.
    pub membership: Membership,
}

/// Names the bytes of one snapshot file: a transfer is resumed only with the very same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotId {
    /// The last entry that it takes in.
    pub last: LogId,
    /// Bytes of the file.
    pub length: u64,
    /// blake3 of its content, as its end says.
    pub hash: [u8; 32],
}

impl std::fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.hash;
        write!(f, "SnapshotId({}, {} bytes, {a:02x}{b:02x}{c:02x}{d:02x}..)", self.last, self.length)
    }
}

/// A log that lost durable entries. Until it holds all again that this node may have acknowledged, the
/// node never leads, and votes only for a candidate whose log reaches `least` (§5.4.1's order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Repair {
    /// The end of the log before the damage, as far as it is known; where it is not, the beginning of a term in which
    /// this node has acknowledged nothing.
    pub least: LogId,
}
