//! Messages to frames and back. What comes from a peer is checked before it is allocated for.

use bytes::{BufMut, Bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Frame, Kind, MAX_ENTRIES, PREFIX, Prefix};
use crate::consensus::entry::{Entry, EntryKind};
use crate::consensus::message::{AppendEntries, InstallSnapshot, Message};
use crate::consensus::snapshot::SnapshotId;
use crate::consensus::types::{LogId, LogIndex, Term};

/// Why bytes from a peer are not a message. The connection they came on is not worth keeping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum DecodeError {
    #[error("frame of unknown kind {kind}")]
    UnknownKind { kind: u8 },
    #[error("{kind} frame with unknown flags {flags:#04x}")]
    UnknownFlags { kind: &'static str, flags: u8 },
    #[error("{kind} frame of {len} bytes, the limit is {limit}")]
    TooLong { kind: &'static str, len: usize, limit: usize },
    #[error("{kind} frame of {len} bytes claims a header of {header_len}")]
    HeaderBeyondFrame { kind: &'static str, header_len: usize, len: usize },
    #[error("{kind} frame is cut: {have} bytes of {len}")]
    Cut { kind: &'static str, have: usize, len: usize },
    #[error("{kind} frame's header is malformed")]
    Malformed { kind: &'static str },
    #[error("{kind} frame has {extra} bytes behind its end")]
    Trailing { kind: &'static str, extra: usize },
    #[error("AppendEntries with {count} entries, the limit is {limit}")]
    TooManyEntries { count: usize, limit: usize },
    #[error("entry of unknown kind {kind}")]
    UnknownEntryKind { kind: u8 },
    #[error("AppendEntries with log index {index}, beyond any that can exist")]
    IndexOverflow { index: u64 },
}

/// An entry's metadata; its index follows from its place in the request.
#[derive(Serialize, Deserialize)]
struct EntryMeta {
    term: Term,
    kind: u8,
    len: u32,
    crc: [u8; 4],
}

#[derive(Serialize)]
struct AppendHead<'a> {
    term: Term,
    id: u64,
    prev_log: LogId,
    leader_commit: LogIndex,
    entries: &'a [EntryMeta],
}

#[derive(Serialize, Deserialize)]
struct SnapshotHead {
    term: Term,
    snapshot: SnapshotId,
    offset: u64,
}

/// The part of the header before the entries: read first, so that their number is checked before
/// anything is allocated for them.
#[derive(Deserialize)]
struct AppendFixed {
    term: Term,
    id: u64,
    prev_log: LogId,
    leader_commit: LogIndex,
    count: u32,
}

/// Encodes a message. Entries' payloads are shared with the log.
#[must_use]
pub fn encode(message: &Message) -> Frame {
    match message {
        Message::PreVote(m) => plain(Kind::PreVote, m),
        Message::PreVoteReply(m) => plain(Kind::PreVoteReply, m),
        Message::RequestVote(m) => plain(Kind::RequestVote, m),
        Message::RequestVoteReply(m) => plain(Kind::RequestVoteReply, m),
        Message::AppendEntries(m) => append(m),
        Message::AppendEntriesReply(m) => plain(Kind::AppendEntriesReply, m),
        Message::Heartbeat(m) => plain(Kind::Heartbeat, m),
        Message::HeartbeatReply(m) => plain(Kind::HeartbeatReply, m),
        Message::Introduction(m) => plain(Kind::Introduction, m),
        Message::IntroductionReply(m) => plain(Kind::IntroductionReply, m),
        Message::InstallSnapshot(m) => {
            let head = SnapshotHead { term: m.term, snapshot: m.snapshot, offset: m.offset };
            let body = Some(m.data.clone()).filter(|data| !data.is_empty());
            frame(Kind::InstallSnapshot, &head, body.into_iter().collect())
        }
        Message::InstallSnapshotReply(m) => plain(Kind::InstallSnapshotReply, m),
    }
}

fn plain<T: Serialize>(kind: Kind, message: &T) -> Frame {
    frame(kind, message, Vec::new())
}

fn append(message: &AppendEntries) -> Frame {
    let metas: Vec<EntryMeta> = message
        .entries
        .iter()
        .map(|e| EntryMeta {
            term: e.id.term,
            kind: if crate::seeded_bug!("entry-kind-lost-on-the-wire") { 0 } else { e.kind as u8 },
            len: u32::try_from(e.data.len()).unwrap_or(u32::MAX),
            crc: e.crc.to_le_bytes(),
        })
        .collect();
    let head = AppendHead {
        term: message.term,
        id: message.id,
        prev_log: message.prev_log,
        leader_commit: message.leader_commit,
        entries: &metas,
    };
    let body = message.entries.iter().map(|e| e.data.clone()).filter(|d| !d.is_empty()).collect();
    frame(Kind::AppendEntries, &head, body)
}

fn frame<T: Serialize>(kind: Kind, header: &T, body: Vec<Bytes>) -> Frame {
    // Serialising plain structs into memory has no way to fail.
    let mut head = postcard::to_extend(header, vec![0; PREFIX]).unwrap_or_else(|_| vec![0; PREFIX]);
    let header_len = head.len().saturating_sub(PREFIX);
    let len = header_len + body.iter().map(Bytes::len).sum::<usize>();
    let mut prefix = &mut head[..PREFIX];
    prefix.put_u32_le(u32::try_from(len).unwrap_or(u32::MAX));
    prefix.put_u8(kind as u8);
    prefix.put_u8(0);
    prefix.put_u32_le(u32::try_from(header_len).unwrap_or(u32::MAX));
    Frame { kind, head: Bytes::from(head), body }
}

/// Decodes what followed a frame's prefix: header and body in one buffer, which entries then share.
pub fn decode(kind: Kind, header_len: usize, payload: &Bytes) -> Result<Message, DecodeError> {
    if header_len > payload.len() {
        return Err(DecodeError::Cut { kind: kind.name(), have: payload.len(), len: header_len });
    }
    let header = &payload[..header_len];
    if kind == Kind::AppendEntries {
        let mut body = payload.slice(header_len..);
        return decode_append(header, &mut body).map(Message::AppendEntries);
    }
    if kind == Kind::InstallSnapshot {
        let SnapshotHead { term, snapshot, offset } = whole(kind, header)?;
        let data = payload.slice(header_len..);
        return Ok(Message::InstallSnapshot(InstallSnapshot { term, snapshot, offset, data }));
    }
    let extra = payload.len() - header_len;
    if extra > 0 {
        return Err(DecodeError::Trailing { kind: kind.name(), extra });
    }
    Ok(match kind {
        Kind::PreVote => Message::PreVote(whole(kind, header)?),
        Kind::PreVoteReply => Message::PreVoteReply(whole(kind, header)?),
        Kind::RequestVote => Message::RequestVote(whole(kind, header)?),
        Kind::RequestVoteReply => Message::RequestVoteReply(whole(kind, header)?),
        Kind::AppendEntries | Kind::InstallSnapshot => {
            return Err(DecodeError::Malformed { kind: kind.name() });
        }
        Kind::AppendEntriesReply => Message::AppendEntriesReply(whole(kind, header)?),
        Kind::Heartbeat => Message::Heartbeat(whole(kind, header)?),
        Kind::HeartbeatReply => Message::HeartbeatReply(whole(kind, header)?),
        Kind::Introduction => Message::Introduction(whole(kind, header)?),
        Kind::IntroductionReply => Message::IntroductionReply(whole(kind, header)?),
        Kind::InstallSnapshotReply => Message::InstallSnapshotReply(whole(kind, header)?),
    })
}

/// Decodes a frame that never was in one piece. Entries share its pieces.
pub fn decode_frame(frame: &Frame) -> Result<Message, DecodeError> {
    let cut = || DecodeError::Cut { kind: "frame", have: frame.head.len(), len: PREFIX };
    let prefix = Prefix::parse(frame.head.first_chunk().ok_or_else(cut)?)?;
    if prefix.kind == Kind::AppendEntries {
        let mut body = frame.body.iter();
        return decode_append(&frame.head[PREFIX..], &mut body).map(Message::AppendEntries);
    }
    let payload = match frame.body.as_slice() {
        [] => frame.head.slice(PREFIX..),
        _ => Bytes::from(frame.to_vec()).slice(PREFIX..),
    };
    decode(prefix.kind, prefix.header_len, &payload)
}

/// What entries' payloads are taken from.
trait Body {
    /// Bytes that are left.
    fn left(&self) -> usize;
    /// The next payload, which has so many; none where so many do not come next.
    fn take(&mut self, len: usize) -> Option<Bytes>;
}

impl Body for Bytes {
    fn left(&self) -> usize {
        self.len()
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        (len <= self.len()).then(|| self.split_to(len))
    }
}

/// Payloads that are not empty, one by one.
impl Body for std::slice::Iter<'_, Bytes> {
    fn left(&self) -> usize {
        self.as_slice().iter().map(Bytes::len).sum()
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        if len == 0 {
            return Some(Bytes::new());
        }
        self.next().filter(|piece| piece.len() == len).cloned()
    }
}

/// postcard ignores what follows a value; we do not.
fn whole<T: DeserializeOwned>(kind: Kind, header: &[u8]) -> Result<T, DecodeError> {
    let (value, rest) = part(kind, header)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::Trailing { kind: kind.name(), extra: rest.len() })
    }
}

fn part<T: DeserializeOwned>(kind: Kind, header: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    postcard::take_from_bytes(header).map_err(|_| DecodeError::Malformed { kind: kind.name() })
}

fn decode_append(header: &[u8], body: &mut impl Body) -> Result<AppendEntries, DecodeError> {
    let kind = Kind::AppendEntries;
    let (fixed, mut rest): (AppendFixed, &[u8]) = part(kind, header)?;
    let count = fixed.count as usize;
    if count > MAX_ENTRIES {
        return Err(DecodeError::TooManyEntries { count, limit: MAX_ENTRIES });
    }
    if fixed.prev_log.index >= LogIndex::LIMIT {
        return Err(DecodeError::IndexOverflow { index: fixed.prev_log.index.0 });
    }
    let mut entries = Vec::with_capacity(count);
    let mut index = fixed.prev_log.index;
    for _ in 0..count {
        let (meta, after): (EntryMeta, &[u8]) = part(kind, rest)?;
        rest = after;
        index = index.next();
        let len = meta.len as usize;
        let entry_kind =
            EntryKind::from_u8(meta.kind).ok_or(DecodeError::UnknownEntryKind { kind: meta.kind })?;
        entries.push(Entry {
            id: LogId {
                term: if crate::seeded_bug!("leader-term-for-entry-term") { fixed.term } else { meta.term },
                index,
            },
            kind: entry_kind,
            data: body.take(len).ok_or(DecodeError::Cut { kind: kind.name(), have: body.left(), len })?,
            crc: u32::from_le_bytes(meta.crc),
        });
    }
    let extra = rest.len() + body.left();
    if extra > 0 {
        return Err(DecodeError::Trailing { kind: kind.name(), extra });
    }
    Ok(AppendEntries {
        term: fixed.term,
        id: fixed.id,
        prev_log: fixed.prev_log,
        leader_commit: fixed.leader_commit,
        entries,
    })
}

#[cfg(test)]
mod tests;
