//! What a snapshot holds: the sessions and the state machine's own bytes, as a stream in and out.

use std::io::{self, Read, Write};

use bytes::Bytes;

use super::decoder::Decoder;
use super::format::Encoder;
use crate::consensus::snapshot::{SnapshotId, SnapshotMeta};
use crate::consensus::types::ClusterId;
use crate::session::MAX_ENCODED;
use crate::state_machine::Snapshot;

/// Bytes handed over at once.
const BLOCK: usize = 1 << 20;
/// Bytes of encoded sessions, at most.
const SESSIONS: u64 = 1 << 30;
const _: () = assert!(MAX_ENCODED <= SESSIONS, "what sessions keep must be read again");

/// Writes a whole snapshot as blocks of its file, each handed to `sink`.
///
/// # Errors
/// Sessions that would not be read again; those of the state machine's own writing, and of `sink`.
pub fn write(
    cluster: &ClusterId,
    meta: SnapshotMeta,
    sessions: &[u8],
    view: &impl Snapshot,
    sink: impl FnMut(Bytes) -> io::Result<()>,
) -> io::Result<SnapshotId> {
    if sessions.len() as u64 > SESSIONS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the sessions are too long to be read again",
        ));
    }
    let mut block = Vec::with_capacity(BLOCK);
    let encoder = Encoder::new(cluster, meta, &mut block);
    let mut body = Body { encoder, block, sink };
    body.write_all(&(sessions.len() as u64).to_le_bytes())?;
    body.write_all(sessions)?;
    view.write_to(&mut body)?;
    body.finish()
}

struct Body<F> {
    encoder: Encoder,
    block: Vec<u8>,
    sink: F,
}

