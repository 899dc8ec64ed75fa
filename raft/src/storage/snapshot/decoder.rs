//! Checks a snapshot's bytes as they come, in pieces of any size. Nothing here trusts a byte that it reads.

use bytes::Buf;

use super::foreign::Header;
use super::format::{BadSnapshot, CHUNK, CHUNK_HEAD, END, FIELD, FORMAT, HEAD, META, chunk_seed};
use crate::checksum::{crc32c, crc32c_append};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;

/// Bytes of a chunk's data are checked where they lie; of all else no more than one record is kept.
#[derive(Clone)]
pub(super) struct Decoder {
    cluster_crc: u32,
    hasher: blake3::Hasher,
    /// Of the header, once that was read.
    meta: Option<(SnapshotMeta, u32)>,
    /// Begun and not whole: the header, a chunk's head, or the end.
    record: Vec<u8>,
    /// The chunk whose data comes.
    chunk: Option<Chunk>,
    /// Where the record begins in the file.
    offset: u64,
    body: u64,
    id: Option<SnapshotId>,
}

#[derive(Clone, Hash)]
struct Chunk {
    /// Bytes of its data that have come.
    here: usize,
    /// Bytes of its data that have not.
    left: usize,
    /// Of what has come.
    crc: u32,
    /// Of the whole, as its head says.
    expected: u32,
}

impl std::hash::Hash for Decoder {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        let Decoder { cluster_crc, hasher: content, meta, record, chunk, offset, body, id } = self;
        (cluster_crc, content.finalize().as_bytes(), meta, record, chunk, offset, body, id).hash(hasher);
    }
}

impl Decoder {
    pub(super) fn new(cluster: &ClusterId) -> Decoder {
        Decoder {
            cluster_crc: crc32c(cluster.as_str().as_bytes()),
            hasher: blake3::Hasher::new(),
            meta: None,
            record: Vec::new(),
            chunk: None,
            offset: 0,
            body: 0,
            id: None,
        }
    }

    /// Takes the next bytes, to be checked only.
    pub(super) fn check(&mut self, data: &[u8]) -> Result<(), BadSnapshot> {
        self.take(data, |_| {})
    }

    /// Takes the next bytes; those of the body go to the end of `body`, where the last
    /// [`unproven`](Self::unproven) ones are not known to be intact yet.
    pub(super) fn push(&mut self, data: &[u8], body: &mut Vec<u8>) -> Result<(), BadSnapshot> {
        self.take(data, |part| body.extend_from_slice(part))
    }

    /// Bytes of the body that have come, of a chunk that is not whole.
    pub(super) fn unproven(&self) -> usize {
        self.chunk.as_ref().map_or(0, |chunk| chunk.here)
    }

    /// The file has ended.
    pub(super) fn finish(self) -> Result<(SnapshotId, SnapshotMeta), BadSnapshot> {
        match (self.id, self.meta) {
            (Some(id), Some((meta, _))) => Ok((id, meta)),
            _ => Err(BadSnapshot { offset: self.offset, what: "it ends before its end" }),
        }
    }

    fn take(&mut self, data: &[u8], mut body: impl FnMut(&[u8])) -> Result<(), BadSnapshot> {
        // Of the record, from earlier pieces; not hashed, since the file's end is not.
        let mut held = self.record.len();
        let mut rest = data;
        while !rest.is_empty() {
            let missing = match &self.chunk {
                Some(chunk) => chunk.left,
                None => self.wanted()? - self.record.len(),
            };
            debug_assert!(missing > 0, "what is whole was taken");
            let (part, behind) = rest.split_at(rest.len().min(missing));
            rest = behind;
            if let Some(chunk) = &mut self.chunk {
                chunk.take(part);
                body(part);
                self.end_chunk()?;
            } else {
                self.record.extend_from_slice(part);
                if self.record.len() == self.wanted()? {
                    self.take_record(std::mem::take(&mut held), &data[..data.len() - rest.len()])?;
                }
            }
        }
        if self.id.is_none() {
            // All at once: hashing is several times as fast where it need not stop within a KiB.
            self.hasher.update(&data[..data.len().saturating_sub(self.record.len())]);
        }
        Ok(())
    }

