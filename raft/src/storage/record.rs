//! How the log looks in its files: a segment header, then batches, one or two per group commit; in a
//! batch a header, then records. Numbers are little-endian. Nothing here trusts a byte that it reads.
//!
//! ```text
//! segment header   magic 8 · format 4 · segment 8 · where the log ended before: segment 8, offset 8
//!                  · crc 4                                                                       = 40 bytes
//! batch header     magic 4 · payload crc 4 · own offset 8 · known synced before: segment 8, offset 8
//!                  · term 8 · vote 8 · flags 1 (1: voted, 2: repairing) · 0 3
//!                  · kept index 8 · last index 8, term 8, chain 8 · repair index 8, term 8
//!                  · payload length 8 · header crc 4                                               = 112 bytes
//! entry            2 · kind 1 · index 8 · term 8 · entry crc 4 · length 8 · data
//! view             3 · length 8 · postcard of a membership
//! membership       4 · length 8 · postcard of a membership
//! ```
//! A batch header says how the node stands *after* the batch ([`Standing`]): so term and vote stand at
//! the head of each segment and long after it, whatever became of payloads; and the chain in it lets
//! one comparison decide whether the log that was read is the log that was written.
//!
//! Checksums of batches start from a seed that stands for cluster, incarnation and segment, so what
//! another log, or an earlier use of a recycled file, wrote is not intact here, and neither is a batch
//! that stands at another offset.

use bytes::{Buf, BufMut, Bytes};

use super::Identity;
use crate::checksum::{crc32c, crc32c_append};
use crate::consensus::entry::{Chain, Entry, EntryKind};
use crate::consensus::snapshot::{Base, Repair};
use crate::consensus::types::{HardState, LogId, LogIndex, Membership, NodeId, Term};

/// The bytes of a segment header: the first batch begins here.
pub(super) const SEGMENT_HEADER: usize = 40;
/// The bytes of a batch header.
pub(super) const BATCH_HEADER: usize = 112;
/// The format of segments that is written here, and the only one that is read. Format 1, a log
/// in one file, was never released.
pub(super) const SEGMENT_FORMAT: u32 = 2;

const SEGMENT_MAGIC: &[u8; 8] = b"raft-wal";
/// No two bytes alike, so that a search for it seldom stumbles.
pub(super) const BATCH_MAGIC: [u8; 4] = [0xb7, 0x1e, 0x9d, 0x42];

/// The number of a segment: counted up by one for each, never used twice in one directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Segment(pub(super) u64);

impl Segment {
    pub(super) fn next(self) -> Segment {
        Segment(self.0.saturating_add(1))
    }
}

/// A byte of the log: in the order in which it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) segment: Segment,
    pub(super) offset: u64,
}

/// What the checksums of a segment's batches start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seed(u32);

impl Seed {
    pub(super) fn new(identity: &Identity, segment: Segment) -> Seed {
        let mut whose = Vec::with_capacity(64);
        whose.put_slice(SEGMENT_MAGIC);
        whose.put_u32_le(SEGMENT_FORMAT);
        whose.put_u32_le(crc32c(identity.cluster.as_str().as_bytes()));
        whose.put_u128_le(identity.incarnation.0);
        whose.put_u64_le(segment.0);
        Seed(crc32c(&whose))
    }
}

/// The first bytes of a segment; `ended` is where the log ended when it was begun.
pub(super) fn segment_header(segment: Segment, ended: Place, seed: Seed) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER);
    header.put_slice(SEGMENT_MAGIC);
    header.put_u32_le(SEGMENT_FORMAT);
    header.put_u64_le(segment.0);
    header.put_u64_le(ended.segment.0);
    header.put_u64_le(ended.offset);
    header.put_u32_le(crc32c_append(seed.0, &header));
    header
}

/// Where the log ended before this segment, if its header is intact.
pub(super) fn ended_before(file: &[u8], segment: Segment, seed: Seed) -> Option<Place> {
    let mut fields = file.get(20..36)?;
    let ended = Place { segment: Segment(fields.get_u64_le()), offset: fields.get_u64_le() };
    file.starts_with(&segment_header(segment, ended, seed)).then_some(ended)
}

/// The format that a file claims for itself, if it begins as a segment of any version does.
pub(super) fn format_of(file: &[u8]) -> Option<u32> {
    let mut head = file.get(..SEGMENT_MAGIC.len() + 4)?.strip_prefix(SEGMENT_MAGIC)?;
    Some(head.get_u32_le())
}

