//! Client sessions (dissertation §6.3): a command that a client sends again takes effect once.
//!
//! The table is part of the replicated state: every node changes it only while applying entries,
//! so all agree, and expiry is decided by the log, never by a clock.

pub(crate) mod arena;
mod replies;

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::consensus::types::{LogIndex, SessionId};
use arena::Arena;
use replies::Replies;

/// Sessions that live at once; opening one more ends the one unused for the longest stretch of log.
/// Replicated behaviour: all nodes must have the same.
pub const MAX_SESSIONS: usize = 4096;

/// Serials that a session may have above its floor; more are refused, since a reply is kept for each.
pub const MAX_OUTSTANDING: u64 = 4096;

/// Bytes of replies that a session keeps. Beyond that those to its lowest serials are forgotten: a repeat of such
/// a command is answered as if the session had expired. Replicated behaviour: all nodes must have the same.
pub const MAX_SESSION_REPLY_BYTES: u64 = 32 << 20;

/// Bytes of replies that all sessions keep. Beyond that those of the session unused for the longest stretch of
/// log are forgotten. Replicated behaviour: all nodes must have the same.
pub const MAX_REPLY_BYTES: u64 = 256 << 20;

/// How many bytes of replies are kept. Replicated behaviour, as the constants are that it comes from; only who
/// simulates a whole cluster can have less, so that the bounds are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyBounds {
    /// By one session: [`MAX_SESSION_REPLY_BYTES`] at most.
    pub session: u64,
    /// By all: [`MAX_REPLY_BYTES`] at most.
    pub all: u64,
}

impl Default for ReplyBounds {
    fn default() -> ReplyBounds {
        ReplyBounds { session: MAX_SESSION_REPLY_BYTES, all: MAX_REPLY_BYTES }
    }
}

/// Bytes of an encoded table, at most.
pub(crate) const MAX_ENCODED: u64 =
    HEAD + MAX_SESSIONS as u64 * (SESSION + MAX_OUTSTANDING * replies::REPLY) + MAX_REPLY_BYTES;

/// Of the encoded table.
const VERSION: u8 = 1;
/// Bytes before its sessions.
const HEAD: u64 = 9;
/// Bytes of an encoded session beside its replies.
const SESSION: u64 = 32;

/// Why bytes are not an encoded table of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BadSessions {
    #[error("sessions of version {version}, this is version {VERSION}")]
    Version { version: u8 },
    #[error("the sessions are cut short")]
    Cut,
    #[error("{count} sessions or replies, the limit is {limit}")]
    TooMany { count: u64, limit: u64 },
    #[error("sessions or replies out of order, or outside of their window")]
    Disorder,
    #[error("{extra} bytes behind the sessions")]
    Trailing { extra: usize },
}

impl From<bytes::TryGetError> for BadSessions {
    fn from(_: bytes::TryGetError) -> BadSessions {
        BadSessions::Cut
    }
}

/// What a client puts before a command so that it takes effect once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionTag {
    /// The session.
    pub session: SessionId,
    /// The command's number in it, from 1; a retry has the same.
    pub serial: u64,
    /// Every serial up to here has been answered to the client's satisfaction: it will not be
    /// sent again, and its reply need not be kept.
    pub floor: u64,
}

/// Bytes of an encoded tag.
const TAG: usize = 24;

impl SessionTag {
    /// The content of a `SessionCommand` entry: the tag, then the command.
    pub(crate) fn encode(&self, command: &[u8], arena: &mut Arena) -> Bytes {
        let tag = [self.session.0, self.serial, self.floor].map(u64::to_le_bytes);
        arena.concat(&[tag.as_flattened(), command])
    }

    /// The tag and the command, or nothing if the data are too short to hold a tag.
    #[must_use]
    pub fn decode(data: &Bytes) -> Option<(SessionTag, Bytes)> {
        if data.len() < TAG {
            return None;
        }
        let mut head = &data[..TAG];
        let tag = SessionTag {
            session: SessionId(head.get_u64_le()),
            serial: head.get_u64_le(),
            floor: head.get_u64_le(),
        };
        Some((tag, data.slice(TAG..)))
    }
}

/// What the table says of a command that is about to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Apply it, then [`Sessions::record`] its response.
    Fresh,
    /// It was applied before, at this index, with this response.
    Repeat(LogIndex, Bytes),
    /// It was applied before, and what it said is forgotten. Not applied by this entry.
    Forgotten,
    /// No such session: it was never opened here, or it expired. Not applied by this entry;
    /// whether an earlier copy was is not known.
    Expired,
    /// At or below the floor that the client itself acknowledged, or too far above it. Not applied.
    OutOfWindow,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Session {
    last_used: LogIndex,
    floor: u64,
    replies: Replies,
}

fn count(from: &mut &[u8], limit: u64) -> Result<u64, BadSessions> {
    let count = from.try_get_u64_le()?;
    if count > limit { Err(BadSessions::TooMany { count, limit }) } else { Ok(count) }
}

/// Every live session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sessions {
    live: BTreeMap<SessionId, Session>,
    /// Bytes of replies that they keep.
    reply_bytes: u64,
    bounds: ReplyBounds,
}

