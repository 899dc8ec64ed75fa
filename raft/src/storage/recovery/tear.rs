//! Where a log has bad bytes: a tail that never was whole, or damage of what was durable.

use super::{Scanner, Source, headers};
use crate::seeded_bug;
use crate::storage::disk::DiskError;
use crate::storage::record::{BATCH_HEADER, Place, SEGMENT_HEADER, Seed, Segment, header_at, payload_of};

impl Scanner<'_> {
    /// Whether bad bytes were durable once; else the log ends there.
    pub(super) fn is_damage(
        &mut self,
        place: Place,
        file: &[u8],
        later: &[Segment],
        source: &mut impl Source,
    ) -> Result<bool, DiskError> {
        let durable = self.claimed(place, file, later, source)? || self.rewritten(later, source)?;
        if !durable && self.scan.lost {
            self.adopt_newest(place, file, later, source)?;
        }
        Ok(durable && !seeded_bug!("torn-tail-cut-below-durable"))
    }

    /// Whether any intact header says that what stands at `place` was durable.
    fn claimed(
        &self,
        place: Place,
        file: &[u8],
        later: &[Segment],
        source: &mut impl Source,
    ) -> Result<bool, DiskError> {
        let claims = |segment: Segment, file: &[u8], from: u64| {
            let seed = Seed::new(self.identity, segment);
            headers(file, from, seed, u64::MAX).any(|found| found.header.synced > place)
        };
        if self.scan.synced > place || claims(place.segment, file, place.offset) {
            return Ok(true);
        }
        for segment in later {
            if claims(*segment, &source.read(*segment)?, 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the next life, which found the bytes intact, has written again what was not known to be
    /// durable: the batch behind the first, which only repeats how the node stands.
    fn rewritten(&self, later: &[Segment], source: &mut impl Source) -> Result<bool, DiskError> {
        for next in later {
            let (file, seed) = (source.read(*next)?, Seed::new(self.identity, *next));
            let Some(head) = header_at(&file, SEGMENT_HEADER, seed) else { continue };
            let second = usize::try_from(head.end()).ok().and_then(|at| header_at(&file, at, seed));
            if second.is_some_and(|second| payload_of(&file, &second, seed).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where entries are missing, term, vote and the end of the log are those of the newest intact header,
    /// wherever it stands: none that was durable can be newer. One that a later life cut off counts too, where
    /// nothing intact is left of that life: nobody was told of it, but it was this node's own.
    fn adopt_newest(
        &mut self,
        place: Place,
        file: &[u8],
        later: &[Segment],
        source: &mut impl Source,
    ) -> Result<(), DiskError> {
        let newest = |segment: Segment, file: &[u8], from: u64| {
            headers(file, from, Seed::new(self.identity, segment), u64::MAX).last()
        };
        let mut standing = newest(place.segment, file, place.offset);
        for segment in later {
            standing = newest(*segment, &source.read(*segment)?, 0).or(standing);
        }
        if let Some(found) = standing {
            self.scan.standing = found.header.standing;
        }
        Ok(())
    }
}

/// A batch that was never whole is cut off. One that cannot be read, or a segment that may have been begun, may hold
/// what was acknowledged, and a vote that nothing else repeats: then the disk's error is told.
pub(super) fn no_hole(
    source: &impl Source,
    place: Place,
    end: u64,
    later: &[Segment],
) -> Result<(), DiskError> {
    let begin = (SEGMENT_HEADER + BATCH_HEADER) as u64;
    let here = source.unreadable(place.segment, place.offset, end);
    let unread = here.or_else(|| later.iter().find_map(|later| source.unreadable(*later, 0, begin)));
    unread.filter(|_| !seeded_bug!("unreadable-end-cut")).map_or(Ok(()), Err)
}
