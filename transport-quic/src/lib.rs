//! Raft RPCs over QUIC with mutual TLS 1.3.
//!
//! | file | what |
//! |---|---|
//! | [`pki`] | making authorities and certificates, in memory or in a directory |
//! | [`credentials`] | loading them: certificates, keys, bundles of trusted authorities |
//! | [`identity`] | who a certificate says its holder is |
//! | [`tls`] | TLS configurations: 1.3 only, both sides authenticated, nothing resumed |
//! | [`settings`] | what a QUIC connection is configured with, and why |
//! | [`hello`] | the first frame of a connection and its answer |
//! | [`refusal`] | every reason to refuse or close a connection; its number on the wire |
//! | [`config`] | what a node's transport is started with |
//! | [`transport`] | [`QuicTransport`]: the endpoint, its peers and its tasks |
//! | `link` · `dial` · `queue` | the connection to a peer; making it; frames that wait for it |
//! | `accept` · `frames` | the connections accepted from peers; reading frames from them |
//! | `shared` · `socket` | what the tasks share; a UDP socket that closes at once |
//! | [`stats`] | counters |
//!
//! Every node dials every other and keeps both connections of a pair: it writes all its frames,
//! requests and replies, to the connection that it dialled, and only reads those it accepted. No
//! tie has to be broken, and each direction fails and recovers alone.
#![forbid(unsafe_code)]

mod accept;
mod bulk;
pub mod config;
pub mod credentials;
mod dial;
mod frames;
pub mod hello;
pub mod identity;
mod link;
pub mod pki;
mod purpose;
mod queue;
pub mod refusal;
pub mod settings;
mod shared;
mod socket;
pub mod stats;
pub mod tls;
pub mod transport;

pub use config::{Bind, Limits, PeerAddr, PeerConfig};
pub use credentials::{Credentials, TrustAnchors};
pub use identity::Identity;
pub use pki::{Pki, Validity};
pub use refusal::{Refusal, Refused};
pub use settings::ConnectionSettings;
pub use stats::{QuicStats, StatsSnapshot};
pub use tls::{ALPN_PEER, ALPN_REGISTER};
pub use transport::{QuicTransport, StartError};
