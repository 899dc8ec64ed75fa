//! The frames of the bare pipeline: `len u32le · kind u8 · number u64le · body`, where `len` counts what follows it.
//! An entry is the same bytes on the wire, in the log and where it waits to be committed.

use std::ops::Range;

use anyhow::{Result, ensure};
use bytes::{BufMut, BytesMut};
use raft::checksum::{crc32c, crc32c_append};

/// Bytes before the body.
pub(super) const HEAD: usize = 4 + 1 + 8;
/// A longer frame is none.
const MAX_FRAME: usize = 2 << 20;

/// What a frame says, and what its number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Client to leader; the request. Body: [`pair`].
    Put = 1,
    /// Client to leader; the request. Body: the key.
    Get = 2,
    /// Leader to client; the request.
    Written = 3,
    /// Leader to client; the request. Body: the value.
    Found = 4,
    /// Leader to client; the request.
    NotFound = 5,
    /// Leader to follower; the entry. Body: `crc u32le`, then that of the put.
    Entry = 6,
    /// Leader to follower; the last entry that is committed.
    Committed = 7,
    /// Leader to follower; the round of reads.
    Ping = 8,
    /// Follower to leader; the last entry that is durable.
    Durable = 9,
    /// Follower to leader; the round of reads.
    Echo = 10,
}

const KINDS: [Kind; 10] = [
    Kind::Put,
    Kind::Get,
    Kind::Written,
    Kind::Found,
    Kind::NotFound,
    Kind::Entry,
    Kind::Committed,
    Kind::Ping,
    Kind::Durable,
    Kind::Echo,
];

/// A frame where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) body: &'a [u8],
    /// Where all of it lies in what it was read from.
    pub(super) place: Range<usize>,
}

/// Appends a frame; `body` in parts.
pub(super) fn put_frame(into: &mut BytesMut, kind: Kind, number: u64, body: &[&[u8]]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    into.reserve(HEAD + length);
    // What is too long for its length is refused by whoever reads it.
    into.put_u32_le(u32::try_from(HEAD - 4 + length).unwrap_or(u32::MAX));
    into.put_u8(kind as u8);
    into.put_u64_le(number);
    body.iter().for_each(|part| into.put_slice(part));
}

/// Appends an entry of a put's body.
pub(super) fn put_entry(into: &mut BytesMut, number: u64, put: &[u8]) {
    put_frame(into, Kind::Entry, number, &[&checksum(number, put).to_le_bytes(), put]);
}

/// The body of the put that an entry was made of, if the entry is whole.
pub(super) fn put_of<'a>(entry: &Frame<'a>) -> Result<&'a [u8]> {
    let (sum, put) = integer(entry.body)?;
    ensure!(sum == checksum(entry.number, put), "entry {} does not match its checksum", entry.number);
    Ok(put)
}

/// As [`put_of`], of an entry that was checked before.
pub(super) fn checked_put_of<'a>(entry: &Frame<'a>) -> Result<&'a [u8]> {
    Ok(integer(entry.body)?.1)
}

/// Key and value of a put: `key length u32le · key · value`.
pub(super) fn pair(put: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = integer(put)?;
    let length = length as usize;
    ensure!(length <= rest.len(), "a key of {length} bytes in a put with {} left", rest.len());
    Ok(rest.split_at(length))
}

/// The whole frames in `bytes`, which must be nothing else; see [`whole`].
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == bytes.len() {
            return None;
        }
        let frame = frame_at(bytes, at);
        at = frame.as_ref().map_or(bytes.len(), |frame| frame.place.end);
        Some(frame)
    })
}

/// How many bytes from the start are whole frames.
pub(super) fn whole(bytes: &[u8]) -> Result<usize> {
    let mut end = 0;
    while let Some(length) = length_at(bytes, end)? {
        if bytes.len() < end + length {
            break;
        }
        end += length;
    }
    Ok(end)
}

