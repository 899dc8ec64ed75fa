//! The network client: one session, one connection per node, any number of requests in flight.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft::ClusterId;
use transport_quic::{ALPN_REGISTER, ConnectionSettings, Credentials, TrustAnchors, tls};

use super::dial::{DialFailure, Dialled, Dialler};
use super::pump::Pump;
use super::socket;
use crate::client_core::{ClientCore, DialError, Operation, Outcome};
use crate::command::{Answer, Command, Query};
use crate::outcome::{Doubt, Expect, Failure, Invalid, Swap, Version, Versioned, WriteError};
use crate::protocol::{Message, Request, Response};
use crate::status::NodeStatus;

/// The files that a client proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCerts {
    /// The authority (or bundle) that vouches for nodes.
    pub peer_ca: PathBuf,
    /// The client's certificate.
    pub cert: PathBuf,
    /// Its private key; refused if others can read it.
    pub key: PathBuf,
}

impl ClientCerts {
    /// The files of client `name` in a directory made by `raft-register cert`.
    #[must_use]
    pub fn in_dir(dir: &Path, name: &str) -> ClientCerts {
        ClientCerts {
            peer_ca: dir.join(format!("{}.pem", transport_quic::pki::PEER_CA)),
            cert: dir.join(format!("{}.pem", transport_quic::pki::client_file(name))),
            key: dir.join(format!("{}.key", transport_quic::pki::client_file(name))),
        }
    }
}

/// What a client is started with.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The cluster's name; nodes of another are refused.
    pub cluster: ClusterId,
    /// Client addresses of some or all nodes, `host:port`. Others are learned from hints. The host
    /// must stand in the node's certificate.
    pub endpoints: Vec<String>,
    /// Who the client is.
    pub certs: ClientCerts,
    /// A node that says nothing for so long while it owes an answer is suspected: the request goes
    /// to another node too.
    pub attempt_timeout: Duration,
}

impl ClientConfig {
    /// How long a node may be silent, if nothing else is said.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);

    /// With the default attempt timeout.
    #[must_use]
    pub fn new(cluster: ClusterId, endpoints: Vec<String>, certs: ClientCerts) -> ClientConfig {
        ClientConfig { cluster, endpoints, certs, attempt_timeout: ClientConfig::ATTEMPT_TIMEOUT }
    }
}

/// Why a client cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Without endpoints there is no one to ask.
    #[error("no endpoints given")]
    NoEndpoints,
    /// Certificate, key or authority cannot be used.
    #[error("{0}")]
    Certs(String),
    /// No socket.
    #[error("cannot open a UDP socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// Why a node did not tell its status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It did not answer in time, or there is no such host.
    #[error("{endpoint}: {why}")]
    Unreachable {
        /// Whom.
        endpoint: String,
        /// What was tried.
        why: String,
    },
    /// It refuses this client, or this client refuses it.
    #[error("{endpoint}: not authorised: {why}")]
    NotAuthorised {
        /// Whom.
        endpoint: String,
        /// What it said.
        why: String,
    },
}

/// A client of one cluster. Clones share the session and the connections; when the last is dropped
/// they are closed.
///
/// Every request is tried again, on whichever node leads, until it is answered or its `timeout`
/// has passed. Any number may be in flight at once; they are not ordered among each other.
#[derive(Clone, Debug)]
pub struct Client {
    pump: Arc<Pump>,
}

impl Client {
    /// Loads the certificates and starts, on the current tokio runtime. Waits for no node: the
    /// first request does. Cancelling is harmless.
    pub async fn connect(config: ClientConfig) -> Result<Client, ConnectError> {
        if config.endpoints.is_empty() {
            return Err(ConnectError::NoEndpoints);
        }
        let certs = |error: &dyn std::fmt::Display| ConnectError::Certs(error.to_string());
        let trust = TrustAnchors::load(&config.certs.peer_ca).map_err(|e| certs(&e))?;
        let credentials = Credentials::load(&config.certs.cert, &config.certs.key).map_err(|e| certs(&e))?;
        let settings = ConnectionSettings { bidi_streams: 0, ..ConnectionSettings::client_port() };
        let tls =
            tls::client_config(ALPN_REGISTER, &trust, &credentials, &settings).map_err(|e| certs(&e))?;
        let endpoint = socket::endpoint(any_port()?, None)?;
        let dialler = Dialler { cluster: config.cluster, endpoint, config: tls };
        // Only so that clients do not draw the same pauses.
        let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let core = ClientCore::new(config.endpoints, config.attempt_timeout, seed);
        Ok(Client { pump: Arc::new(Pump::start(core, dialler)) })
    }

