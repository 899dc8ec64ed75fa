//! Why a node refuses or closes a client's connection: counted by name, and sent as the application
//! error code (RFC 9000 §20.2) with a sentence behind it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use quinn::{Connection, ConnectionError, VarInt};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// Why. The numbers are on the wire: never change one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Reason { $($(#[$doc])* $variant = $code,)* }

        impl Reason {
            const ALL: &[Reason] = &[$(Reason::$variant,)*];

            /// Its name in counters and logs.
            pub(super) fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }
        }
    };
}
reasons! {
    /// TLS refused the client: no certificate, or not one of the client CA.
    Certificate = 16, "bad_certificate";
    /// A verified certificate, but not a client's of this cluster.
    NotAClient = 17, "not_a_client";
    /// No connection came about for another reason.
    Handshake = 18, "handshake";
    /// There is no version of the protocol that both speak.
    Version = 19, "version";
    /// Hello did not come in time, or something else came first.
    NoHello = 20, "no_hello";
    /// What came is not a frame.
    Malformed = 21, "malformed_frame";
    /// A frame was begun and not finished in time.
    Slow = 22, "frame_timeout";
    /// More connections than the node takes.
    TooMany = 23, "too_many_connections";
    /// The node ends.
    Stopping = 24, "stopping";
}

impl Reason {
    /// Ends the connection; the text may be shown to the client's user.
    pub(super) fn close(self, connection: &Connection, text: &str) {
        // A longer reason does not fit the frame.
        let text: String = text.chars().take(200).collect();
        connection.close(VarInt::from_u32(self as u32), text.as_bytes());
    }

    /// What a failed handshake means to the side that accepts.
    pub(super) fn of_handshake(error: &ConnectionError) -> Reason {
        if is_certificate_alert(error) { Reason::Certificate } else { Reason::Handshake }
    }
}

/// Whether the connection failed because one side would not accept who the other is.
pub(super) fn is_authorisation(error: &ConnectionError) -> bool {
    let codes = [Reason::Certificate, Reason::NotAClient].map(|r| u64::from(r as u32));
    match error {
        ConnectionError::ApplicationClosed(close) => codes.contains(&close.error_code.into_inner()),
        error => is_certificate_alert(error),
    }
}

/// TLS alerts (RFC 8446 §6.2) travel as QUIC errors 0x100 + alert (RFC 9001 §4.8): 42–46 and 48, 49,
/// 51 are about certificates, 116 is their lack.
fn is_certificate_alert(error: &ConnectionError) -> bool {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        _ => return false,
    };
    matches!(code.checked_sub(0x100), Some(42..=46 | 48 | 49 | 51 | 116))
}

/// How often each.
#[derive(Debug, Default)]
pub(super) struct ReasonCounts([AtomicU64; Reason::ALL.len()]);

impl ReasonCounts {
    pub(super) fn count(&self, reason: Reason) {
        if let Some(slot) = Reason::ALL.iter().position(|r| *r == reason) {
            self.0[slot].fetch_add(1, Relaxed);
        }
    }

    /// Those that happened, by name.
    pub(super) fn snapshot(&self) -> Vec<(String, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        let named = Reason::ALL.iter().map(|r| r.name().to_owned()).zip(counts);
        named.filter(|(_, count)| *count > 0).collect()
    }
}
