//! Requests and responses between a client and a node, as frames on one stream in each direction.
//!
//! A frame is `len u32le · kind u8 · flags u8 · tag u64le · payload`; `len` counts what follows the
//! 14-byte prefix and is checked against the kind's limit before anything is allocated. The client
//! chooses the tag and the response repeats it: many requests are in flight, answered in any order.
//! Commands, queries and answers travel as [`crate::command`] encodes them; the other payloads are
//! postcard. postcard is positional: a payload never changes, a new one gets a new kind.

use bytes::{BufMut, Bytes, BytesMut};
use raft::session::SessionTag;
use raft::{LogIndex, NodeId, SessionId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{MAX_ANSWER, MAX_COMMAND};
use crate::status::NodeStatus;

/// The version that [`Hello`] and [`Welcome`] carry.
pub const VERSION: u16 = 1;
/// Bytes of the prefix.
pub const PREFIX: usize = 14;
/// Bytes after the prefix of a frame that carries neither command nor answer, at most.
const MAX_SMALL: usize = 16 << 10;
/// Bytes of a session's tag before a command.
const SESSION_TAG: usize = 24;
/// Bytes of an index before an answer.
const INDEX: usize = 8;

/// The numbers of the kinds of frames. They are on the wire: never change one.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const OPEN_SESSION: u8 = 2;
    pub(super) const PROPOSE: u8 = 3;
    pub(super) const READ: u8 = 4;
    pub(super) const STATUS: u8 = 5;
    pub(super) const WELCOME: u8 = 65;
    pub(super) const SESSION_OPENED: u8 = 66;
    pub(super) const APPLIED: u8 = 67;
    pub(super) const READ_ANSWER: u8 = 68;
    pub(super) const NODE_STATUS: u8 = 69;
    pub(super) const REFUSED: u8 = 70;
}

/// The first frame of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The lowest version that it speaks.
    pub min_version: u16,
    /// The highest.
    pub max_version: u16,
}

/// The answer to [`Hello`]. Only with it the node has accepted the client: in TLS 1.3 the client's
/// side of the handshake ends before the server has seen its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version to speak.
    pub version: u16,
    /// The node.
    pub node: NodeId,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Must come first, and once.
    Hello(Hello),
    /// Open a session.
    OpenSession,
    /// Propose an encoded [`crate::command::Command`] under a session.
    Propose {
        /// Which session, which command in it.
        session: SessionTag,
        /// The command.
        command: Bytes,
    },
    /// Answer an encoded [`crate::command::Query`], linearizably.
    Read {
        /// The query.
        query: Bytes,
    },
    /// Tell your status.
    Status,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To [`Request::Hello`].
    Welcome(Welcome),
    /// To [`Request::OpenSession`].
    SessionOpened(SessionId),
    /// To [`Request::Propose`]: committed and applied.
    Applied {
        /// Where.
        index: LogIndex,
        /// An encoded [`crate::command::Answer`].
        answer: Bytes,
    },
    /// To [`Request::Read`]: an encoded [`crate::command::Answer`].
    ReadAnswer(Bytes),
    /// To [`Request::Status`].
    Status(Box<NodeStatus>),
    /// To any: not done.
    Refused(Refused),
}

/// Why a request was not done, or why that is not known. Each says what is certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// Nothing was done: another node leads, or none.
    NotLeader {
        /// Who leads, if it is known.
        hint: Option<LeaderHint>,
    },
    /// Nothing was done: there is too much to do.
    Overloaded,
    /// Nothing was done: no such request is understood, or it is beyond the limits.
    Malformed,
    /// The leadership was lost, or the node ended, after the request was taken: a proposal may have
    /// been, or yet be, applied.
    Unknown,
    /// This attempt did nothing: there is no such session (any more). An earlier one may have.
    SessionExpired,
    /// This attempt did nothing: the serial is at or below the floor, or too far above it.
    OutOfWindow,
    /// Nothing was done: the node is about to end.
    Stopping,
    /// Nothing was done: the node's disk is full, and it knows no other that leads.
    DiskFull,
}

/// Who leads, and where clients reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderHint {
    /// The leader.
    pub node: NodeId,
    /// Its client address, `host:port`.
    pub address: String,
}

/// Why bytes from the other side are not a frame. The connection is not worth keeping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FrameError {
    #[error("frame of unknown kind {0}")]
    UnknownKind(u8),
    #[error("frame of kind {kind} with unknown flags {flags:#04x}")]
    UnknownFlags { kind: u8, flags: u8 },
    #[error("frame of kind {kind} with {len} bytes, the limit is {limit}")]
    TooLong { kind: u8, len: usize, limit: usize },
    #[error("the payload of a frame of kind {0} is malformed")]
    Malformed(u8),
}

/// A frame's first bytes, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    kind: u8,
    tag: u64,
    len: usize,
}

impl Prefix {
    fn parse(bytes: &[u8; PREFIX]) -> Result<Prefix, FrameError> {
        let [l0, l1, l2, l3, kind, flags, tag @ ..] = *bytes;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let limit = match kind {
            kind::PROPOSE => SESSION_TAG + MAX_COMMAND,
            kind::APPLIED => INDEX + MAX_ANSWER,
            kind::READ_ANSWER => MAX_ANSWER,
            kind::OPEN_SESSION | kind::STATUS => 0,
            kind::HELLO
            | kind::READ
            | kind::WELCOME
            | kind::SESSION_OPENED
            | kind::NODE_STATUS
            | kind::REFUSED => MAX_SMALL,
            unknown => return Err(FrameError::UnknownKind(unknown)),
        };
        if flags != 0 {
            return Err(FrameError::UnknownFlags { kind, flags });
        }
        if len > limit {
            return Err(FrameError::TooLong { kind, len, limit });
        }
        Ok(Prefix { kind, tag: u64::from_le_bytes(tag), len })
    }
}