    /// Bytes of the record, as far as what is there of it says.
    fn wanted(&self) -> Result<usize, BadSnapshot> {
        let field = |at: usize| {
            let mut bytes = self.record.get(at..at + FIELD)?;
            Some(bytes.get_u32_le() as usize)
        };
        if self.id.is_some() {
            return Err(self.bad("bytes follow its end"));
        }
        if self.meta.is_none() {
            return match field(HEAD - FIELD) {
                None => Ok(HEAD),
                Some(meta) if meta > META => Err(self.bad("its header is not what was written")),
                Some(meta) => Ok(HEAD + meta + 4),
            };
        }
        match field(0) {
            None => Ok(FIELD),
            Some(0) => Ok(END),
            Some(length) if length > CHUNK => Err(self.bad("a chunk's length is not what was written")),
            Some(_) => Ok(CHUNK_HEAD),
        }
    }

    /// The record is whole; its first `held` bytes came earlier, and `piece` ends with the others.
    fn take_record(&mut self, held: usize, piece: &[u8]) -> Result<(), BadSnapshot> {
        let mut record = std::mem::take(&mut self.record);
        match self.meta.as_ref().map(|(_, crc)| *crc) {
            Some(header_crc) if record.starts_with(&[0; FIELD]) => {
                self.hasher.update(&piece[..piece.len() - (END - held)]);
                self.take_end(&record, header_crc)?;
            }
            known => {
                self.hasher.update(&record[..held]);
                match known {
                    None => self.take_header(&record)?,
                    Some(header_crc) => self.begin_chunk(&record, header_crc),
                }
            }
        }
        record.clear();
        self.record = record;
        Ok(())
    }

    fn take_header(&mut self, record: &[u8]) -> Result<(), BadSnapshot> {
        let header = Header::read(record).ok_or_else(|| self.bad("its header is not what was written"))?;
        if header.format != FORMAT {
            return Err(self.bad("this version of the software does not know its format"));
        }
        if header.cluster_crc != self.cluster_crc {
            return Err(self.bad("it belongs to another cluster"));
        }
        let meta: Option<SnapshotMeta> = postcard::from_bytes(&record[HEAD..record.len() - FIELD]).ok();
        let meta = meta.ok_or_else(|| self.bad("its header makes no sense"))?;
        self.meta = Some((meta, header.crc));
        self.offset += record.len() as u64;
        Ok(())
    }

    fn begin_chunk(&mut self, mut head: &[u8], header_crc: u32) {
        let left = head.get_u32_le() as usize;
        let crc = chunk_seed(header_crc, self.offset);
        self.chunk = Some(Chunk { here: 0, left, crc, expected: head.get_u32_le() });
    }

    fn end_chunk(&mut self) -> Result<(), BadSnapshot> {
        let Some(chunk) = self.chunk.take_if(|chunk| chunk.left == 0) else { return Ok(()) };
        if chunk.crc != chunk.expected {
            return Err(self.bad("a chunk is not what was written"));
        }
        self.body += chunk.here as u64;
        self.offset += (CHUNK_HEAD + chunk.here) as u64;
        Ok(())
    }

    fn take_end(&mut self, record: &[u8], header_crc: u32) -> Result<(), BadSnapshot> {
        let (covered, mut crc) = record.split_at(END - 4);
        let hash = *self.hasher.finalize().as_bytes();
        let mut fields = &covered[FIELD..];
        let whole = fields.get_u64_le() == self.body && fields == hash;
        if !whole || crc32c_append(header_crc, covered) != crc.get_u32_le() {
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

impl Chunk {
    fn take(&mut self, part: &[u8]) {
        self.crc = crc32c_append(self.crc, part);
        self.here += part.len();
        self.left -= part.len();
    }
}
