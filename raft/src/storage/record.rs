//! How the log looks in its file: a segment header, then batches, one per group commit; in a batch
//! a header, then records. Numbers are little-endian. Nothing here trusts a byte that it reads.
//!
//! ```text
//! segment header   magic 8 · format 4 · crc of cluster 4 · incarnation 16 · first index 8 · 0… · crc 4   = 64 bytes
//! batch header     magic 4 · header crc of the batch before 4 · sequence 8 · own offset 8
//!                  · known synced before 8 · payload length 8 · payload crc 4 · header crc 4           = 48 bytes
//! hard state       1 · term 8 · voted 1 · vote 8
//! entry            2 · kind 1 · index 8 · term 8 · entry crc 4 · length 8 · data
//! view             3 · length 8 · postcard of a membership
//! ```
//! Checksums of batches start from a seed that stands for cluster, incarnation and segment, so what
//! another log wrote is not intact here, and neither is a batch that stands at another offset. The
//! checksum of the batch before chains them, so what an overwritten log left behind does not fit.

use bytes::{Buf, BufMut, Bytes};

use super::Identity;
use crate::consensus::entry::{Entry, EntryKind};
use crate::consensus::types::{HardState, LogId, LogIndex, Membership, NodeId, Term};

/// The bytes of a segment header: the first batch begins here.
pub(super) const SEGMENT_HEADER: usize = 64;
/// The bytes of a batch header.
pub(super) const BATCH_HEADER: usize = 48;
/// The newest format of segments that is known here.
pub(super) const SEGMENT_FORMAT: u32 = 1;

const SEGMENT_MAGIC: &[u8; 8] = b"raft-wal";
/// No two bytes alike, so that a search for it seldom stumbles.
pub(super) const BATCH_MAGIC: [u8; 4] = [0xb7, 0x1e, 0x9d, 0x42];

/// What the checksums of a segment's batches start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed(u32);

impl Seed {
    /// Of the segment that begins with `first`.
    pub(super) fn new(identity: &Identity, first: LogIndex) -> Seed {
        Seed(crc32c::crc32c(&segment_header(identity, first)))
    }

    /// What the first batch of a segment is chained to.
    pub(super) fn chain(self) -> u32 {
        self.0
    }
}

/// The head of the segment that begins with `first`.
pub(super) fn segment_header(identity: &Identity, first: LogIndex) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER);
    header.put_slice(SEGMENT_MAGIC);
    header.put_u32_le(SEGMENT_FORMAT);
    header.put_u32_le(crc32c::crc32c(identity.cluster.as_str().as_bytes()));
    header.put_u128_le(identity.incarnation.0);
    header.put_u64_le(first.0);
    header.resize(SEGMENT_HEADER - 4, 0);
    header.put_u32_le(crc32c::crc32c(&header));
    header
}

/// Why a file does not begin as the segment it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadSegment {
    Damaged(&'static str),
    Newer(u32),
}

/// Checks that `file` begins with the header of this log's segment that begins with `first`.
pub(super) fn check_segment_header(
    file: &[u8],
    identity: &Identity,
    first: LogIndex,
) -> Result<(), BadSegment> {
    let Some(found) = file.get(..SEGMENT_HEADER) else {
        return Err(BadSegment::Damaged("it is shorter than a segment header"));
    };
    let (mut covered, mut crc) = found.split_at(SEGMENT_HEADER - 4);
    let intact = covered.starts_with(SEGMENT_MAGIC) && crc32c::crc32c(covered) == crc.get_u32_le();
    if !intact {
        return Err(BadSegment::Damaged("the segment header is not what was written"));
    }
    covered.advance(SEGMENT_MAGIC.len());
    let format = covered.get_u32_le();
    if format != SEGMENT_FORMAT {
        return Err(BadSegment::Newer(format));
    }
    if found != segment_header(identity, first) {
        return Err(BadSegment::Damaged("the segment belongs to another log"));
    }
    Ok(())
}

/// What a batch's header says besides its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHeader {
    /// The header crc of the batch before.
    pub(super) previous: u32,
    /// Counted up by one for each batch.
    pub(super) sequence: u64,
    /// Where it stands in its file.
    pub(super) offset: u64,
    /// Up to where the file was durable when this was written.
    pub(super) synced: u64,
}

/// An intact header as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) header: BatchHeader,
    /// The payload's bytes.
    pub(super) length: u64,
    /// This header's own crc, to which the next batch is chained.
    pub(super) crc: u32,
    payload_crc: u32,
}