/// What travels in one direction.
pub trait Message: Sized {
    /// Writes what goes before the payload that [`Message::shared`] returns.
    fn encode_head(&self, tag: u64, out: &mut BytesMut);

    /// The bytes that end the frame and need not be copied.
    fn shared(&self) -> Option<&Bytes>;

    /// Reads a payload whose prefix has been checked.
    fn decode(kind: u8, payload: &Bytes) -> Result<Self, FrameError>;

    /// The whole frame, for tests and small things.
    fn to_frame(&self, tag: u64) -> Bytes {
        let mut out = BytesMut::new();
        self.encode_head(tag, &mut out);
        out.extend_from_slice(self.shared().map_or(&[][..], |b| b));
        out.freeze()
    }
}

/// Takes the next whole frame from what has been received: nothing yet is `Ok(None)`. Checks the
/// prefix as soon as it is there, and only then makes room for the rest.
pub fn next_frame<M: Message>(received: &mut BytesMut) -> Result<Option<(u64, M)>, FrameError> {
    let Some(prefix) = received.first_chunk::<PREFIX>() else { return Ok(None) };
    let prefix = Prefix::parse(prefix)?;
    let whole = PREFIX + prefix.len;
    if received.len() < whole {
        received.reserve(whole - received.len());
        return Ok(None);
    }
    let payload = received.split_to(whole).freeze().slice(PREFIX..);
    Ok(Some((prefix.tag, M::decode(prefix.kind, &payload)?)))
}

impl Message for Request {
    fn encode_head(&self, tag: u64, out: &mut BytesMut) {
        match self {
            Request::Hello(hello) => small(kind::HELLO, tag, hello, out),
            Request::OpenSession => prefix(kind::OPEN_SESSION, tag, 0, out),
            Request::Propose { session, command } => {
                prefix(kind::PROPOSE, tag, SESSION_TAG + command.len(), out);
                out.put_u64_le(session.session.0);
                out.put_u64_le(session.serial);
                out.put_u64_le(session.floor);
            }
            Request::Read { query } => prefix(kind::READ, tag, query.len(), out),
            Request::Status => prefix(kind::STATUS, tag, 0, out),
        }
    }

    fn shared(&self) -> Option<&Bytes> {
        match self {
            Request::Propose { command, .. } => Some(command),
            Request::Read { query } => Some(query),
            Request::Hello(_) | Request::OpenSession | Request::Status => None,
        }
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Request, FrameError> {
        Ok(match kind {
            kind::HELLO => Request::Hello(whole(kind, payload)?),
            kind::OPEN_SESSION => Request::OpenSession,
            kind::PROPOSE => {
                let (session, command) = SessionTag::decode(payload).ok_or(FrameError::Malformed(kind))?;
                Request::Propose { session, command }
            }
            kind::READ => Request::Read { query: payload.clone() },
            kind::STATUS => Request::Status,
            other => return Err(FrameError::UnknownKind(other)),
        })
    }
}

impl Message for Response {
    fn encode_head(&self, tag: u64, out: &mut BytesMut) {
        match self {
            Response::Welcome(welcome) => small(kind::WELCOME, tag, welcome, out),
            Response::SessionOpened(session) => small(kind::SESSION_OPENED, tag, session, out),
            Response::Applied { index, answer } => {
                prefix(kind::APPLIED, tag, INDEX + answer.len(), out);
                out.put_u64_le(index.0);
            }
            Response::ReadAnswer(answer) => prefix(kind::READ_ANSWER, tag, answer.len(), out),
            Response::Status(status) => small(kind::NODE_STATUS, tag, status, out),
            Response::Refused(refused) => small(kind::REFUSED, tag, refused, out),
        }
    }

    fn shared(&self) -> Option<&Bytes> {
        match self {
            Response::Applied { answer, .. } | Response::ReadAnswer(answer) => Some(answer),
            Response::Welcome(_)
            | Response::SessionOpened(_)
            | Response::Status(_)
            | Response::Refused(_) => None,
        }
    }

    fn decode(kind: u8, payload: &Bytes) -> Result<Response, FrameError> {
        Ok(match kind {
            kind::WELCOME => Response::Welcome(whole(kind, payload)?),
            kind::SESSION_OPENED => Response::SessionOpened(whole(kind, payload)?),
            kind::APPLIED => {
                let index = payload.first_chunk::<INDEX>().ok_or(FrameError::Malformed(kind))?;
                let index = LogIndex(u64::from_le_bytes(*index));
                Response::Applied { index, answer: payload.slice(INDEX..) }
            }
            kind::READ_ANSWER => Response::ReadAnswer(payload.clone()),
            kind::NODE_STATUS => Response::Status(whole(kind, payload)?),
            kind::REFUSED => Response::Refused(whole(kind, payload)?),
            other => return Err(FrameError::UnknownKind(other)),
        })
    }
}

fn prefix(kind: u8, tag: u64, len: usize, out: &mut BytesMut) {
    out.put_u32_le(u32::try_from(len).unwrap_or(u32::MAX));
    out.put_u8(kind);
    out.put_u8(0);
    out.put_u64_le(tag);
}

fn small<T: Serialize>(kind: u8, tag: u64, payload: &T, out: &mut BytesMut) {
    // Serialising plain structs into memory has no way to fail.
    let payload = postcard::to_stdvec(payload).unwrap_or_default();
    prefix(kind, tag, payload.len(), out);
    out.extend_from_slice(&payload);
}

/// postcard ignores what follows a value; we do not.
fn whole<T: DeserializeOwned>(kind: u8, payload: &[u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(FrameError::Malformed(kind)),
    }
}

#[cfg(test)]
mod tests;