    /// The value of `key`, linearizably: at least as new as every write that was answered before
    /// the call. Cancelling is harmless.
    pub async fn get(&self, key: impl Into<Bytes>, timeout: Duration) -> Result<Option<Versioned>, Failure> {
        let operation = Operation::Read(Query::Get { key: key.into() });
        match self.pump.run(operation, timeout).await {
            Some(Outcome::Done(Answer::Seen(seen))) => Ok(seen),
            Some(Outcome::Done(_)) => Err(Invalid::Malformed.into()),
            Some(Outcome::NotApplied(failure)) => Err(failure),
            Some(Outcome::Unknown(_)) => Err(Failure::Unavailable),
            None => Err(Failure::Closed),
        }
    }

    /// Sets `key` to `value`. Cancelled, it may or may not take effect; it is not tried again.
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Version, WriteError> {
        match self.write(Command::Put { key: key.into(), value: value.into() }, timeout).await? {
            Answer::Written(version) => Ok(version),
            Answer::Seen(_) | Answer::Deleted(_) | Answer::Malformed => Err(ODD),
        }
    }

    /// Sets `key` to `value` if it is as expected, and says what was there if it was not.
    /// Cancelled, it may or may not take effect; it is not tried again.
    pub async fn cas(
        &self,
        key: impl Into<Bytes>,
        expect: Expect,
        value: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Swap, WriteError> {
        let command = Command::Cas { key: key.into(), expect, value: value.into() };
        match self.write(command, timeout).await? {
            Answer::Written(version) => Ok(Swap::Swapped { version }),
            Answer::Seen(seen) => Ok(Swap::NotSwapped { seen }),
            Answer::Deleted(_) | Answer::Malformed => Err(ODD),
        }
    }

    /// Removes `key`; the version that it had, if it had a value. Cancelled, it may or may not take
    /// effect; it is not tried again.
    pub async fn delete(
        &self,
        key: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Option<Version>, WriteError> {
        match self.write(Command::Delete { key: key.into() }, timeout).await? {
            Answer::Deleted(version) => Ok(version),
            Answer::Written(_) | Answer::Seen(_) | Answer::Malformed => Err(ODD),
        }
    }

    /// Asks one node (`host:port` of its client port) for its status, over a connection made for
    /// it. Cancelling is harmless.
    pub async fn status(&self, endpoint: &str, timeout: Duration) -> Result<NodeStatus, StatusError> {
        let unreachable = |why: String| StatusError::Unreachable { endpoint: endpoint.into(), why };
        match tokio::time::timeout(timeout, self.ask_status(endpoint)).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(DialFailure { error: DialError::Unreachable, why })) => Err(unreachable(why)),
            Ok(Err(DialFailure { error: DialError::NotAuthorised, why })) => {
                Err(StatusError::NotAuthorised { endpoint: endpoint.into(), why })
            }
            Err(_) => Err(unreachable("no answer in time".into())),
        }
    }

    /// What went wrong when a node was dialled or a connection ended last, in words for a person.
    #[must_use]
    pub fn last_connection_failure(&self) -> Option<String> {
        self.pump.last_failure()
    }

    async fn write(&self, command: Command, timeout: Duration) -> Result<Answer, WriteError> {
        match self.pump.run(Operation::Write(command), timeout).await {
            Some(Outcome::Done(answer)) => Ok(answer),
            Some(Outcome::NotApplied(failure)) => Err(failure.into()),
            Some(Outcome::Unknown(doubt)) => Err(doubt.into()),
            None => Err(Doubt::Closed.into()),
        }
    }

    async fn ask_status(&self, endpoint: &str) -> Result<NodeStatus, DialFailure> {
        let Dialled { connection, mut send, mut responses } = self.pump.dialler().dial(endpoint).await?;
        let failed = |why: String| DialFailure { error: DialError::Unreachable, why };
        send.write_all(&Request::Status.to_frame(1)).await.map_err(|e| failed(e.to_string()))?;
        let answer = responses.next().await.map_err(|e| failed(e.to_string()))?;
        connection.close(quinn::VarInt::from_u32(0), b"");
        match answer.into_iter().next() {
            Some((1, Response::Status(status))) => Ok(*status),
            _ => Err(failed("it did not answer with its status".into())),
        }
    }
}

/// An answer to another question than was asked: something was done, but not what.
const ODD: WriteError = WriteError::Unknown(Doubt::Unanswered);

/// A socket for both families where there are both.
fn any_port() -> std::io::Result<std::net::UdpSocket> {
    socket::bind((Ipv6Addr::UNSPECIFIED, 0).into())
        .or_else(|_| socket::bind((Ipv4Addr::UNSPECIFIED, 0).into()))
}
