//! The network client: one session, one connection per node, any number of requests in flight.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use raft::ClusterId;

use crate::outcome::{Expect, Failure, Swap, Version, Versioned, WriteError};
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
            peer_ca: dir.join("peer-ca.pem"),
            cert: dir.join(format!("client-{name}.pem")),
            key: dir.join(format!("client-{name}.key")),
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
    /// With the default attempt timeout of one second.
    #[must_use]
    pub fn new(cluster: ClusterId, endpoints: Vec<String>, certs: ClientCerts) -> ClientConfig {
        ClientConfig { cluster, endpoints, certs, attempt_timeout: Duration::from_secs(1) }
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
pub struct Client {}

impl Client {
    /// Loads the certificates and starts. Waits for no node: the first request does.
    /// Cancelling is harmless.
    pub async fn connect(config: ClientConfig) -> Result<Client, ConnectError> {
        let _ = config;
        Ok(Client {})
    }

    /// The value of `key`, linearizably: at least as new as every write that was answered before
    /// the call. Cancelling is harmless.
    pub async fn get(&self, key: impl Into<Bytes>, timeout: Duration) -> Result<Option<Versioned>, Failure> {
        let _ = (key.into(), timeout);
        Err(Failure::Closed)
    }

    /// Sets `key` to `value`. Cancelled, it may or may not take effect; it is not tried again.
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Version, WriteError> {
        let _ = (key.into(), value.into(), timeout);
        Err(Failure::Closed.into())
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
        let _ = (key.into(), expect, value.into(), timeout);
        Err(Failure::Closed.into())
    }

    /// Removes `key`; the version that it had, if it had a value. Cancelled, it may or may not take
    /// effect; it is not tried again.
    pub async fn delete(
        &self,
        key: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Option<Version>, WriteError> {
        let _ = (key.into(), timeout);
        Err(Failure::Closed.into())
    }

    /// Asks one node (`host:port` of its client port) for its status, over a connection made for
    /// it. Cancelling is harmless.
    pub async fn status(&self, endpoint: &str, timeout: Duration) -> Result<NodeStatus, StatusError> {
        let _ = timeout;
        Err(StatusError::Unreachable { endpoint: endpoint.into(), why: "not connected".into() })
    }
}