/// How a node stands after a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    pub(super) hard_state: HardState,
    /// The end of the log and the chain up to it.
    pub(super) last: Base,
    /// What the log lost and does not hold again yet.
    pub(super) repair: Option<Repair>,
}

impl Standing {
    /// What to repair where entries before the end of the log are missing. Of the term of a snapshot that no header
    /// names nobody knows what was acknowledged in it.
    pub(super) fn lost(&self, snapshot: LogId) -> Repair {
        let unnamed = snapshot.term > self.hard_state.current_term;
        let next = unnamed.then_some(LogId { term: snapshot.term.next(), index: LogIndex(0) });
        let known = self.repair.map(|repair| repair.least);
        Repair { least: self.last.id.max(known.unwrap_or_default()).max(next.unwrap_or_default()) }
    }
}

/// What a batch's header says besides its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BatchHeader {
    /// Where it stands in its segment.
    pub(super) offset: u64,
    /// Up to where the log was durable when this was written.
    pub(super) synced: Place,
    /// What the log held behind this index is gone; then come the batch's entries.
    pub(super) kept: LogIndex,
    /// How the node stands after it.
    pub(super) standing: Standing,
}

/// An intact header as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Found {
    pub(super) header: BatchHeader,
    /// The payload's bytes.
    pub(super) length: u64,
    payload_crc: u32,
}

impl Found {
    /// Where the batch ends in its segment.
    pub(super) fn end(&self) -> u64 {
        self.header.offset.saturating_add(BATCH_HEADER as u64).saturating_add(self.length)
    }
}

const VOTED: u8 = 1;
const REPAIRING: u8 = 2;

/// The header at `offset` of `file`, if an intact one of this segment stands there.
pub(super) fn header_at(file: &[u8], offset: usize, seed: Seed) -> Option<Found> {
    header_of(file.get(offset..)?, offset as u64, seed)
}

/// The header with which `batch` begins, if it is an intact one that belongs at `offset` of this segment.
pub(super) fn header_of(batch: &[u8], offset: u64, seed: Seed) -> Option<Found> {
    let bytes = batch.get(..BATCH_HEADER)?;
    let (mut fields, mut crc) = bytes.split_at(BATCH_HEADER - 4);
    if !fields.starts_with(&BATCH_MAGIC) {
        return None;
    }
    if crc32c_append(seed.0, fields) != crc.get_u32_le() {
        return None;
    }
    fields.advance(BATCH_MAGIC.len());
    let (payload_crc, at) = (fields.get_u32_le(), fields.get_u64_le());
    let synced = Place { segment: Segment(fields.get_u64_le()), offset: fields.get_u64_le() };
    let (current_term, vote) = (Term(fields.get_u64_le()), NodeId(fields.get_u64_le()));
    let flags = fields.get_u8();
    fields.advance(3);
    let kept = LogIndex(fields.get_u64_le());
    let last = Base { id: get_id(&mut fields), chain: Chain(fields.get_u64_le()) };
    let least = get_id(&mut fields);
    let length = fields.get_u64_le();
    let voted_for = (flags & VOTED != 0).then_some(vote);
    let repair = (flags & REPAIRING != 0).then_some(Repair { least });
    let standing = Standing { hard_state: HardState { current_term, voted_for }, last, repair };
    let header = BatchHeader { offset: at, synced, kept, standing };
    (at == offset).then_some(Found { header, length, payload_crc })
}

/// The payload of the batch whose header was `found`, if it is all there and intact.
pub(super) fn payload_of(file: &Bytes, found: &Found, seed: Seed) -> Option<Bytes> {
    let start = usize::try_from(found.header.offset).ok().filter(|start| *start <= file.len())?;
    payload_in(&file.slice(start..), found, seed)
}

/// The payload of a batch that begins with the header `found`, if it is all there and intact.
pub(super) fn payload_in(batch: &Bytes, found: &Found, seed: Seed) -> Option<Bytes> {
    let end = BATCH_HEADER.checked_add(usize::try_from(found.length).ok()?)?;
    if end > batch.len() {
        return None;
    }
    let payload = batch.slice(BATCH_HEADER..end);
    (crc32c_append(seed.0, &payload) == found.payload_crc).then_some(payload)
}

fn get_id(fields: &mut &[u8]) -> LogId {
    let (index, term) = (LogIndex(fields.get_u64_le()), Term(fields.get_u64_le()));
    LogId { term, index }
}

fn put_id(fields: &mut impl BufMut, id: LogId) {
    fields.put_u64_le(id.index.0);
    fields.put_u64_le(id.term.0);
}

