//! Client sessions (dissertation §6.3): a command that a client sends again takes effect once.
//!
//! The table is part of the replicated state: every node changes it only while applying entries,
//! so all agree, and expiry is decided by the log, never by a clock.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::consensus::types::{LogIndex, SessionId};

/// Sessions that live at once; opening one more ends the one unused for the longest stretch of log.
/// Replicated behaviour: all nodes must have the same.
pub const MAX_SESSIONS: usize = 4096;

/// Serials that a session may have above its floor; more are refused, since a reply is kept for each.
pub const MAX_OUTSTANDING: u64 = 4096;

/// Of the encoded table.
const VERSION: u8 = 1;

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
    #[must_use]
    pub fn encode(&self, command: &Bytes) -> Bytes {
        let mut data = BytesMut::with_capacity(TAG + command.len());
        data.put_u64_le(self.session.0);
        data.put_u64_le(self.serial);
        data.put_u64_le(self.floor);
        data.put_slice(command);
        data.freeze()
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
    /// No such session: it was never opened here, or it expired. Not applied by this entry;
    /// whether an earlier copy was is not known.
    Expired,
    /// At or below the floor that the client itself acknowledged, or too far above it. Not applied.
    OutOfWindow,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Session {
    last_used: LogIndex,
    floor: u64,
    /// Replies above the floor, by serial.
    replies: BTreeMap<u64, (LogIndex, Bytes)>,
}

impl Session {
    fn decode(from: &mut &[u8]) -> Result<Session, BadSessions> {
        let last_used = LogIndex(from.try_get_u64_le()?);
        let floor = from.try_get_u64_le()?;
        let mut replies = BTreeMap::new();
        for _ in 0..count(from, MAX_OUTSTANDING)? {
            let (serial, index) = (from.try_get_u64_le()?, LogIndex(from.try_get_u64_le()?));
            let length = usize::try_from(from.try_get_u64_le()?).unwrap_or(usize::MAX);
            let (response, rest) = from.split_at_checked(length).ok_or(BadSessions::Cut)?;
            *from = rest;
            let before = replies.last_key_value().map_or(floor, |(before, _)| *before);
            if serial <= before || serial - floor > MAX_OUTSTANDING {
                return Err(BadSessions::Disorder);
            }
            replies.insert(serial, (index, Bytes::copy_from_slice(response)));
        }
        Ok(Session { last_used, floor, replies })
    }
}

fn count(from: &mut &[u8], limit: u64) -> Result<u64, BadSessions> {
    let count = from.try_get_u64_le()?;
    if count > limit { Err(BadSessions::TooMany { count, limit }) } else { Ok(count) }
}

/// Every live session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    live: BTreeMap<SessionId, Session>,
}

impl Sessions {
    /// Opens a session by the entry at `index`, under the id that was drawn for it, or the next that
    /// is free.
    pub fn open(&mut self, index: LogIndex, drawn: SessionId) -> SessionId {
        if self.live.len() >= MAX_SESSIONS
            && let Some(idle) = self.live.iter().min_by_key(|(id, s)| (s.last_used, **id)).map(|(id, _)| *id)
        {
            self.live.remove(&idle);
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
            session.floor = tag.floor;
            session.replies = session.replies.split_off(&tag.floor.saturating_add(1));
        }
        if let Some((at, response)) = session.replies.get(&tag.serial) {
            return Verdict::Repeat(*at, response.clone());
        }
        if tag.serial <= session.floor || tag.serial - session.floor > MAX_OUTSTANDING {
            return Verdict::OutOfWindow;
        }
        Verdict::Fresh
    }

    /// Keeps the response of a command that [`Sessions::begin`] called fresh.
    pub fn record(&mut self, index: LogIndex, tag: SessionTag, response: Bytes) {
        if let Some(session) = self.live.get_mut(&tag.session) {
            session.replies.insert(tag.serial, (index, response));
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
            out.put_u64_le(session.replies.len() as u64);
            for (serial, (index, response)) in &session.replies {
                out.put_u64_le(*serial);
                out.put_u64_le(index.0);
                out.put_u64_le(response.len() as u64);
                out.put_slice(response);
            }
        }
        out.freeze()
    }

