//! How a snapshot looks in its file, which is sent to other nodes as it is: nothing in it is a node's own.
//! Numbers are little-endian. Nothing here trusts a byte that it reads.
//!
//! ```text
//! header   magic 8 · format 4 · crc of cluster 4 · length of meta 4 · meta (postcard) · crc 4
//! chunk    length 4, not 0 · crc 4 · data
//! end      0 4 · bytes of all chunks' data 8 · blake3 of all before this record 32 · crc 4
//! body     the chunks' data: length of the sessions 8 · the sessions · the state machine's own bytes
//! ```
//! A chunk's checksum starts from the header's and the chunk's offset, so that a chunk of another
//! snapshot, or at another place, is not intact.

use bytes::{Buf, BufMut};

use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;

/// The newest format that is known here.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a chunk's data, at most.
const CHUNK: usize = 256 << 10;
/// Bytes of a chunk's data, as they are written: several in what is read or received at once.
const WRITTEN: usize = 64 << 10;
/// Bytes of the meta, at most: what a membership of some thousand nodes takes.
const META: usize = 64 << 10;
const MAGIC: &[u8; 8] = b"raftsnap";
/// Bytes of a length.
const FIELD: usize = 4;
/// Bytes of the header before the meta.
const HEAD: usize = 20;
/// Bytes of a chunk before its data.
const CHUNK_HEAD: usize = 8;
const END: usize = 48;

/// Bytes that are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged at byte {offset}: {what}")]
pub struct BadSnapshot {
    /// Where the record begins that is bad.
    pub offset: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// Turns a state into a file's bytes.
pub(super) struct Encoder {
    header_crc: u32,
    hasher: blake3::Hasher,
    meta: SnapshotMeta,
    /// Bytes of the file so far.
    length: u64,
    /// Bytes of the body so far.
    body: u64,
}

impl Encoder {
    /// Begins a file; its first bytes go to `out`.
    pub(super) fn new(cluster: &ClusterId, meta: SnapshotMeta, out: &mut Vec<u8>) -> Encoder {
        let start = out.len();
        // Serialising plain data into memory has no way to fail.
        let encoded = postcard::to_stdvec(&meta).unwrap_or_default();
        out.put_slice(MAGIC);
        out.put_u32_le(FORMAT);
        out.put_u32_le(crc32c::crc32c(cluster.as_str().as_bytes()));
        out.put_u32_le(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
        out.put_slice(&encoded);
        let header_crc = crc32c::crc32c(&out[start..]);
        out.put_u32_le(header_crc);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&out[start..]);
        Encoder { header_crc, hasher, meta, length: (out.len() - start) as u64, body: 0 }
    }

    /// Adds to the body.
    pub(super) fn push(&mut self, data: &[u8], out: &mut Vec<u8>) {
        for chunk in data.chunks(WRITTEN) {
            let start = out.len();
            out.put_u32_le(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            out.put_u32_le(chunk_crc(self.header_crc, self.length, chunk));
            out.put_slice(chunk);
            self.hasher.update(&out[start..]);
            self.length += (out.len() - start) as u64;
            self.body += chunk.len() as u64;
        }
    }

    /// Ends the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> SnapshotId {
        let hash = *self.hasher.finalize().as_bytes();
        let start = out.len();
        out.put_u32_le(0);
        out.put_u64_le(self.body);
        out.put_slice(&hash);
        out.put_u32_le(crc32c::crc32c_append(self.header_crc, &out[start..]));
        SnapshotId { last: self.meta.base.id, length: self.length + END as u64, hash }
    }
}

fn chunk_crc(header_crc: u32, offset: u64, data: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(header_crc, &offset.to_le_bytes()), data)
}

/// Checks a file's bytes as they come, in pieces of any size, and hands out its body.
pub(super) struct Decoder {
    cluster_crc: u32,
    hasher: blake3::Hasher,
    /// Of the header, once that was read.
    meta: Option<(SnapshotMeta, u32)>,
    /// Begun and not whole.
    pending: Vec<u8>,
    /// Where `pending` begins in the file.
    offset: u64,
    body: u64,
    id: Option<SnapshotId>,
}

