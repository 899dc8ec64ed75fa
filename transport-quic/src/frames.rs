//! Reading frames from a stream.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quinn::{ReadError, RecvStream};
use raft::wire::{Class, DecodeError, FrameError, Framer, PREFIX, Prefix};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::hello;
use crate::purpose::Purpose;
use crate::refusal::{Refusal, Refused};

/// Read at a time, in bytes, unless a longer frame is under way.
const CHUNK: usize = 32 << 10;

/// Why a stream will not be read any further.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The connection is gone.
    Lost,
    /// The peer did what no correct peer does.
    Refused(Refused),
    /// The node that the frames are for has ended.
    NodeEnded,
}

impl From<Refused> for ReadEnd {
    fn from(refused: Refused) -> ReadEnd {
        ReadEnd::Refused(refused)
    }
}

/// One stream's frames.
pub(crate) struct FrameReader {
    stream: RecvStream,
    framer: Framer,
    limit: Duration,
}

impl FrameReader {
    /// `limit` is how long a frame may take to arrive once begun.
    pub(crate) fn new(stream: RecvStream, limit: Duration) -> FrameReader {
        FrameReader { stream, framer: Framer::default(), limit }
    }

    /// The next frame; waits for its first byte without limit, since silence is what the
    /// connection's idle timeout is for. Cancelled, nothing is lost.
    pub(crate) async fn next(&mut self, class: Class) -> Result<(Prefix, Bytes), ReadEnd> {
        if self.framer.is_empty() {
            self.read_some(1).await?;
        }
        if let Some(frame) = self.framer.next(class).map_err(refused)? {
            return Ok(frame);
        }
        let deadline = Instant::now() + self.limit;
        loop {
            let missing = self.framer.missing(class).map_err(refused)?;
            timeout_at(deadline, self.read_some(missing)).await.map_err(|_| self.too_slow())??;
            if let Some(frame) = self.framer.next(class).map_err(refused)? {
                return Ok(frame);
            }
        }
    }

    /// A Hello, which must come first, and what it says that the connection is for. The caller sets the
    /// deadline.
    pub(crate) async fn greeting<T: DeserializeOwned>(&mut self) -> Result<(Purpose, T), ReadEnd> {
        while self.framer.buffer().len() < PREFIX {
            self.read_some(PREFIX).await?;
        }
        let kind = self.framer.buffer()[4];
        // What is none of these, `hello` refuses.
        let purpose = Purpose::ALL.into_iter().find(|purpose| kind == purpose.hello());
        let purpose = purpose.unwrap_or(Purpose::Messages);
        Ok((purpose, self.hello(purpose.hello()).await?))
    }

    /// A Hello or HelloAck, which must come first. The caller sets the deadline.
    pub(crate) async fn hello<T: DeserializeOwned>(&mut self, kind: u8) -> Result<T, ReadEnd> {
        let refused = |error: hello::HelloError| ReadEnd::Refused(error.into());
        loop {
            let mut wanted = PREFIX;
            let buffer = self.framer.buffer();
            if let Some(prefix) = buffer.first_chunk::<PREFIX>() {
                wanted += hello::parse_prefix(kind, *prefix).map_err(refused)?;
                if buffer.len() >= wanted {
                    let frame = buffer.split_to(wanted);
                    return hello::decode(&frame[PREFIX..]).map_err(refused);
                }
            }
            self.read_some(wanted).await?;
        }
    }

    async fn read_some(&mut self, wanted: usize) -> Result<(), ReadEnd> {
        let buffer = self.framer.buffer();
        if buffer.capacity() - buffer.len() < wanted.max(CHUNK / 8) {
            buffer.reserve(wanted.max(CHUNK));
        }
        read_into(&mut self.stream, buffer).await
    }

    fn too_slow(&self) -> ReadEnd {
        let text = format!("a frame was begun and did not arrive within {:?}", self.limit);
        Refused::new(Refusal::FrameTimeout, text).into()
    }
}

/// What a stream that does not hold its frames costs its sender.
fn refused(error: FrameError) -> ReadEnd {
    match error {
        FrameError::Prefix(error) => malformed(&error).into(),
        FrameError::WrongStream { .. } => Refused::new(Refusal::WrongStream, error.to_string()).into(),
    }
}

/// What a frame that cannot be decoded costs its sender.
pub(crate) fn malformed(error: &DecodeError) -> Refused {
    let why = match error {
        DecodeError::TooLong { .. } | DecodeError::TooManyEntries { .. } => Refusal::OversizedFrame,
        _ => Refusal::MalformedFrame,
    };
    Refused::new(why, error.to_string())
}

async fn read_into(stream: &mut RecvStream, buffer: &mut BytesMut) -> Result<(), ReadEnd> {
    let ended = |what: &str| Refused::new(Refusal::StreamMisuse, format!("a stream {what}"));
    match tokio::io::AsyncReadExt::read_buf(stream, buffer).await {
        Ok(0) => Err(ended("was finished").into()),
        Ok(_) => Ok(()),
        Err(error) => match error.get_ref().and_then(|e| e.downcast_ref::<ReadError>()) {
            Some(ReadError::Reset(_)) => Err(ended("was reset").into()),
            _ => Err(ReadEnd::Lost),
        },
    }
}
