//! Reading frames from a stream: the prefix is checked before anything is allocated for what
//! follows, and what follows lands in one buffer that the message then shares.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quinn::{ReadError, RecvStream};
use raft::wire::{Class, DecodeError, PREFIX, Prefix};
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
    buffer: BytesMut,
    limit: Duration,
}

impl FrameReader {
    /// `limit` is how long a frame may take to arrive once begun.
    pub(crate) fn new(stream: RecvStream, limit: Duration) -> FrameReader {
        FrameReader { stream, buffer: BytesMut::new(), limit }
    }

    /// The next frame; waits for its first byte without limit, since silence is what the
    /// connection's idle timeout is for. Cancelled, nothing is lost.
    pub(crate) async fn next(&mut self, class: Class) -> Result<(Prefix, Bytes), ReadEnd> {
        if self.buffer.is_empty() {
            self.read_some(1).await?;
        }
        if let Some(frame) = self.parse(class)? {
            return Ok(frame);
        }
        let deadline = Instant::now() + self.limit;
        loop {
            let missing = self.missing(class)?;
            timeout_at(deadline, self.read_some(missing)).await.map_err(|_| self.too_slow())??;
            if let Some(frame) = self.parse(class)? {
                return Ok(frame);
            }
        }
    }

    /// A Hello, which must come first, and what it says that the connection is for. The caller sets the
    /// deadline.
    pub(crate) async fn greeting<T: DeserializeOwned>(&mut self) -> Result<(Purpose, T), ReadEnd> {
        while self.buffer.len() < PREFIX {
            self.read_some(PREFIX).await?;
        }
        // What is none of these, `hello` refuses.
        let purpose = Purpose::ALL.into_iter().find(|purpose| self.buffer[4] == purpose.hello());
        let purpose = purpose.unwrap_or(Purpose::Messages);
        Ok((purpose, self.hello(purpose.hello()).await?))
    }

    /// A Hello or HelloAck, which must come first. The caller sets the deadline.
    pub(crate) async fn hello<T: DeserializeOwned>(&mut self, kind: u8) -> Result<T, ReadEnd> {
        let refused = |error: hello::HelloError| ReadEnd::Refused(error.into());
        loop {
            let mut wanted = PREFIX;
            if let Some(prefix) = self.buffer.first_chunk::<PREFIX>() {
                wanted += hello::parse_prefix(kind, *prefix).map_err(refused)?;
                if self.buffer.len() >= wanted {
                    let frame = self.buffer.split_to(wanted);
                    return hello::decode(&frame[PREFIX..]).map_err(refused);
                }
            }
            self.read_some(wanted).await?;
        }
    }

    fn parse(&mut self, class: Class) -> Result<Option<(Prefix, Bytes)>, ReadEnd> {
        let Some(prefix) = self.prefix(class)? else { return Ok(None) };
        if self.buffer.len() < PREFIX + prefix.len {
            return Ok(None);
        }
        let frame = self.buffer.split_to(PREFIX + prefix.len).freeze();
        Ok(Some((prefix, frame.slice(PREFIX..))))
    }

    fn prefix(&self, class: Class) -> Result<Option<Prefix>, ReadEnd> {
        let Some(bytes) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let prefix = Prefix::parse(bytes).map_err(|error| malformed(&error))?;
        if prefix.kind.class() != class {
            let text = format!("{} frame on the {class:?} stream", prefix.kind.name());
            return Err(Refused::new(Refusal::WrongStream, text).into());
        }
        Ok(Some(prefix))
    }

    /// How much to make room for: the rest of the frame, once its length is known and checked.
    fn missing(&self, class: Class) -> Result<usize, ReadEnd> {
        let whole = self.prefix(class)?.map_or(PREFIX, |prefix| PREFIX + prefix.len);
        Ok(whole.saturating_sub(self.buffer.len()).max(1))
    }

    async fn read_some(&mut self, wanted: usize) -> Result<(), ReadEnd> {
        let free = self.buffer.capacity() - self.buffer.len();
        if free < wanted.max(CHUNK / 8) {
            self.buffer.reserve(wanted.max(CHUNK));
        }
        read_into(&mut self.stream, &mut self.buffer).await
    }

    fn too_slow(&self) -> ReadEnd {
        let text = format!("a frame was begun and did not arrive within {:?}", self.limit);
        Refused::new(Refusal::FrameTimeout, text).into()
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