/// The header at `offset` of `file`, if an intact one of this segment stands there.
pub(super) fn header_at(file: &[u8], offset: usize, seed: Seed) -> Option<Found> {
    let bytes = file.get(offset..)?.get(..BATCH_HEADER)?;
    let (mut fields, mut crc) = bytes.split_at(BATCH_HEADER - 4);
    if !fields.starts_with(&BATCH_MAGIC) {
        return None;
    }
    let crc = crc.get_u32_le();
    if crc32c::crc32c_append(seed.0, fields) != crc {
        return None;
    }
    fields.advance(BATCH_MAGIC.len());
    let header = BatchHeader {
        previous: fields.get_u32_le(),
        sequence: fields.get_u64_le(),
        offset: fields.get_u64_le(),
        synced: fields.get_u64_le(),
    };
    let (length, payload_crc) = (fields.get_u64_le(), fields.get_u32_le());
    let at_home = header.offset == offset as u64 && header.synced <= header.offset;
    at_home.then_some(Found { header, length, crc, payload_crc })
}

/// The payload of the batch at `offset` whose header was `found`, if it is all there and intact.
pub(super) fn payload_of(file: &Bytes, offset: usize, found: &Found, seed: Seed) -> Option<Bytes> {
    let start = offset.checked_add(BATCH_HEADER)?;
    let end = start.checked_add(usize::try_from(found.length).ok()?)?;
    if end > file.len() {
        return None;
    }
    let payload = file.slice(start..end);
    (crc32c::crc32c_append(seed.0, &payload) == found.payload_crc).then_some(payload)
}

/// A batch that is being filled. Data are copied into it once, and written from it.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// One without records.
    pub(super) fn new() -> Batch {
        Batch { bytes: vec![0; BATCH_HEADER] }
    }

    /// Whether it has no records: as a batch, a mark.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == BATCH_HEADER
    }

    /// Adds a record of the term and vote.
    pub(super) fn hard_state(&mut self, state: &HardState) {
        self.bytes.put_u8(HARD_STATE);
        self.bytes.put_u64_le(state.current_term.0);
        self.bytes.put_u8(u8::from(state.voted_for.is_some()));
        self.bytes.put_u64_le(state.voted_for.unwrap_or_default().0);
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
        let encoded = postcard::to_stdvec(view)?;
        self.bytes.put_u8(VIEW);
        self.bytes.put_u64_le(encoded.len() as u64);
        self.bytes.put_slice(&encoded);
        Ok(())
    }

    /// The bytes to write, and the header crc to which the next batch is chained.
    pub(super) fn seal(mut self, header: BatchHeader, seed: Seed) -> (Vec<u8>, u32) {
        let (mut fields, payload) = self.bytes.split_at_mut(BATCH_HEADER);
        let payload_crc = crc32c::crc32c_append(seed.0, payload);
        fields.put_slice(&BATCH_MAGIC);
        fields.put_u32_le(header.previous);
        fields.put_u64_le(header.sequence);
        fields.put_u64_le(header.offset);
        fields.put_u64_le(header.synced);
        fields.put_u64_le(payload.len() as u64);
        fields.put_u32_le(payload_crc);
        let crc = crc32c::crc32c_append(seed.0, &self.bytes[..BATCH_HEADER - 4]);
        self.bytes[BATCH_HEADER - 4..BATCH_HEADER].copy_from_slice(&crc.to_le_bytes());
        (self.bytes, crc)
    }
}

const HARD_STATE: u8 = 1;
const ENTRY: u8 = 2;
const VIEW: u8 = 3;
const ENTRY_HEADER: usize = 30;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    HardState(HardState),
    Entry(Entry),
    View(Membership),
}

/// Takes the next record off an intact payload, which must not be empty; `None` if it makes no
/// sense. An entry's data share the payload's memory.
pub(super) fn next_record(payload: &mut Bytes) -> Option<Record> {
    Some(match payload.try_get_u8().ok()? {
        HARD_STATE => {
            let current_term = Term(payload.try_get_u64_le().ok()?);
            let voted = payload.try_get_u8().ok()?;
            let vote = NodeId(payload.try_get_u64_le().ok()?);
            let voted_for = match voted {
                0 => None,
                1 => Some(vote),
                _ => return None,
            };
            Record::HardState(HardState { current_term, voted_for })
        }
        ENTRY => {
            let kind = EntryKind::from_u8(payload.try_get_u8().ok()?)?;
            let index = LogIndex(payload.try_get_u64_le().ok()?);
            let term = Term(payload.try_get_u64_le().ok()?);
            let crc = payload.try_get_u32_le().ok()?;
            let data = take(payload)?;
            Record::Entry(Entry { id: LogId { term, index }, kind, data, crc })
        }
        VIEW => Record::View(postcard::from_bytes(&take(payload)?).ok()?),
        _ => return None,
    })
}

/// A length and as many bytes.
fn take(payload: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(payload.try_get_u64_le().ok()?).ok()?;
    (length <= payload.len()).then(|| payload.split_to(length))
}