/// A batch that is being filled. Data are copied into it once, and written from it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// One without records: as it is, a mark.
    pub(super) fn new() -> Batch {
        Batch::within(Vec::new())
    }

    /// As [`Batch::new`], in memory that was used before.
    pub(super) fn within(mut bytes: Vec<u8>) -> Batch {
        bytes.clear();
        bytes.resize(BATCH_HEADER, 0);
        Batch { bytes }
    }

    /// Bytes that it takes in the file.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an entry, which replaces the one at its index and all behind.
    pub(super) fn entry(&mut self, entry: &Entry) {
        self.bytes.reserve(ENTRY_HEADER + entry.data.len());
        self.bytes.put_u8(ENTRY);
        self.bytes.put_u8(entry.kind as u8);
        self.bytes.put_u64_le(entry.id.index.0);
        self.bytes.put_u64_le(entry.id.term.0);
        self.bytes.put_u32_le(entry.crc);
        self.bytes.put_u64_le(entry.data.len() as u64);
        self.bytes.put_slice(&entry.data);
    }

    /// Adds the bootstrap view.
    pub(super) fn view(&mut self, view: &Membership) -> Result<(), postcard::Error> {
        self.blob(VIEW, &postcard::to_stdvec(view)?);
        Ok(())
    }

    /// Adds the membership of the log before.
    pub(super) fn membership(&mut self, membership: &Membership) -> Result<(), postcard::Error> {
        self.blob(MEMBERSHIP, &postcard::to_stdvec(membership)?);
        Ok(())
    }

    fn blob(&mut self, kind: u8, content: &[u8]) {
        self.bytes.put_u8(kind);
        self.bytes.put_u64_le(content.len() as u64);
        self.bytes.put_slice(content);
    }

    /// The bytes to write.
    pub(super) fn seal(mut self, header: &BatchHeader, seed: Seed) -> Vec<u8> {
        let Standing { hard_state, last, repair } = header.standing;
        let (mut fields, payload) = self.bytes.split_at_mut(BATCH_HEADER);
        fields.put_slice(&BATCH_MAGIC);
        fields.put_u32_le(crc32c_append(seed.0, payload));
        fields.put_u64_le(header.offset);
        fields.put_u64_le(header.synced.segment.0);
        fields.put_u64_le(header.synced.offset);
        fields.put_u64_le(hard_state.current_term.0);
        fields.put_u64_le(hard_state.voted_for.unwrap_or_default().0);
        let voted = if hard_state.voted_for.is_some() { VOTED } else { 0 };
        fields.put_u8(voted | if repair.is_some() { REPAIRING } else { 0 });
        fields.put_bytes(0, 3);
        fields.put_u64_le(header.kept.0);
        put_id(&mut fields, last.id);
        fields.put_u64_le(last.chain.0);
        put_id(&mut fields, repair.map(|repair| repair.least).unwrap_or_default());
        fields.put_u64_le(payload.len() as u64);
        let crc = crc32c_append(seed.0, &self.bytes[..BATCH_HEADER - 4]);
        self.bytes[BATCH_HEADER - 4..BATCH_HEADER].copy_from_slice(&crc.to_le_bytes());
        self.bytes
    }
}

const ENTRY: u8 = 2;
const VIEW: u8 = 3;
const MEMBERSHIP: u8 = 4;
pub(super) const ENTRY_HEADER: usize = 30;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Entry(Entry),
    View(Membership),
    Membership(Membership),
}

/// Takes the next record off an intact payload, which must not be empty; `None` if it makes no
/// sense. An entry's data share the payload's memory.
pub(super) fn next_record(payload: &mut Bytes) -> Option<Record> {
    Some(match payload.try_get_u8().ok()? {
        ENTRY => {
            let kind = EntryKind::from_u8(payload.try_get_u8().ok()?)?;
            let index = LogIndex(payload.try_get_u64_le().ok()?);
            let term = Term(payload.try_get_u64_le().ok()?);
            let crc = payload.try_get_u32_le().ok()?;
            let data = take(payload)?;
            Record::Entry(Entry { id: LogId { term, index }, kind, data, crc })
        }
        VIEW => Record::View(postcard::from_bytes(&take(payload)?).ok()?),
        MEMBERSHIP => Record::Membership(postcard::from_bytes(&take(payload)?).ok()?),
        _ => return None,
    })
}

/// A length and as many bytes.
fn take(payload: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(payload.try_get_u64_le().ok()?).ok()?;
    (length <= payload.len()).then(|| payload.split_to(length))
}

#[cfg(test)]
mod tests;
