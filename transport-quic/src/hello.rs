//! Hello, the first frame of a connection, and HelloAck, its answer. Nothing else is read, and
//! nothing delivered, before both have passed: in TLS 1.3 a dialler's handshake ends before the
//! server has seen its certificate, so only HelloAck tells it that it was accepted.
//!
//! Framed as every other message, with kinds from 64 up. Who is refused gets no answer but the
//! close of its connection, with the reason (see [`crate::refusal`]).

use raft::wire::{PREFIX, PROTOCOL_VERSION};
use raft::{BootId, ClusterId, Incarnation, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, Refused};

/// The oldest version of the messages that this program still speaks.
pub const OLDEST_VERSION: u16 = 1;
/// The kind of a Hello.
pub const HELLO: u8 = 64;
/// The kind of a HelloAck.
pub const HELLO_ACK: u8 = 65;
/// The kind of a Hello on a connection that carries snapshots, and nothing else.
pub const HELLO_SNAPSHOTS: u8 = 66;
/// Bytes after the prefix of either, at most. The longest Hello there can be has about 160.
pub const MAX_HELLO: usize = 512;

/// Who dials, and whom it believes to have reached. Its fields never change, whatever the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version of the messages that the dialler speaks.
    pub min_version: u16,
    /// The newest.
    pub max_version: u16,
    /// Optional features it has, one bit each; none exist.
    pub features: u64,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its id; must be its certificate's.
    pub from: NodeId,
    /// Whom it dials.
    pub to: NodeId,
    /// Which life of its data directory this is.
    pub incarnation: Incarnation,
    /// Which start of its process.
    pub boot: BootId,
}

/// The dialler is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloAck {
    /// The version to speak: the newest that both know.
    pub version: u16,
    /// The features that both have.
    pub features: u64,
    /// Which life of its data directory the answering node is in.
    pub incarnation: Incarnation,
    /// Which start of its process.
    pub boot: BootId,
}

/// A frame's prefix that does not announce what is due.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Something else came first.
    #[error("expected a frame of kind {expected}, found kind {found}")]
    Kind {
        /// What was due.
        expected: u8,
        /// What came.
        found: u8,
    },
    /// No flags exist.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// Longer than any Hello.
    #[error("{0} bytes, the limit is {MAX_HELLO}")]
    TooLong(usize),
    /// The header is the whole of it.
    #[error("header of {header_len} bytes in a frame of {len}")]
    Header {
        /// What it claims.
        header_len: usize,
        /// What there is.
        len: usize,
    },
    /// Not decodable.
    #[error("malformed")]
    Malformed,
    /// More than was to be decoded.
    #[error("{0} bytes behind its end")]
    Trailing(usize),
}

impl From<HelloError> for Refused {
    fn from(error: HelloError) -> Refused {
        Refused::new(Refusal::MalformedHello, format!("Hello: {error}"))
    }
}

/// A Hello or HelloAck as a whole frame.
#[must_use]
pub fn encode<T: Serialize>(kind: u8, message: &T) -> Vec<u8> {
    // Serialising plain structs into memory has no way to fail.
    let mut frame = postcard::to_extend(message, vec![0; PREFIX]).unwrap_or_else(|_| vec![0; PREFIX]);
    let len = u32::try_from(frame.len().saturating_sub(PREFIX)).unwrap_or(u32::MAX).to_le_bytes();
    frame[0..4].copy_from_slice(&len);
    frame[4] = kind;
    frame[6..10].copy_from_slice(&len);
    frame
}

/// Checks a prefix and returns how many bytes follow.
pub fn parse_prefix(expected: u8, prefix: [u8; PREFIX]) -> Result<usize, HelloError> {
    let [l0, l1, l2, l3, found, flags, h0, h1, h2, h3] = prefix;
    if found != expected {
        return Err(HelloError::Kind { expected, found });
    }
    if flags != 0 {
        return Err(HelloError::Flags(flags));
    }
    let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let header_len = u32::from_le_bytes([h0, h1, h2, h3]) as usize;
    if len > MAX_HELLO {
        return Err(HelloError::TooLong(len));
    }
    if header_len != len {
        return Err(HelloError::Header { header_len, len });
    }
    Ok(len)
}

/// Decodes what followed the prefix, all of it.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, HelloError> {
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(HelloError::Trailing(rest.len())),
        Err(_) => Err(HelloError::Malformed),
    }
}

impl Hello {
    /// Whether `me` in `cluster` accepts this from the node that `certified` names; returns the
    /// version to speak.
    pub fn check(&self, cluster: &ClusterId, me: NodeId, certified: NodeId) -> Result<u16, Refused> {
        let refuse = |why, text| Err(Refused::new(why, text));
        if self.from != certified {
            let text =
                format!("Hello claims to be node {}, the certificate is node {certified}'s", self.from);
            return refuse(Refusal::Impostor, text);
        }
        if self.cluster != *cluster {
            let text = format!("Hello is for cluster {}, this is cluster {cluster}", self.cluster);
            return refuse(Refusal::WrongCluster, text);
        }
        if self.to != me {
            return refuse(Refusal::Misdirected, format!("Hello is for node {}, this is node {me}", self.to));
        }
        let newest = self.max_version.min(PROTOCOL_VERSION);
        if newest < self.min_version.max(OLDEST_VERSION) {
            let text = format!(
                "Hello offers protocol versions {}..={}, this node speaks {OLDEST_VERSION}..={PROTOCOL_VERSION}",
                self.min_version, self.max_version
            );
            return refuse(Refusal::Version, text);
        }
        Ok(newest)
    }
}

impl HelloAck {
    /// Whether the answer is one to a Hello that offered everything this program speaks.
    pub fn check(&self) -> Result<(), Refused> {
        if (OLDEST_VERSION..=PROTOCOL_VERSION).contains(&self.version) {
            return Ok(());
        }
        let text = format!("HelloAck chooses protocol version {}, which was not offered", self.version);
        Err(Refused::new(Refusal::Version, text))
    }
}
