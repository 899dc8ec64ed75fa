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
mod tests;