impl Decoder {
    pub(super) fn new(cluster: &ClusterId) -> Decoder {
        Decoder {
            cluster_crc: crc32c::crc32c(cluster.as_str().as_bytes()),
            hasher: blake3::Hasher::new(),
            meta: None,
            pending: Vec::new(),
            offset: 0,
            body: 0,
            id: None,
        }
    }

    /// Takes the next bytes, to be checked only.
    pub(super) fn check(&mut self, data: &[u8]) -> Result<(), BadSnapshot> {
        self.take(data, |_| {})
    }

    /// Takes the next bytes; those of the body that are known to be intact go to `body`.
    pub(super) fn push(&mut self, data: &[u8], body: &mut Vec<u8>) -> Result<(), BadSnapshot> {
        self.take(data, |intact| body.extend_from_slice(intact))
    }

    fn take(&mut self, mut data: &[u8], mut body: impl FnMut(&[u8])) -> Result<(), BadSnapshot> {
        while !data.is_empty() {
            // What is there as a whole is not copied.
            let begins = if self.pending.is_empty() { data } else { &self.pending };
            let wanted = self.wanted(begins)?;
            if self.pending.is_empty() && data.len() >= wanted {
                let (record, later) = data.split_at(wanted);
                self.take_record(record, &mut body)?;
                data = later;
                continue;
            }
            // Never more than one record, whose length was checked, is kept.
            let (now, later) = data.split_at(wanted.saturating_sub(self.pending.len()).min(data.len()));
            self.pending.extend_from_slice(now);
            data = later;
            if self.pending.len() == self.wanted(&self.pending)? {
                let mut record = std::mem::take(&mut self.pending);
                self.take_record(&record, &mut body)?;
                record.clear();
                self.pending = record;
            }
        }
        Ok(())
    }

    /// The file has ended.
    pub(super) fn finish(self) -> Result<(SnapshotId, SnapshotMeta), BadSnapshot> {
        match (self.id, self.meta) {
            (Some(id), Some((meta, _))) => Ok((id, meta)),
            _ => Err(BadSnapshot { offset: self.offset, what: "it ends before its end" }),
        }
    }

    /// Bytes of the record that begins so, as far as its own head says.
    fn wanted(&self, begins: &[u8]) -> Result<usize, BadSnapshot> {
        let field = |at: usize| {
            let mut bytes = begins.get(at..at + FIELD)?;
            Some(bytes.get_u32_le() as usize)
        };
        if self.id.is_some() {
            return Err(self.bad("bytes follow its end"));
        }
        if self.meta.is_none() {
            return match field(HEAD - 4) {
                None => Ok(HEAD),
                Some(meta) if meta > META => Err(self.bad("its header is not what was written")),
                Some(meta) => Ok(HEAD + meta + 4),
            };
        }
        match field(0) {
            None => Ok(FIELD),
            Some(0) => Ok(END),
            Some(length) if length > CHUNK => Err(self.bad("a chunk's length is not what was written")),
            Some(length) => Ok(CHUNK_HEAD + length),
        }
    }

    fn take_record(&mut self, record: &[u8], body: &mut impl FnMut(&[u8])) -> Result<(), BadSnapshot> {
        match self.meta {
            None => self.take_header(record)?,
            Some((_, crc)) if record.starts_with(&[0; FIELD]) => self.take_end(record, crc)?,
            Some((_, crc)) => self.take_chunk(record, crc, body)?,
        }
        self.offset += record.len() as u64;
        Ok(())
    }

    fn take_header(&mut self, record: &[u8]) -> Result<(), BadSnapshot> {
        let (covered, mut crc) = record.split_at(record.len() - 4);
        let crc = crc.get_u32_le();
        if !covered.starts_with(MAGIC) || crc32c::crc32c(covered) != crc {
            return Err(self.bad("its header is not what was written"));
        }
        let mut fields = &covered[MAGIC.len()..];
        if fields.get_u32_le() != FORMAT {
            return Err(self.bad("this version of the software does not know its format"));
        }
        if fields.get_u32_le() != self.cluster_crc {
            return Err(self.bad("it belongs to another cluster"));
        }
        let meta: Option<SnapshotMeta> = postcard::from_bytes(&covered[HEAD..]).ok();
        let meta = meta.ok_or_else(|| self.bad("its header makes no sense"))?;
        self.hasher.update(record);
        self.meta = Some((meta, crc));
        Ok(())
    }

