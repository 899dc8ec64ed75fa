//! The versioned codec. A frame is `len u32le · kind u8 · flags u8 · header_len u32le · header ·
//! body`: the header is postcard, the body is the entries' payloads back to back, sliced on
//! receipt, never copied. `len` counts what follows the 10-byte prefix.
//!
//! postcard is positional: a message never changes, a new one gets a new kind. Golden bytes of
//! every kind are kept in `raft/tests/golden`.

mod codec;
mod framer;
mod stats;

use bytes::Bytes;

pub use codec::{DecodeError, decode, decode_frame, encode};
pub use framer::{FrameError, Framer};
pub use stats::{KindCount, WireStats};

/// The version of the messages below; carried by ALPN (major) and Hello (range).
pub const PROTOCOL_VERSION: u16 = 1;
/// Entries in one AppendEntries, at most.
pub const MAX_ENTRIES: usize = 4096;
/// Bytes after the prefix of a control frame, at most.
pub const MAX_CONTROL_FRAME: usize = 64 << 10;
/// Bytes after the prefix of a log frame, at most.
pub const MAX_LOG_FRAME: usize = 8 << 20;
/// Bytes after the prefix of a frame with a piece of a snapshot, at most.
pub const MAX_SNAPSHOT_FRAME: usize = MAX_SNAPSHOT_CHUNK + (1 << 10);
/// Bytes of a snapshot in one frame, at most.
pub const MAX_SNAPSHOT_CHUNK: usize = 1 << 20;
/// Bytes of the prefix.
pub const PREFIX: usize = 10;

/// Which stream a frame belongs on: control must not wait behind a bulk of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Votes, heartbeats, answers.
    Control,
    /// Entries.
    Log,
    /// Pieces of snapshots: they have a connection of their own, so that they wait for nothing and
    /// nothing waits for them.
    Snapshot,
}

macro_rules! kinds {
    ($($name:ident = $number:literal, $class:ident, $request:literal;)*) => {
        /// What a frame carries. The numbers are on the wire: never change one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each is a message of its name")]
        pub enum Kind { $($name = $number,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$name,)*];

            /// The kind with this number.
            #[must_use]
            pub fn from_u8(number: u8) -> Option<Kind> {
                match number { $($number => Some(Kind::$name),)* _ => None }
            }

            /// The stream that it belongs on.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Kind::$name => Class::$class,)* }
            }

            /// Whether it is a request (an RPC, as the lab tests count them) or a reply.
            #[must_use]
            pub fn is_request(self) -> bool {
                match self { $(Kind::$name => $request,)* }
            }

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }
        }
    };
}
kinds! {
    PreVote = 1, Control, true;
    PreVoteReply = 2, Control, false;
    RequestVote = 3, Control, true;
    RequestVoteReply = 4, Control, false;
    AppendEntries = 5, Log, true;
    AppendEntriesReply = 6, Control, false;
    Heartbeat = 7, Control, true;
    HeartbeatReply = 8, Control, false;
    Introduction = 9, Control, true;
    IntroductionReply = 10, Control, false;
    InstallSnapshot = 11, Snapshot, true;
    InstallSnapshotReply = 12, Control, false;
}

/// An encoded message, in pieces so that entries' payloads are shared, not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it carries.
    pub kind: Kind,
    /// The prefix and the postcard header.
    pub head: Bytes,
    /// The payloads.
    pub body: Vec<Bytes>,
}

impl Frame {
    /// Bytes of the whole frame, prefix included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.head.len() + self.body.iter().map(Bytes::len).sum::<usize>()
    }

    /// The frame in one piece, as a stream carries it.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.encoded_len());
        all.extend_from_slice(&self.head);
        for part in &self.body {
            all.extend_from_slice(part);
        }
        all
    }
}

/// A frame's first ten bytes, checked: nothing is allocated before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// What the frame carries.
    pub kind: Kind,
    /// Bytes of the postcard header.
    pub header_len: usize,
    /// Bytes after the prefix: header and body.
    pub len: usize,
}

impl Prefix {
    /// Checks kind, flags and lengths against the kind's limits.
    pub fn parse(bytes: &[u8; PREFIX]) -> Result<Prefix, DecodeError> {
        let [l0, l1, l2, l3, kind, flags, h0, h1, h2, h3] = *bytes;
        let kind = Kind::from_u8(kind).ok_or(DecodeError::UnknownKind { kind })?;
        if flags != 0 {
            return Err(DecodeError::UnknownFlags { kind: kind.name(), flags });
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let header_len = u32::from_le_bytes([h0, h1, h2, h3]) as usize;
        let limit = match kind.class() {
            Class::Control => MAX_CONTROL_FRAME,
            Class::Log => MAX_LOG_FRAME,
            Class::Snapshot => MAX_SNAPSHOT_FRAME,
        };
        if len > limit {
            return Err(DecodeError::TooLong { kind: kind.name(), len, limit });
        }
        if header_len > len {
            return Err(DecodeError::HeaderBeyondFrame { kind: kind.name(), header_len, len });
        }
        Ok(Prefix { kind, header_len, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_be_as_long_as_the_limit_of_its_class() {
        for (kind, limit) in [
            (Kind::PreVote, 65_536_u32),
            (Kind::AppendEntries, 8_388_608),
            (Kind::InstallSnapshot, 1_049_600),
        ] {
            let parse = |len: u32| {
                let [a, b, c, d] = len.to_le_bytes();
                Prefix::parse(&[a, b, c, d, kind as u8, 0, 0, 0, 0, 0])
            };
            assert!(parse(limit).is_ok());
            assert!(matches!(parse(limit + 1), Err(DecodeError::TooLong { .. })), "{kind:?}");
        }
    }

    #[test]
    fn a_header_may_be_all_of_its_frame_and_no_longer() {
        let parse = |header: u8| Prefix::parse(&[5, 0, 0, 0, Kind::PreVote as u8, 0, header, 0, 0, 0]);
        assert_eq!(parse(5), Ok(Prefix { kind: Kind::PreVote, header_len: 5, len: 5 }));
        assert_eq!(parse(6), Err(DecodeError::HeaderBeyondFrame { kind: "PreVote", header_len: 6, len: 5 }));
    }
}
