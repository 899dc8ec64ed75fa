//! What a log's segments hold after a crash, as a function of their bytes.
//!
//! **The torn tail.** A batch header says up to where the log was durable when it was written. Bad bytes
//! below the highest such claim of any intact header, *wherever it stands*, are damage, however near the
//! end. Bad bytes above it were never acknowledged: the log ends there, intact batches behind
//! included, since sectors reach the disk in any order.
//!
//! **Damage.** Reading goes on behind it, for the term and vote and the end of the log that every later
//! header repeats. Whether anything that counts is missing is decided by one comparison: the chain in a
//! header against the chain of the entries that were read. Where they agree, what was damaged had been
//! replaced, or a snapshot holds it.
//!
//! **What cannot be read** counts as bad bytes, but never as a torn tail: it may have been whole.

use bytes::{Buf, Bytes};

use super::Identity;
use super::disk::DiskError;
use super::record::{
    BATCH_HEADER, BATCH_MAGIC, Found, Place, Record, SEGMENT_HEADER, Seed, Segment, Standing, ended_before,
    header_at, next_record, payload_of,
};
use super::wal::Sealed;
use crate::consensus::entry::Entry;
use crate::consensus::log::Log;
use crate::consensus::snapshot::Base;
use crate::consensus::types::{LogIndex, Membership};
use crate::marks::mark;
use crate::seeded_bug;

/// Where the segments' bytes come from.
pub(super) trait Source {
    /// A whole segment, which exists; zeros in place of what cannot be read.
    fn read(&mut self, segment: Segment) -> Result<Bytes, DiskError>;

    /// The beginning of one, with its header.
    fn head(&mut self, segment: Segment) -> Result<Bytes, DiskError>;

    /// Why not all of this part of a segment, which was read, is what stands there.
    fn unreadable(&self, segment: Segment, from: u64, to: u64) -> Option<DiskError>;
}

/// A log as its segments tell it.
#[derive(Debug)]
pub(super) struct Scan {
    /// As the last batch of the log says.
    pub(super) standing: Standing,
    /// Behind the snapshot; where entries were lost, only what stands before them.
    pub(super) log: Log,
    /// The membership that this node bound itself to while it was blank.
    pub(super) view: Option<Membership>,
    /// A membership that was in the log, for a node whose log lost it.
    pub(super) membership: Option<Membership>,
    /// The first byte that is not part of the log; but for marks behind it, for which nothing vouches.
    pub(super) end: Place,
    /// Up to where it is known to be durable.
    pub(super) synced: Place,
    /// Entries behind this index are not known to be durable; none where all are.
    pub(super) tail: Option<LogIndex>,
    /// The segments that hold something.
    pub(super) segments: Vec<Sealed>,
    /// Bytes that were durable and are not what was written.
    pub(super) damage: Vec<Damage>,
    /// What is damaged may have held the view of a blank node.
    pub(super) view_lost: bool,
    /// Entries that this node may have acknowledged are missing behind the end of `log`.
    pub(super) lost: bool,
}

/// Bytes that were durable and are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) place: Place,
    /// The last index before them.
    pub(super) index: LogIndex,
    pub(super) what: &'static str,
}

/// Reads `segments`, which are in order, of a node whose snapshot ends at `snapshot`. `None` if not one
/// intact batch stands in them: then nothing says which term it is, and for whom this node voted.
pub(super) fn scan(
    segments: &[Segment],
    source: &mut impl Source,
    identity: &Identity,
    snapshot: Base,
) -> Result<Option<Scan>, DiskError> {
    let mut scanner = Scanner::new(identity, snapshot);
    for (segment, end) in itinerary(segments, source, identity)? {
        let later = segments.partition_point(|other| *other <= segment);
        if !scanner.segment(segment, end, &segments[later..], source)? {
            break;
        }
    }
    Ok(scanner.finish())
}

/// Which segments to read, and up to where. Each says in its header where the log ended when it was
/// begun: what stands behind that place was cut off for good.
pub(super) fn itinerary(
    segments: &[Segment],
    source: &mut impl Source,
    identity: &Identity,
) -> Result<Vec<(Segment, u64)>, DiskError> {
    let mut all = Vec::new();
    let mut limit: Option<Place> = None;
    for segment in segments.iter().rev() {
        let end = match limit {
            Some(ended) if ended.segment < *segment => continue,
            Some(ended) if ended.segment == *segment => ended.offset,
            Some(_) | None => u64::MAX,
        };
        all.push((*segment, end));
        let head = source.head(*segment)?;
        limit = ended_before(&head, *segment, Seed::new(identity, *segment));
    }
    all.reverse();
    Ok(all)
}