    fn take_chunk(
        &mut self,
        record: &[u8],
        header_crc: u32,
        body: &mut impl FnMut(&[u8]),
    ) -> Result<(), BadSnapshot> {
        let (mut head, data) = record.split_at(CHUNK_HEAD);
        head.advance(4);
        if chunk_crc(header_crc, self.offset, data) != head.get_u32_le() {
            return Err(self.bad("a chunk is not what was written"));
        }
        self.hasher.update(record);
        self.body += data.len() as u64;
        body(data);
        Ok(())
    }

    fn take_end(&mut self, record: &[u8], header_crc: u32) -> Result<(), BadSnapshot> {
        let (covered, mut crc) = record.split_at(END - 4);
        let hash = *self.hasher.finalize().as_bytes();
        let mut fields = &covered[4..];
        let whole = fields.get_u64_le() == self.body && fields == hash;
        if !whole || crc32c::crc32c_append(header_crc, covered) != crc.get_u32_le() {
            return Err(self.bad("its end does not fit what stands before"));
        }
        let last = self.meta.as_ref().map(|(meta, _)| meta.base.id).unwrap_or_default();
        self.id = Some(SnapshotId { last, length: self.offset + END as u64, hash });
        Ok(())
    }

    fn bad(&self, what: &'static str) -> BadSnapshot {
        BadSnapshot { offset: self.offset, what }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::consensus::entry::Chain;
    use crate::consensus::snapshot::Base;
    use crate::consensus::types::{Incarnation, LogId, LogIndex, Membership, NodeId, Term};

    pub(in crate::storage) fn cluster() -> ClusterId {
        ClusterId::new("north").unwrap()
    }

    pub(in crate::storage) fn meta(index: u64) -> SnapshotMeta {
        let id = LogId { term: Term(2), index: LogIndex(index) };
        let voters = (1..=3).map(|n| (NodeId(n), Incarnation(u128::from(n)))).collect();
        SnapshotMeta { base: Base { id, chain: Chain(9) }, membership: Membership { voters } }
    }

    pub(in crate::storage) fn file(meta: &SnapshotMeta, body: &[u8]) -> (Vec<u8>, SnapshotId) {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&cluster(), meta.clone(), &mut out);
        body.chunks(100).for_each(|part| encoder.push(part, &mut out));
        let id = encoder.finish(&mut out);
        (out, id)
    }

    fn decode(file: &[u8], piece: usize) -> Result<(SnapshotId, SnapshotMeta, Vec<u8>), BadSnapshot> {
        let (mut decoder, mut body) = (Decoder::new(&cluster()), Vec::new());
        for part in file.chunks(piece) {
            decoder.push(part, &mut body)?;
        }
        let (id, meta) = decoder.finish()?;
        Ok((id, meta, body))
    }

    #[test]
    fn it_reads_what_it_wrote_in_pieces_of_any_size() {
        for size in [0, 1, 99, 1000] {
            let body: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (file, id) = file(&meta(7), &body);
            assert_eq!(id.length, file.len() as u64);
            for piece in [1, 3, 64, 10_000] {
                assert_eq!(decode(&file, piece), Ok((id, meta(7), body.clone())), "{size} in {piece}");
            }
        }
    }

    #[test]
    fn no_flipped_bit_no_truncation_and_nothing_behind_passes() {
        let (good, _) = file(&meta(7), &[5; 250]);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(decode(&bad, 64).is_err(), "byte {at} bit {bit}");
            }
            assert!(decode(&good[..at], 64).is_err(), "cut at {at}");
        }
        assert!(decode(&[&good[..], &[0]].concat(), 64).is_err());
    }

    #[test]
    fn another_clusters_snapshot_is_refused() {
        let (file, _) = file(&meta(7), b"x");
        let mut decoder = Decoder::new(&ClusterId::new("south").unwrap());
        let error = decoder.check(&file).unwrap_err();
        assert!(error.to_string().contains("another cluster"), "{error}");
    }

    #[test]
    fn chunks_do_not_change_places() {
        let (mut bad, _) = file(&meta(7), &[[1; 100], [2; 100]].concat());
        let first = bad.len() - END - 216;
        let (a, b) = (bad[first..first + 108].to_vec(), bad[first + 108..first + 216].to_vec());
        bad[first..first + 216].copy_from_slice(&[b, a].concat());
        assert!(decode(&bad, 64).is_err());
    }
}