impl Sessions {
    /// The same, that keep no more than this from now on.
    #[must_use]
    pub fn bounded(self, bounds: ReplyBounds) -> Sessions {
        Sessions { bounds, ..self }
    }

    /// What they keep at most.
    #[must_use]
    pub fn bounds(&self) -> ReplyBounds {
        self.bounds
    }

    /// What they keep: the one that keeps the most, and all.
    #[must_use]
    pub fn kept(&self) -> ReplyBounds {
        let session = self.live.values().map(|session| session.replies.bytes()).max();
        ReplyBounds { session: session.unwrap_or(0), all: self.reply_bytes }
    }

    /// Opens a session by the entry at `index`, under the id that was drawn for it, or the next that
    /// is free.
    pub fn open(&mut self, index: LogIndex, drawn: SessionId) -> SessionId {
        if self.live.len() >= MAX_SESSIONS
            && let Some(idle) = self.live.iter().min_by_key(|(id, s)| (s.last_used, **id)).map(|(id, _)| *id)
        {
            let expired = self.live.remove(&idle);
            self.reply_bytes -= expired.map_or(0, |session| session.replies.bytes());
        }
        let mut id = drawn;
        while self.live.contains_key(&id) {
            id = SessionId(id.0.wrapping_add(1));
        }
        self.live.insert(id, Session { last_used: index, ..Session::default() });
        id
    }

    /// Decides about the command at `index` and drops the replies that its floor releases.
    pub fn begin(&mut self, index: LogIndex, tag: SessionTag) -> Verdict {
        let Some(session) = self.live.get_mut(&tag.session) else { return Verdict::Expired };
        session.last_used = index;
        if tag.floor > session.floor {
            session.floor = if crate::seeded_bug!("floor-forgotten") { session.floor } else { tag.floor };
            self.reply_bytes -= session.replies.bytes();
            session.replies.release(tag.floor);
            self.reply_bytes += session.replies.bytes();
        }
        match session.replies.get(tag.serial).filter(|_| !crate::seeded_bug!("duplicate-applied-again")) {
            Some((at, Some(response))) => return Verdict::Repeat(*at, response.clone()),
            Some((_, None)) => return Verdict::Forgotten,
            None => {}
        }
        let below = tag.serial <= session.floor;
        if below && crate::seeded_bug!("floor-ignored") {
            return Verdict::Fresh;
        }
        if below || tag.serial - session.floor > MAX_OUTSTANDING {
            return Verdict::OutOfWindow;
        }
        Verdict::Fresh
    }

    /// Keeps the response of a command that [`Sessions::begin`] called fresh.
    pub fn record(&mut self, index: LogIndex, tag: SessionTag, response: Bytes) {
        let Some(session) = self.live.get_mut(&tag.session) else { return };
        self.reply_bytes -= session.replies.bytes();
        session.replies.keep(tag.serial, index, response, self.bounds.session);
        self.reply_bytes += session.replies.bytes();
        self.forget_idle();
    }

    /// As long as all keep more than they may, forgets the replies of the session unused for the longest stretch of log.
    fn forget_idle(&mut self) {
        for _ in 0..self.live.len() {
            if self.reply_bytes <= self.bounds.all {
                return;
            }
            let keeping = self.live.iter_mut().filter(|(_, session)| session.replies.bytes() > 0);
            let idle = keeping.min_by_key(|(id, session)| (session.last_used, **id));
            let Some((_, session)) = idle else { return };
            self.reply_bytes -= session.replies.bytes();
            session.replies.forget(0);
        }
    }

    /// The table for a snapshot; all nodes at the same index encode the same.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u8(VERSION);
        out.put_u64_le(self.live.len() as u64);
        for (id, session) in &self.live {
            out.put_u64_le(id.0);
            out.put_u64_le(session.last_used.0);
            out.put_u64_le(session.floor);
            session.replies.encode(&mut out);
        }
        out.freeze()
    }

    /// Reads what [`Sessions::encode`] wrote. Every number is checked before anything is made of it.
    pub fn decode(mut from: &[u8]) -> Result<Sessions, BadSessions> {
        let version = from.try_get_u8()?;
        if version != VERSION {
            return Err(BadSessions::Version { version });
        }
        let (mut live, mut reply_bytes) = (BTreeMap::new(), 0);
        for _ in 0..count(&mut from, MAX_SESSIONS as u64)? {
            let id = SessionId(from.try_get_u64_le()?);
            let (last_used, floor) = (LogIndex(from.try_get_u64_le()?), from.try_get_u64_le()?);
            let session = Session { last_used, floor, replies: Replies::decode(&mut from, floor)? };
            if live.last_key_value().is_some_and(|(before, _)| *before >= id) {
                return Err(BadSessions::Disorder);
            }
            reply_bytes += session.replies.bytes();
            live.insert(id, session);
        }
        if !from.is_empty() {
            return Err(BadSessions::Trailing { extra: from.len() });
        }
        Ok(Sessions { live, reply_bytes, bounds: ReplyBounds::default() })
    }

    /// Sessions alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

#[cfg(test)]
mod tests;
