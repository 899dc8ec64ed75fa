//! Every reason to refuse or close a connection: counted by name, and sent as the application error
//! code (RFC 9000 §20.2) with a sentence behind it, so that both ends say the same.

use quinn::{Connection, ConnectionError, TransportErrorCode, VarInt};

use crate::identity::escape;

/// The close code of an orderly end, and of a connection that a newer one replaces.
pub(crate) const NO_ERROR: VarInt = VarInt::from_u32(0);

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// Why a connection was refused or closed. The numbers are on the wire: never change one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Refusal { $($(#[$doc])* $variant = $code,)* }

        impl Refusal {
            /// Every reason.
            pub const ALL: &[Refusal] = &[$(Refusal::$variant,)*];

            /// Its name in counters and logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Refusal::$variant => $name,)* }
            }
        }
    };
}
refusals! {
    /// The peer showed no certificate.
    NoCertificate = 16, "no_certificate";
    /// Its certificate is from an authority that is not trusted here.
    UntrustedAuthority = 17, "untrusted_authority";
    /// Its certificate is expired or not valid yet.
    Expired = 18, "expired";
    /// Its certificate fails verification otherwise: another name, another use, a bad signature.
    BadCertificate = 19, "bad_certificate";
    /// No connection came about for another reason, such as no common protocol.
    Handshake = 20, "handshake";
    /// A verified certificate, but of a client.
    NotAPeer = 21, "not_a_peer";
    /// A verified certificate, but for another cluster.
    WrongCluster = 22, "wrong_cluster";
    /// A verified certificate from which no identity can be read.
    BadIdentity = 23, "bad_identity";
    /// A node that is not among the peers.
    UnknownMember = 24, "unknown_member";
    /// The node's own id at the other end of a connection.
    Myself = 25, "myself";
    /// Another node than the one that was dialled.
    WrongNode = 26, "wrong_node";
    /// Its Hello claims another id than its certificate.
    Impostor = 27, "impostor";
    /// Its Hello is addressed to another node.
    Misdirected = 28, "misdirected";
    /// There is no version of the protocol that both speak.
    Version = 29, "version";
    /// What should be a Hello or its answer is not one.
    MalformedHello = 30, "malformed_hello";
    /// Hello or its answer did not come in time.
    HelloTimeout = 31, "hello_timeout";
    /// A frame is not a message.
    MalformedFrame = 32, "malformed_frame";
    /// A frame is longer than its kind may be.
    OversizedFrame = 33, "oversized_frame";
    /// A frame was begun and not finished in time.
    FrameTimeout = 34, "frame_timeout";
    /// A frame came on a stream for another class.
    WrongStream = 35, "wrong_stream";
    /// More streams than a peer opens, or one that ended.
    StreamMisuse = 36, "stream_misuse";
    /// The node above asked for the peer to be disconnected.
    Disconnected = 37, "disconnected";
    /// More connections were being set up than may be at a time.
    TooManyHandshakes = 38, "too_many_handshakes";
}

impl Refusal {
    /// The application error code.
    pub(crate) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    /// The position in [`Refusal::ALL`].
    pub(crate) fn slot(self) -> usize {
        (self as usize).saturating_sub(16)
    }

    /// Which TLS alert (RFC 8446 §6.2) means what, if we raised it ourselves.
    /// None where the connection just broke.
    pub(crate) fn of_handshake(error: &ConnectionError) -> Option<Refusal> {
        let ConnectionError::TransportError(error) = error else { return None };
        Some(match alert(error.code) {
            Some(116) => Refusal::NoCertificate,
            Some(48) => Refusal::UntrustedAuthority,
            Some(45) => Refusal::Expired,
            Some(42 | 43 | 44 | 46 | 51) => Refusal::BadCertificate,
            _ => Refusal::Handshake,
        })
    }
}

/// A reason, and the sentence that goes with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// Which reason, for counters and the close code.
    pub why: Refusal,
    text: String,
}

impl Refused {
    /// The text may quote the peer: it is escaped, and cut where it no longer fits a close frame.
    #[must_use]
    pub fn new(why: Refusal, text: impl AsRef<str>) -> Refused {
        Refused { why, text: escape(text.as_ref()) }
    }

    /// Tells the other side why, and ends the connection.
    pub(crate) fn close(&self, connection: &Connection) {
        connection.close(self.why.code(), self.text.as_bytes());
    }
}

/// Whether the other side ended the connection because it would not have us.
pub(crate) fn refused_by_peer(error: &ConnectionError) -> Option<String> {
    match error {
        ConnectionError::ApplicationClosed(close) if close.error_code != NO_ERROR => {
            Some(String::from_utf8_lossy(&close.reason).into_owned())
        }
        // A TLS alert. Others, such as CONNECTION_REFUSED while it shuts down, are not about us.
        ConnectionError::ConnectionClosed(close) if alert(close.error_code).is_some() => {
            Some(close.to_string())
        }
        _ => None,
    }
}

/// CRYPTO_ERROR codes carry a TLS alert (RFC 9001 §4.8).
fn alert(code: TransportErrorCode) -> Option<u64> {
    u64::from(code).checked_sub(0x100).filter(|alert| *alert < 0x100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_positions() {
        for (i, refusal) in Refusal::ALL.iter().enumerate() {
            assert_eq!(refusal.slot(), i, "{}", refusal.name());
        }
    }
}
