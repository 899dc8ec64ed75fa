//! What is in a data directory, for people who have to decide what to do with it. Nothing is changed,
//! nothing is locked: of a node that runs, the end may be seen half written.

use super::disk::{Disk, DiskError};
use super::error::OpenError;
use super::open::segments;
use super::record::{SEGMENT_HEADER, Seed, Segment, header_at, payload_of};
use super::recovery::{Scan, Source, next_header, scan};
use super::salvage::Files;
use super::spares::file_of;
use super::{Identity, identity, snapshot};
use crate::consensus::entry::Chain;
use crate::consensus::snapshot::{Base, Repair};
use crate::consensus::types::{HardState, LogId, LogIndex, Membership};

/// What a log's files say when they are read as a starting node reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Whose directory it is.
    pub identity: Identity,
    /// Term and vote.
    pub hard_state: HardState,
    /// Behind which the log begins: the end of the newest snapshot that is whole.
    pub base: Base,
    /// The last entry that was read.
    pub last: LogId,
    /// The chain up to it: two nodes that have the same at the same index have the same log.
    pub chain: Chain,
    /// The newest membership in the log; the first one that a blank node agreed to.
    pub membership: Option<Membership>,
    /// What the log lost: a node that starts from here does not lead before it holds it again.
    pub repair: Option<Repair>,
    /// Segments of the log, with those made ahead.
    pub segments: u64,
    /// Every place of the log that is not what was written.
    pub damage: Vec<Damaged>,
    /// Snapshots that are newer than the one that counts, and what is wrong with each.
    pub bad_snapshots: Vec<(String, String)>,
}

/// Bytes that were durable and are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file, relative to the directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The last index before it.
    pub after: LogIndex,
    /// What is wrong.
    pub what: &'static str,
}

/// Something that stands in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A batch with an intact header.
    Batch {
        /// The file.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// Whether its payload is intact too.
        intact: bool,
        /// Term and vote after it.
        hard_state: HardState,
        /// What the log held behind this index is gone after it.
        kept: LogIndex,
        /// The end of the log after it.
        last: LogId,
        /// The chain up to there.
        chain: Chain,
    },
    /// Bytes between two batches that are none.
    Bad {
        /// The file.
        file: String,
        /// Where they begin.
        from: u64,
        /// Where the next intact header stands.
        to: u64,
    },
}

/// Reads a whole directory.
///
/// # Errors
/// As opening it has them, but for damage that can be repaired.
pub fn inspect<D: Disk>(disk: &mut D) -> Result<Findings, OpenError> {
    let directory = disk.location();
    let failed = |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
    let identity = identity::read_any(disk)?;
    let segments = segments(disk)?;
    snapshot::refuse_foreign(disk, &identity.cluster)?;
    let (snapshot, bad) = snapshot::newest(disk, &identity.cluster).map_err(&failed)?;
    let base = snapshot.map(|(_, meta)| meta.base).unwrap_or_default();
    let mut files = Files::new(disk);
    let found = scan(&segments, &mut files, &identity, base).map_err(failed)?;
    let scan = found.ok_or(OpenError::NoHardState { directory: directory.clone() })?;
    Ok(Findings { bad_snapshots: bad, ..findings(identity, scan, segments.len() as u64) })
}

fn findings(identity: Identity, scan: Scan, segments: u64) -> Findings {
    let last = scan.log.last();
    let damage = scan.damage.iter().map(|bad| Damaged {
        file: file_of(bad.place.segment),
        offset: bad.place.offset,
        after: bad.index,
        what: bad.what,
    });
    Findings {
        identity,
        hard_state: scan.standing.hard_state,
        base: scan.log.base(),
        last,
        chain: scan.log.chain_at(last.index).unwrap_or_default(),
        membership: scan.log.membership().or(scan.membership).or(scan.view),
        repair: if scan.lost { Some(scan.standing.lost(scan.log.base().id)) } else { scan.standing.repair },
        segments,
        damage: damage.collect(),
        bad_snapshots: Vec::new(),
    }
}

/// Hands every batch, and what stands between batches and is none, to `each`, in the files' order.
///
/// # Errors
/// The directory's identity or a file cannot be read.
pub fn pieces<D: Disk>(disk: &mut D, mut each: impl FnMut(Piece)) -> Result<(), OpenError> {
    let directory = disk.location();
    let failed = |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
    let identity = identity::read_any(disk)?;
    let segments = segments(disk)?;
    let mut files = Files::new(disk);
    for segment in segments {
        let bytes = files.read(segment).map_err(&failed)?;
        pieces_of(&bytes, segment, Seed::new(&identity, segment), &mut each);
    }
    Ok(())
}