fn frame_at(bytes: &[u8], at: usize) -> Result<Frame<'_>> {
    let length = length_at(bytes, at)?.filter(|length| at + length <= bytes.len());
    let Some(length) = length else { anyhow::bail!("a frame is cut off at byte {at} of {}", bytes.len()) };
    let (place, frame) = (at..at + length, &bytes[at..at + length]);
    let kind = usize::from(frame[4]).checked_sub(1).and_then(|kind| KINDS.get(kind));
    let Some(kind) = kind else { anyhow::bail!("there is no kind {} of frame", frame[4]) };
    let mut number = [0; 8];
    number.copy_from_slice(&frame[5..HEAD]);
    Ok(Frame { kind: *kind, number: u64::from_le_bytes(number), body: &frame[HEAD..], place })
}

/// Bytes of the frame that begins at `at`, if its length is there.
fn length_at(bytes: &[u8], at: usize) -> Result<Option<usize>> {
    let Ok((length, _)) = integer(&bytes[at..]) else { return Ok(None) };
    let length = 4 + length as usize;
    ensure!((HEAD..=MAX_FRAME).contains(&length), "a frame of {length} bytes");
    Ok(Some(length))
}

fn integer(bytes: &[u8]) -> Result<(u32, &[u8])> {
    match bytes.split_first_chunk() {
        Some((first, rest)) => Ok((u32::from_le_bytes(*first), rest)),
        None => anyhow::bail!("{} bytes where four were due", bytes.len()),
    }
}

fn checksum(number: u64, put: &[u8]) -> u32 {
    crc32c_append(crc32c(&number.to_le_bytes()), put)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8], value: &[u8]) -> Vec<u8> {
        let length = u32::try_from(key.len()).unwrap().to_le_bytes();
        [&length, key, value].concat()
    }

    #[test]
    fn every_kind_comes_back() {
        let mut bytes = BytesMut::new();
        for (number, kind) in (u64::MAX - 20..).zip(KINDS) {
            put_frame(&mut bytes, kind, number, &[b"bo", b"dy"]);
        }
        let read: Vec<_> = frames(&bytes).map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|frame| frame.kind).collect::<Vec<_>>(), KINDS);
        assert!(read.iter().all(|frame| frame.body == b"body"));
        assert_eq!((read[9].number, read[9].place.end), (u64::MAX - 11, bytes.len()));
    }

    #[test]
    fn of_a_cut_stream_only_whole_frames_are_taken() {
        let mut bytes = BytesMut::new();
        put_frame(&mut bytes, Kind::Get, 1, &[b"key"]);
        let first = bytes.len();
        put_frame(&mut bytes, Kind::Written, 2, &[]);
        for cut in 0..bytes.len() {
            assert_eq!(whole(&bytes[..cut]).unwrap(), if cut < first { 0 } else { first }, "{cut}");
        }
        assert_eq!(whole(&bytes).unwrap(), bytes.len());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert!(whole(&[8, 0, 0, 0]).is_err(), "shorter than its own head");
        assert!(whole(&u32::MAX.to_le_bytes()).is_err());
        let mut bytes = BytesMut::new();
        put_frame(&mut bytes, Kind::Get, 1, &[]);
        for kind in [0, 11] {
            bytes[4] = kind;
            assert!(frames(&bytes).next().unwrap().is_err());
        }
    }

    #[test]
    fn an_entry_that_changed_on_its_way_is_noticed() {
        let mut bytes = BytesMut::new();
        put_entry(&mut bytes, 7, &put(b"key", b"value"));
        let entry = |bytes: &[u8]| put_of(&frames(bytes).next().unwrap().unwrap()).map(<[u8]>::to_vec);
        assert_eq!(pair(&entry(&bytes).unwrap()).unwrap(), (&b"key"[..], &b"value"[..]));
        for at in 5..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(entry(&changed).is_err(), "{at}");
        }
        assert!(pair(&[9, 0, 0, 0, b'k']).is_err(), "the key is longer than the put");
    }
}
