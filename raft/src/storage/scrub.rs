//! Reads what is durable again, slowly, as long as the other copies are still good: bits rot, and who finds it
//! only at the next start may find it on two nodes.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Identity;
use super::disk::{Completion, Disk, Op, OpId, Outcome};
use super::record::{SEGMENT_HEADER, Seed, Segment, ended_before, header_at, payload_of};
use super::spares::file_of;
use super::wal::Sealed;
use crate::marks::mark;
use crate::seeded_bug;

/// One walk after another through the sealed segments, a segment for each step.
#[derive(Clone, Debug, Hash)]
pub(super) struct Scrub {
    identity: Identity,
    /// Read last.
    last: Segment,
    reading: Option<(OpId, Sealed)>,
    /// The last attempt to read them failed.
    unreadable: BTreeSet<Segment>,
    rotten: BTreeSet<Segment>,
}

impl Scrub {
    pub(super) fn new(identity: Identity) -> Scrub {
        Scrub {
            identity,
            last: Segment(0),
            reading: None,
            unreadable: BTreeSet::new(),
            rotten: BTreeSet::new(),
        }
    }

    /// Begins to read the next of these segments, unless one is being read.
    pub(super) fn step(&mut self, disk: &mut impl Disk, sealed: &[Sealed]) {
        if self.reading.is_some() {
            return;
        }
        let next = sealed.iter().find(|sealed| sealed.segment > self.last);
        let Some(next) = next.or_else(|| sealed.first()).copied() else { return };
        self.last = next.segment;
        // Segments go aside, too: this one is read before it can become another.
        let (file, offset, length) = (file_of(next.segment), 0, next.end);
        let op = if seeded_bug!("scrub-believes-the-cache") {
            Op::Read { file, offset, length }
        } else {
            Op::ReadBack { file, offset, length }
        };
        self.reading = Some((disk.submit_aside(op), next));
    }

    pub(super) fn owns(&self, op: OpId) -> bool {
        self.reading.is_some_and(|(reading, _)| reading == op)
    }

    /// Takes the end of a read.
    pub(super) fn complete(&mut self, completion: &Completion) {
        let Some((_, Sealed { segment, end, .. })) = self.reading.take() else { return };
        let rotten = match &completion.result {
            Ok(Outcome::Data(bytes)) => {
                self.unreadable.remove(&segment);
                rotten(bytes, segment, end, &self.identity)
            }
            Ok(Outcome::Done | Outcome::Names(_)) => None,
            Err(error) => {
                tracing::warn!(%error, "a segment of the log cannot be read");
                // Once may be a whim of the bus.
                (!self.unreadable.insert(segment)).then_some(0)
            }
        };
        mark!("segment-read-again" if rotten.is_none() && completion.result.is_ok());
        if let Some(offset) = rotten
            && self.rotten.insert(segment)
        {
            tracing::error!(
                file = file_of(segment),
                offset,
                "what stands there is no more what was written: a snapshot is taken in its place"
            );
        }
    }

    /// Whether it is known that a segment does not hold what was written.
    pub(super) fn is_rotten(&self, segment: Segment) -> bool {
        self.rotten.contains(&segment)
    }
}

/// Where a segment that ends at `end` is not what was written.
fn rotten(bytes: &Bytes, segment: Segment, end: u64, identity: &Identity) -> Option<u64> {
    let seed = Seed::new(identity, segment);
    if ended_before(bytes, segment, seed).is_none() {
        return Some(0);
    }
    let mut offset = SEGMENT_HEADER as u64;
    while offset < end {
        let found = usize::try_from(offset).ok().and_then(|at| header_at(bytes, at, seed));
        match found.filter(|found| payload_of(bytes, found, seed).is_some()) {
            Some(found) => {
                debug_assert!(found.end() > offset, "a batch has a header");
                offset = found.end();
            }
            None => return Some(offset),
        }
    }
    None
}

#[cfg(test)]
mod tests;