fn pieces_of(bytes: &bytes::Bytes, segment: Segment, seed: Seed, each: &mut impl FnMut(Piece)) {
    let mut offset = SEGMENT_HEADER as u64;
    loop {
        let found = usize::try_from(offset).ok().and_then(|at| header_at(bytes, at, seed));
        let Some(found) = found else {
            // Zeros, or an earlier use of the file, follow the last batch.
            let Some(to) = next_header(bytes, offset, seed, u64::MAX) else { return };
            each(Piece::Bad { file: file_of(segment), from: offset, to });
            debug_assert!(to > offset, "it is behind");
            offset = to;
            continue;
        };
        let standing = found.header.standing;
        each(Piece::Batch {
            file: file_of(segment),
            offset,
            length: found.end() - offset,
            intact: payload_of(bytes, &found, seed).is_some(),
            hard_state: standing.hard_state,
            kept: found.header.kept,
            last: standing.last.id,
            chain: standing.last.chain,
        });
        debug_assert!(found.end() > offset, "a batch has a header");
        offset = found.end();
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{BATCH_HEADER, ENTRY_HEADER};
    use super::super::testing::{SEGMENT, after, commit, entry, linked, open, persist, vote};
    use super::super::{MemoryDisk, Recovered};
    use super::*;

    #[test]
    fn what_is_there_is_told_and_nothing_is_changed() {
        let memory = MemoryDisk::new();
        let (mut storage, identity, _) = open(memory.clone()).unwrap();
        let first = persist(1, Some(vote(1, 2)), vec![entry(1, 1, b"a"), entry(2, 1, b"b")]);
        commit(&mut storage, &first).unwrap();
        let at = memory.content(SEGMENT).unwrap().len();
        let held = after(&Recovered::default(), &first);
        commit(&mut storage, &linked(&held, persist(2, None, vec![entry(3, 1, b"c")]))).unwrap();
        storage.flush().unwrap();
        let content = memory.content(SEGMENT).unwrap();

        let good = inspect(&mut memory.clone()).unwrap();
        assert_eq!((good.identity.clone(), good.hard_state, good.segments), (identity, vote(1, 2), 1));
        assert_eq!((good.last.index, good.repair, good.damage.len()), (LogIndex(3), None, 0));

        let mut bad = content.clone();
        bad[at + 120] ^= 1;
        memory.overwrite(SEGMENT, bad.clone());
        let damaged = inspect(&mut memory.clone()).unwrap();
        assert_eq!(damaged.last.index, LogIndex(2));
        assert_eq!(damaged.repair, Some(Repair { least: good.last }));
        assert_eq!((damaged.damage[0].file.as_str(), damaged.damage[0].offset), (SEGMENT, at as u64));
        assert_eq!(memory.content(SEGMENT), Some(bad));

        let mut pieces_seen = Vec::new();
        pieces(&mut memory.clone(), |piece| pieces_seen.push(piece)).unwrap();
        let intact = |piece: &Piece| matches!(piece, Piece::Batch { intact: true, .. });
        assert_eq!(pieces_seen.iter().filter(|piece| !intact(piece)).count(), 1, "{pieces_seen:?}");
    }

    #[test]
    fn pieces_stand_one_behind_another_from_the_header_to_the_end() {
        let memory = MemoryDisk::new();
        let (mut storage, ..) = open(memory.clone()).unwrap();
        commit(&mut storage, &persist(1, Some(vote(1, 2)), vec![entry(1, 1, b"abc")])).unwrap();
        storage.flush().unwrap();
        let mut content = memory.content(SEGMENT).unwrap();
        let seen = || {
            let (mut seen, mut end) = (Vec::new(), SEGMENT_HEADER as u64);
            pieces(&mut memory.clone(), |piece| {
                let (offset, to, what) = match piece {
                    Piece::Batch { offset, length, kept, last, .. } => {
                        (offset, offset + length, Some((length, kept.0, last.index.0)))
                    }
                    Piece::Bad { from, to, .. } => (from, to, None),
                };
                assert_eq!(offset, end);
                end = to;
                seen.push(what);
            })
            .unwrap();
            assert_eq!(end, memory.content(SEGMENT).unwrap().len() as u64);
            seen
        };
        // The segment's head, what making the log wrote, one entry, the mark.
        let (none, one) = (BATCH_HEADER as u64, (BATCH_HEADER + ENTRY_HEADER + 3) as u64);
        let whole = [(none, 0, 0), (none, 0, 0), (one, 0, 1), (none, 1, 1)].map(Some);
        assert_eq!(seen(), whole);
        content[SEGMENT_HEADER + BATCH_HEADER] ^= 1;
        memory.overwrite(SEGMENT, content);
        assert_eq!(seen(), [whole[0], None, whole[2], whole[3]]);
    }
}
