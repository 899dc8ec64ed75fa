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

use bytes::BufMut;

use crate::checksum::{crc32c, crc32c_append};
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;

/// The newest format that is known here.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a chunk's data, at most.
pub(super) const CHUNK: usize = 256 << 10;
/// Bytes of a chunk's data, as they are written: several in what is read or received at once.
const WRITTEN: usize = 64 << 10;
/// Bytes of the meta, at most: what a membership of some thousand nodes takes.
pub(super) const META: usize = 64 << 10;
pub(super) const MAGIC: &[u8; 8] = b"raftsnap";
/// Bytes of a length.
pub(super) const FIELD: usize = 4;
/// Bytes of the header before the meta.
pub(super) const HEAD: usize = 20;
/// Bytes of a chunk before its data.
pub(super) const CHUNK_HEAD: usize = 8;
pub(super) const END: usize = 48;

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
        out.put_u32_le(crc32c(cluster.as_str().as_bytes()));
        out.put_u32_le(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
        out.put_slice(&encoded);
        let header_crc = crc32c(&out[start..]);
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
            out.put_u32_le(crc32c_append(chunk_seed(self.header_crc, self.length), chunk));
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
        out.put_u32_le(crc32c_append(self.header_crc, &out[start..]));
        SnapshotId { last: self.meta.base.id, length: self.length + END as u64, hash }
    }
}

/// Where a chunk's checksum starts from.
pub(super) fn chunk_seed(header_crc: u32, offset: u64) -> u32 {
    crc32c_append(header_crc, &offset.to_le_bytes())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::decoder::Decoder;
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

    /// Nobody has to bring a byte of what is longer.
    #[test]
    fn lengths_have_limits_that_are_looked_at_first() {
        let (file, _) = file(&meta(7), b"");
        let header = &file[..file.len() - END];
        for (length, refused) in [(CHUNK - 1, false), (CHUNK, false), (CHUNK + 1, true)] {
            let mut decoder = Decoder::new(&cluster());
            decoder.check(header).unwrap();
            let checked = decoder.check(&u32::try_from(length).unwrap().to_le_bytes());
            let at = u64::try_from(header.len()).unwrap();
            assert_eq!(checked.err().map(|bad| bad.offset), Some(at).filter(|_| refused), "{length}");
        }
        for (length, refused) in [(META - 1, false), (META, false), (META + 1, true)] {
            let mut head = header[..HEAD].to_vec();
            head[HEAD - FIELD..].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            let checked = Decoder::new(&cluster()).check(&head);
            assert_eq!(checked.err().map(|bad| bad.offset), Some(0).filter(|_| refused), "{length}");
        }
    }

    /// Its own checksum is right: what it says of the rest is not.
    #[test]
    fn an_end_that_speaks_of_another_body_is_refused() {
        let (good, _) = file(&meta(7), &[5; 250]);
        let header = HEAD + usize::from(good[HEAD - FIELD]);
        let header_crc = crc32c(&good[..header]);
        let end = good.len() - END;
        for (flipped, refused) in [(None, false), (Some(FIELD), true), (Some(FIELD + 8), true)] {
            let mut file = good.clone();
            flipped.into_iter().for_each(|at| file[end + at] ^= 1);
            let crc = crc32c_append(header_crc, &file[end..good.len() - FIELD]);
            file[good.len() - FIELD..].copy_from_slice(&crc.to_le_bytes());
            let refusal = decode(&file, 64).err();
            assert_eq!(refusal.map(|bad| bad.offset), Some(end as u64).filter(|_| refused), "{flipped:?}");
        }
    }

    /// For who remembers states by their hashes.
    #[test]
    fn decoders_that_have_read_other_bytes_have_other_hashes() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let (file, _) = file(&meta(7), &[5; 250]);
        let hash = |read: usize| {
            let mut decoder = Decoder::new(&cluster());
            decoder.check(&file[..read]).unwrap();
            let mut hasher = DefaultHasher::new();
            decoder.hash(&mut hasher);
            hasher.finish()
        };
        let hashes: std::collections::BTreeSet<u64> = (0..=file.len()).map(hash).collect();
        assert_eq!(hashes.len(), file.len() + 1);
        assert_eq!(hash(9), hash(9));
    }

    #[test]
    fn a_chunk_of_the_longest_kind_is_read() {
        let data = vec![3; CHUNK];
        let (empty, _) = file(&meta(7), b"");
        let mut file = empty[..empty.len() - END].to_vec();
        let (start, header_crc) = (file.len(), crc32c(&file[..file.len() - FIELD]));
        file.put_u32_le(u32::try_from(CHUNK).unwrap());
        file.put_u32_le(crc32c_append(chunk_seed(header_crc, start as u64), &data));
        let mut decoder = Decoder::new(&cluster());
        decoder.check(&file).unwrap();
        let mut body = Vec::new();
        decoder.push(&data[1..], &mut body).unwrap();
        assert_eq!((body.len(), decoder.unproven()), (CHUNK - 1, CHUNK - 1));
        decoder.push(&data[..1], &mut body).unwrap();
        assert_eq!((body.len(), decoder.unproven()), (CHUNK, 0));
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
