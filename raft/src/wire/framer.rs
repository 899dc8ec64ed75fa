//! Frames out of a stream's bytes, however these are cut into pieces. The prefix is checked before anything
//! is allocated for what follows, and what follows lands in one buffer that the message then shares.

use bytes::{Bytes, BytesMut};

use super::{Class, DecodeError, PREFIX, Prefix};

/// Why a stream's bytes are not its frames. Nothing behind them can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A prefix is malformed, or claims too much.
    #[error(transparent)]
    Prefix(#[from] DecodeError),
    /// It belongs on another stream.
    #[error("{kind} frame on the {class:?} stream")]
    WrongStream {
        /// What the frame carries.
        kind: &'static str,
        /// What the stream carries.
        class: Class,
    },
}

/// One stream's frames.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
}

impl Framer {
    /// What has come and is part of no frame yet: more goes to its end.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether nothing has come of the next frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next frame, once all of it has come.
    ///
    /// # Errors
    /// What has come is no frame of this class.
    pub fn next(&mut self, class: Class) -> Result<Option<(Prefix, Bytes)>, FrameError> {
        let Some(prefix) = self.prefix(class)? else { return Ok(None) };
        if self.buffer.len() < PREFIX + prefix.len {
            return Ok(None);
        }
        let frame = self.buffer.split_to(PREFIX + prefix.len).freeze();
        Ok(Some((prefix, frame.slice(PREFIX..))))
    }

    /// How many bytes to make room for: the rest of the frame, once its length is known and checked.
    ///
    /// # Errors
    /// As of [`Framer::next`].
    pub fn missing(&self, class: Class) -> Result<usize, FrameError> {
        let whole = self.prefix(class)?.map_or(PREFIX, |prefix| PREFIX + prefix.len);
        Ok(whole.saturating_sub(self.buffer.len()).max(1))
    }

    fn prefix(&self, class: Class) -> Result<Option<Prefix>, FrameError> {
        let Some(bytes) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let prefix = Prefix::parse(bytes)?;
        if prefix.kind.class() != class {
            return Err(FrameError::WrongStream { kind: prefix.kind.name(), class });
        }
        Ok(Some(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::message::{Message, PreVoteReply};
    use crate::consensus::types::Term;
    use crate::wire::{Kind, encode};

    fn frame() -> Vec<u8> {
        let reply = PreVoteReply { term: Term(8), asked: Term(9), granted: true };
        encode(&Message::PreVoteReply(reply)).to_vec()
    }

    #[test]
    fn a_frame_is_there_with_its_last_byte_and_not_before() {
        let mut framer = Framer::default();
        let frame = frame();
        for (at, byte) in frame.iter().enumerate() {
            let known = if at < PREFIX { PREFIX } else { frame.len() };
            assert_eq!(framer.missing(Class::Control), Ok(known - at));
            assert_eq!(framer.next(Class::Control), Ok(None));
            framer.buffer().extend_from_slice(&[*byte]);
        }
        // A reader makes room for something, whatever is there.
        assert_eq!(framer.missing(Class::Control), Ok(1));
        framer.buffer().extend_from_slice(&frame[..3]);
        let (prefix, payload) = framer.next(Class::Control).unwrap().unwrap();
        assert_eq!((prefix.kind, &payload[..]), (Kind::PreVoteReply, &frame[PREFIX..]));
        assert_eq!(&framer.buffer()[..], &frame[..3]);
        assert!(!framer.is_empty());
    }

    #[test]
    fn another_streams_frame_is_refused_by_its_prefix_and_so_is_nonsense() {
        let mut framer = Framer::default();
        framer.buffer().extend_from_slice(&frame()[..PREFIX]);
        let wrong = FrameError::WrongStream { kind: "PreVoteReply", class: Class::Log };
        assert_eq!(framer.next(Class::Log), Err(wrong.clone()));
        assert_eq!(framer.missing(Class::Log), Err(wrong));
        let mut framer = Framer::default();
        framer.buffer().extend_from_slice(&[0; PREFIX]);
        assert!(matches!(framer.next(Class::Log), Err(FrameError::Prefix(_))));
    }
}