/// A log that does not lead to the snapshot.
#[derive(Clone, Copy)]
struct Branch {
    end: Base,
    /// Damages before its end.
    damages: usize,
}

struct Scanner<'a> {
    identity: &'a Identity,
    snapshot: Base,
    scan: Scan,
    /// Whether an intact batch was read.
    alive: bool,
    /// The log has another entry than the snapshot at the snapshot's end: what follows counts for
    /// nothing, until the snapshot takes its place.
    diverged: Option<Branch>,
    /// Batches not known to be durable: their ends, and what they kept.
    unsynced: Vec<(Place, LogIndex)>,
}

impl Scanner<'_> {
    fn new(identity: &Identity, snapshot: Base) -> Scanner<'_> {
        let scan = Scan {
            standing: Standing::default(),
            log: Log::new(snapshot, []).unwrap_or_default(),
            view: None,
            membership: None,
            end: Place::default(),
            synced: Place::default(),
            tail: None,
            segments: Vec::new(),
            damage: Vec::new(),
            view_lost: false,
            lost: false,
        };
        Scanner { identity, snapshot, scan, alive: false, diverged: None, unsynced: Vec::new() }
    }

    fn finish(mut self) -> Option<Scan> {
        self.scan.tail = self.unsynced.iter().map(|(_, kept)| *kept).min();
        self.alive.then_some(self.scan)
    }

    /// Reads one segment, which ends at `end`; false where the log ends in it.
    fn segment(
        &mut self,
        segment: Segment,
        end: u64,
        later: &[Segment],
        source: &mut impl Source,
    ) -> Result<bool, DiskError> {
        let file = source.read(segment)?;
        let seed = Seed::new(self.identity, segment);
        let mut offset = SEGMENT_HEADER as u64;
        while offset < end {
            let place = Place { segment, offset };
            let found = usize::try_from(offset).ok().and_then(|at| header_at(&file, at, seed));
            let found = found.filter(|found| found.end() <= end);
            let payload = found.and_then(|found| payload_of(&file, &found, seed));
            let intact = payload.is_some() || seeded_bug!("torn-tail-taken-for-damage") && found.is_some();
            if !intact && !self.is_damage(place, &file, later, source)? {
                let bytes = usize::try_from(offset).ok().and_then(|at| file.get(at..)).unwrap_or_default();
                mark!("torn-payload-cut" if found.is_some());
                mark!("torn-header-cut" if found.is_none() && bytes.iter().take(BATCH_HEADER).any(|byte| *byte != 0));
                mark!("intact-batch-behind-tear-cut" if next_header(&file, offset + 1, seed, u64::MAX).is_some());
                let end = found.map_or(offset + BATCH_HEADER as u64, |found| found.end());
                return no_hole(source, place, end, later).map(|()| false);
            }
            match found {
                Some(found) => {
                    debug_assert!(found.end() > offset, "a batch has a header");
                    offset = found.end();
                    self.take(segment, &found, payload);
                }
                None => {
                    self.damaged(place, "no intact batch header stands there");
                    (self.scan.lost, self.scan.view_lost) = (true, true);
                    let Some(next) = next_header(&file, offset + 1, seed, end) else { return Ok(true) };
                    debug_assert!(next > offset, "it is behind");
                    offset = next;
                }
            }
        }
        Ok(true)
    }

    fn damaged(&mut self, place: Place, what: &'static str) {
        mark!("damage-below-durable");
        self.scan.damage.push(Damage { place, index: self.scan.log.last().index, what });
    }

    /// Takes in the next batch; its payload is none where that is damaged.
    fn take(&mut self, segment: Segment, found: &Found, payload: Option<Bytes>) {
        let (header, place) = (found.header, Place { segment, offset: found.end() });
        self.alive = true;
        let before = std::mem::replace(&mut self.scan.standing, header.standing);
        self.scan.synced = self.scan.synced.max(header.synced);
        let synced = self.scan.synced;
        self.unsynced.retain(|(end, _)| *end > synced);
        let only_a_mark = found.length == 0 && before == header.standing;
        if !only_a_mark {
            self.scan.end = place;
            self.unsynced.push((place, header.kept));
        }
        let highest = header.standing.last.id.index.max(header.kept);
        let end = place.offset;
        match self.scan.segments.last_mut().filter(|last| last.segment == segment) {
            Some(last) => *last = Sealed { segment, end, highest: highest.max(last.highest) },
            None => self.scan.segments.push(Sealed { segment, end, highest }),
        }
        let entries = payload.and_then(|payload| self.records(&payload));
        if entries.is_none() {
            let place = Place { segment, offset: header.offset };
            self.damaged(place, "the payload of the batch there is not what was written");
            self.scan.view_lost = true;
        }
        self.scan.lost = !self.follows(found, entries.unwrap_or_default(), before.last);
    }

    /// The entries of a payload; none if it makes no sense. They are copied out: one that stays in memory is not to keep
    /// its whole segment there, of which a life that was short has written next to nothing.
    fn records(&mut self, payload: &Bytes) -> Option<Vec<Entry>> {
        let (mut payload, mut entries) = (Bytes::copy_from_slice(payload), Vec::new());
        while payload.has_remaining() {
            match next_record(&mut payload)? {
                Record::Entry(entry) => entries.push(entry),
                Record::View(view) => self.scan.view = Some(view),
                Record::Membership(membership) => self.scan.membership = Some(membership),
            }
        }
        Some(entries)
    }

    /// Brings the log to where the batch says it stands; false if what was read does not lead there. The header
    /// before it said that the log ends `before`.
    fn follows(&mut self, found: &Found, mut entries: Vec<Entry>, before: Base) -> bool {
        let (kept, last) = (found.header.kept, found.header.standing.last);
        let start = self.snapshot.id.index;
        self.scan.log.truncate_after(kept.max(start));
        if last.id.index <= start {
            let branches = last.id.index == start && last != self.snapshot;
            mark!("log-branches-from-snapshot" if branches);
            self.diverge(branches, last);
            return true;
        }
        // The snapshot stands for the batch's first entries, if its end is among them.
        if kept < start {
            let at_start = entries.iter().find(|entry| entry.id.index == start);
            let Some(at_start) = at_start else { return false };
            self.diverge(at_start.id != self.snapshot.id, last);
            entries.retain(|entry| entry.id.index > start);
        }
        let (log, kept) = (&self.scan.log, kept.max(start));
        let known = log.id_at(kept).zip(log.chain_at(kept)).map(|(id, chain)| Base { id, chain });
        if known.and_then(|known| known.followed_by(&entries)) == Some(last) {
            // If the log had diverged, the snapshot took its place in this batch, or in one that is damaged.
            self.diverged = None;
            entries.into_iter().for_each(|entry| self.scan.log.push(entry));
            return true;
        }
        // What belongs to a log that the snapshot will replace is not lost. Of such a log only the end is kept: a batch
        // goes on from it, or cuts it off, which is believed where no damage can have hidden the snapshot's taking over.
        let Some(branch) = self.diverged else { return false };
        let goes_on = kept == branch.end.id.index && branch.end.followed_by(&entries) == Some(last);
        // Entries up to where the log ended already are a tail that the next life wrote again.
        let rewrites = last == before && !entries.is_empty();
        let cuts = kept < branch.end.id.index && (rewrites || branch.damages == self.scan.damage.len());
        if goes_on || cuts {
            self.diverge(true, last);
        }
        goes_on || cuts
    }

    /// Whether the log, which ends with `end`, has another entry than the snapshot at the snapshot's end.
    fn diverge(&mut self, diverged: bool, end: Base) {
        self.diverged = diverged.then_some(Branch { end, damages: self.scan.damage.len() });
    }
}

/// The first intact header at or behind `from`, and before `end`.
pub(super) fn next_header(file: &[u8], from: u64, seed: Seed, end: u64) -> Option<u64> {
    headers(file, from, seed, end).next().map(|found| found.header.offset)
}

/// All intact headers at or behind `from`, and before `end`.
fn headers(file: &[u8], from: u64, seed: Seed, end: u64) -> impl Iterator<Item = Found> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(file.len());
    let start = place(from);
    let part = &file[start..place(end).max(start)];
    let candidates = memchr::memmem::find_iter(part, &BATCH_MAGIC).map(move |at| start + at);
    candidates.filter_map(move |at| header_at(file, at, seed))
}

/// Whether no batch of this log was ever written to the file.
pub(super) fn is_blank(file: &[u8], segment: Segment, identity: &Identity) -> bool {
    next_header(file, 0, Seed::new(identity, segment), u64::MAX).is_none()
}

mod tear;
#[cfg(test)]
mod tests;

use tear::no_hole;