    /// Reads what [`Sessions::encode`] wrote. Every number is checked before anything is made of it.
    pub fn decode(mut from: &[u8]) -> Result<Sessions, BadSessions> {
        let version = from.try_get_u8()?;
        if version != VERSION {
            return Err(BadSessions::Version { version });
        }
        let mut live = BTreeMap::new();
        for _ in 0..count(&mut from, MAX_SESSIONS as u64)? {
            let id = SessionId(from.try_get_u64_le()?);
            let session = Session::decode(&mut from)?;
            if live.last_key_value().is_some_and(|(before, _)| *before >= id) {
                return Err(BadSessions::Disorder);
            }
            live.insert(id, session);
        }
        if from.is_empty() { Ok(Sessions { live }) } else { Err(BadSessions::Trailing { extra: from.len() }) }
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
mod tests {
    use super::*;

    fn tag(serial: u64, floor: u64) -> SessionTag {
        SessionTag { session: SessionId(7), serial, floor }
    }

    fn opened() -> Sessions {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.open(LogIndex(3), SessionId(7)), SessionId(7));
        sessions
    }

    #[test]
    fn a_repeat_gets_the_first_answer_even_out_of_order() {
        let mut s = opened();
        for serial in [3, 1, 2] {
            assert_eq!(s.begin(LogIndex(10 + serial), tag(serial, 0)), Verdict::Fresh);
            s.record(LogIndex(10 + serial), tag(serial, 0), Bytes::from(vec![u8::try_from(serial).unwrap()]));
        }
        let again = Verdict::Repeat(LogIndex(11), Bytes::from_static(&[1]));
        assert_eq!(s.begin(LogIndex(20), tag(1, 0)), again);
    }

    #[test]
    fn the_floor_releases_replies_and_refuses_what_it_covers() {
        let mut s = opened();
        assert_eq!(s.begin(LogIndex(8), tag(1, 0)), Verdict::Fresh);
        s.record(LogIndex(8), tag(1, 0), Bytes::new());
        assert_eq!(s.begin(LogIndex(9), tag(2, 1)), Verdict::Fresh);
        assert_eq!(s.begin(LogIndex(10), tag(1, 0)), Verdict::OutOfWindow);
        assert_eq!(s.begin(LogIndex(11), tag(2 + MAX_OUTSTANDING, 1)), Verdict::OutOfWindow);
    }

    #[test]
    fn the_longest_unused_session_expires_by_the_log() {
        let mut s = Sessions::default();
        for i in 1..=MAX_SESSIONS as u64 {
            s.open(LogIndex(i), SessionId(i));
        }
        let used = SessionTag { session: SessionId(1), serial: 1, floor: 0 };
        assert_eq!(s.begin(LogIndex(9000), used), Verdict::Fresh);
        assert_eq!(s.open(LogIndex(9001), SessionId(5000)), SessionId(5000));
        assert_eq!(s.len(), MAX_SESSIONS);
        let expired = SessionTag { session: SessionId(2), serial: 1, floor: 0 };
        assert_eq!(s.begin(LogIndex(9002), expired), Verdict::Expired);
        assert_eq!(s.begin(LogIndex(9003), used), Verdict::Fresh);
    }

    #[test]
    fn no_two_live_sessions_share_an_id() {
        let mut s = opened();
        assert_eq!(s.open(LogIndex(8), SessionId(7)), SessionId(8));
        assert_eq!(s.len(), 2);
    }

    /// Two sessions, one with replies.
    fn some() -> Sessions {
        let mut s = opened();
        s.open(LogIndex(4), SessionId(9));
        for serial in [2, 3, 7] {
            assert_eq!(s.begin(LogIndex(10 + serial), tag(serial, 1)), Verdict::Fresh);
            s.record(LogIndex(10 + serial), tag(serial, 1), Bytes::from(vec![1; 5]));
        }
        s
    }

    #[test]
    fn the_table_survives_encoding() {
        for sessions in [Sessions::default(), some()] {
            assert_eq!(Sessions::decode(&sessions.encode()), Ok(sessions));
        }
    }

    #[test]
    fn a_table_that_is_cut_or_longer_is_refused() {
        let whole = some().encode();
        for cut in 0..whole.len() {
            assert_eq!(Sessions::decode(&whole[..cut]), Err(BadSessions::Cut), "{cut}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(Sessions::decode(&longer), Err(BadSessions::Trailing { extra: 1 }));
    }

    #[test]
    fn a_table_is_checked_before_anything_is_made_of_it() {
        let whole = some().encode();
        let with = |at: usize, number: u64| {
            let mut bytes = whole.to_vec();
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            Sessions::decode(&bytes)
        };
        // Version, sessions, then of the first: id, last use, floor, replies, serial, index, length.
        assert_eq!(Sessions::decode(&[2]), Err(BadSessions::Version { version: 2 }));
        assert!(matches!(with(1, u64::MAX), Err(BadSessions::TooMany { .. })));
        assert!(matches!(with(33, MAX_OUTSTANDING + 1), Err(BadSessions::TooMany { .. })));
        assert_eq!(with(57, u64::MAX), Err(BadSessions::Cut));
        // The last serial, at 99, is 7; the floor is 1.
        assert!(with(99, 1 + MAX_OUTSTANDING).is_ok());
        for (at, number) in [(9, 9), (41, 1), (41, 3), (25, u64::MAX), (99, 2 + MAX_OUTSTANDING)] {
            assert_eq!(with(at, number), Err(BadSessions::Disorder), "{number} at {at}");
        }
    }

    #[test]
    fn a_tag_survives_encoding() {
        let data = tag(5, 4).encode(&Bytes::from_static(b"put"));
        assert_eq!(SessionTag::decode(&data), Some((tag(5, 4), Bytes::from_static(b"put"))));
        assert_eq!(SessionTag::decode(&data.slice(..TAG - 1)), None);
    }
}