impl<F: FnMut(Bytes) -> io::Result<()>> Write for Body<F> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = &data[..data.len().min(BLOCK)];
        self.encoder.push(data, &mut self.block);
        for _ in 0..self.block.len() / BLOCK {
            let rest = self.block.split_off(BLOCK);
            let full = std::mem::replace(&mut self.block, rest);
            (self.sink)(Bytes::from(full))?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(Bytes) -> io::Result<()>> Body<F> {
    fn finish(mut self) -> io::Result<SnapshotId> {
        let id = self.encoder.finish(&mut self.block);
        (self.sink)(Bytes::from(self.block))?;
        Ok(id)
    }
}

/// The body of a snapshot whose file comes in pieces; everything is checked once more before it is handed on.
/// The first error is the last word: each later read fails as well.
pub struct Reader<F> {
    state: State,
    body: Vec<u8>,
    /// Handed on.
    taken: usize,
    /// Known to be intact.
    intact: usize,
    next: F,
}

enum State {
    Reading(Box<Decoder>),
    /// To its end, and all of it intact.
    Whole,
    Failed(io::ErrorKind, String),
}

impl<F: FnMut() -> io::Result<Option<Bytes>>> Reader<F> {
    /// `next` gives the next piece of the file, none at its end.
    pub fn new(cluster: &ClusterId, next: F) -> Reader<F> {
        let state = State::Reading(Box::new(Decoder::new(cluster)));
        Reader { state, body: Vec::new(), taken: 0, intact: 0, next }
    }

    /// The encoded sessions, with which the body begins.
    ///
    /// # Errors
    /// What is read is damaged, or too long to be sessions.
    pub fn sessions(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut sessions = Vec::new();
        // Grows with what is there, not with what is claimed.
        let read = self.by_ref().take(length.min(SESSIONS)).read_to_end(&mut sessions)?;
        if read as u64 == length {
            Ok(sessions)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the sessions are longer than what is there"))
        }
    }

    /// Reads to the end, where the whole is checked.
    ///
    /// # Errors
    /// Any part of the file is damaged or missing, whether it was read before or not.
    pub fn finish(&mut self) -> io::Result<()> {
        loop {
            self.taken = self.intact;
            match &self.state {
                State::Reading(_) => self.advance()?,
                State::Whole => return Ok(()),
                State::Failed(kind, why) => return Err(io::Error::new(*kind, why.clone())),
            }
        }
    }

    /// Takes the next piece, once all of the last was handed on.
    fn advance(&mut self) -> io::Result<()> {
        let advanced = self.take_piece();
        if let Err(error) = &advanced {
            if error.kind() == io::ErrorKind::InvalidData
                && crate::seeded_bug!("snapshot-read-on-after-damage")
            {
                self.intact = self.body.len();
                return Ok(());
            }
            self.body.clear();
            (self.taken, self.intact) = (0, 0);
            self.state = State::Failed(error.kind(), error.to_string());
        }
        advanced
    }

    fn take_piece(&mut self) -> io::Result<()> {
        let bad = |bad: super::BadSnapshot| io::Error::new(io::ErrorKind::InvalidData, bad);
        self.body.drain(..self.taken);
        (self.taken, self.intact) = (0, 0);
        let piece = (self.next)()?;
        if let (State::Reading(decoder), Some(piece)) = (&mut self.state, &piece) {
            decoder.push(piece, &mut self.body).map_err(bad)?;
            self.intact = self.body.len() - decoder.unproven();
        } else if let State::Reading(decoder) = std::mem::replace(&mut self.state, State::Whole) {
            decoder.finish().map_err(bad)?;
        }
        Ok(())
    }
}

impl<F: FnMut() -> io::Result<Option<Bytes>>> Read for Reader<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.intact {
            match &self.state {
                State::Reading(_) => self.advance()?,
                State::Whole => return Ok(0),
                State::Failed(kind, why) => return Err(io::Error::new(*kind, why.clone())),
            }
        }
        let part = &self.body[self.taken..self.intact];
        let length = into.len().min(part.len());
        into[..length].copy_from_slice(&part[..length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::tests::{cluster, meta};
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let state = Bytes::from(vec![3; 3 << 20]);
        let mut file: Vec<Bytes> = Vec::new();
        let id = write(&cluster(), meta(5), b"sessions", &state, |block| {
            file.push(block);
            Ok(())
        });
        assert_eq!(id.unwrap().length, file.iter().map(|block| block.len() as u64).sum::<u64>());
        let (last, full) = file.split_last().unwrap();
        assert!(full.len() == 3 && full.iter().all(|block| block.len() == 1 << 20) && last.len() < 1 << 20);
        let mut pieces = file.into_iter();
        let mut reader = Reader::new(&cluster(), || Ok(pieces.next()));
        assert_eq!(reader.sessions().unwrap(), b"sessions");
        let mut rest = Vec::new();
        read_on(&mut reader, &mut rest).unwrap();
        assert_eq!(rest, state);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the end stays the end");
    }

    /// More than any body here holds.
    const ENDLESS: u64 = 8 << 20;

    /// Reads to the end, which must come.
    fn read_on(reader: &mut impl Read, body: &mut Vec<u8>) -> io::Result<()> {
        let read = reader.take(ENDLESS).read_to_end(body)?;
        assert!((read as u64) < ENDLESS, "it never ends");
        Ok(())
    }

    /// The file of a state, its sessions empty.
    fn written(state: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        write(&cluster(), meta(5), b"", &Bytes::copy_from_slice(state), |block| {
            file.extend_from_slice(&block);
            Ok(())
        })
        .unwrap();
        file
    }

    /// Read on after the damage, these bytes make a chunk of 256 bytes, again and again.
    #[test]
    fn of_a_damaged_chunk_nothing_is_handed_on() {
        let mut file = written(&[0, 1, 0, 0].repeat(40 << 10));
        // In the second chunk of 64 KiB, near its end.
        file[120 << 10] ^= 1;
        for size in [1000, 4096, 100 << 10, 1 << 20] {
            let mut pieces = file.chunks(size);
            let mut reader = Reader::new(&cluster(), || Ok(pieces.next().map(Bytes::copy_from_slice)));
            let mut body = Vec::new();
            read_on(&mut reader, &mut body).unwrap_err();
            let intact = body.len();
            // The length of the sessions is a chunk of its own.
            assert!([0, 8 + (64 << 10)].contains(&intact), "{size}: {intact}");
            for _ in 0..3 {
                read_on(&mut reader, &mut body).unwrap_err();
            }
            assert_eq!(body.len(), intact, "{size}");
            io::copy(&mut reader.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
        }
    }

    #[test]
    fn after_an_error_there_is_no_clean_end() {
        let file = written(b"state");
        let cut = Bytes::from(file).slice(..60);
        let mut pieces = vec![Ok(Some(cut.clone())), Ok(None)].into_iter();
        let mut ended = Reader::new(&cluster(), || pieces.next().unwrap_or(Ok(None)));
        read_on(&mut ended, &mut Vec::new()).unwrap_err();
        io::copy(&mut ended.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
        let mut pieces = vec![Ok(Some(cut)), Err(io::Error::other("a bad sector"))].into_iter();
        let mut failed = Reader::new(&cluster(), || pieces.next().unwrap_or(Ok(None)));
        read_on(&mut failed, &mut Vec::new()).unwrap_err();
        io::copy(&mut failed.by_ref().take(ENDLESS), &mut io::sink()).unwrap_err();
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let sessions = vec![0; usize::try_from(SESSIONS).unwrap() + 1];
        let refused = |sessions: &[u8]| {
            let mut blocks = 0;
            let written = write(&cluster(), meta(5), sessions, &Bytes::new(), |_| {
                blocks += 1;
                Err(io::Error::other("that was not refused"))
            });
            (written.unwrap_err().kind(), blocks)
        };
        assert_eq!(refused(&sessions), (io::ErrorKind::InvalidInput, 0));
        assert_eq!(refused(&sessions[1..]), (io::ErrorKind::Other, 1), "just as many as are read");
    }

    #[test]
    fn what_nobody_reads_is_checked_as_well() {
        let file = written(&[7; 200 << 10]);
        for damage in [None, Some(100), Some(150 << 10), Some(file.len() - 1)] {
            let mut file = file.clone();
            damage.into_iter().for_each(|at| file[at] ^= 1);
            let mut pieces = file.chunks(1000);
            let mut reader = Reader::new(&cluster(), || Ok(pieces.next().map(Bytes::copy_from_slice)));
            assert_eq!(reader.finish().is_err(), damage.is_some(), "{damage:?}");
            assert_eq!(reader.finish().is_err(), damage.is_some(), "{damage:?}, asked again");
            assert_eq!(reader.read(&mut [0]).ok(), Some(0).filter(|_| damage.is_none()), "{damage:?}");
        }
    }

    #[test]
    fn a_cut_file_is_an_error_and_so_is_an_absurd_length() {
        let mut file = written(b"x");
        file.truncate(file.len() - 1);
        let mut pieces = vec![Bytes::from(file)].into_iter();
        let mut reader = Reader::new(&cluster(), || Ok(pieces.next()));
        reader.sessions().unwrap();
        assert!(read_on(&mut reader, &mut Vec::new()).is_err());
    }
}
