//! Dialling a node's client port: resolve, connect, check who it is, say Hello, wait for Welcome.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use raft::ClusterId;
use tokio::time::timeout;
use transport_quic::identity::{self, Identity};

use super::reason;
use crate::client_core::DialError;
use crate::protocol::{self, Hello, Message, Request, Response};

/// How long a dial may take, from the name to the Welcome.
const DIAL_DEADLINE: Duration = Duration::from_secs(3);
/// Pieces, of about a packet, that are read from a stream at once.
const PIECES: usize = 64;

/// How to dial; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Dialler {
    pub(super) cluster: ClusterId,
    pub(super) endpoint: Endpoint,
    pub(super) config: quinn::ClientConfig,
}

/// A connection that the node has welcomed.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) responses: Responses,
}

/// Why there is none, for the core and for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialFailure {
    pub(super) error: DialError,
    pub(super) why: String,
}

impl DialFailure {
    fn unreachable(why: impl Into<Box<dyn Error + Send + Sync>>) -> DialFailure {
        DialFailure { error: DialError::Unreachable, why: why.into().to_string() }
    }
}

impl From<ConnectionError> for DialFailure {
    fn from(error: ConnectionError) -> DialFailure {
        let kind =
            if reason::is_authorisation(&error) { DialError::NotAuthorised } else { DialError::Unreachable };
        DialFailure { error: kind, why: error.to_string() }
    }
}

impl Dialler {
    /// Dials `host:port`. Cancelled, nothing is left behind.
    pub(super) async fn dial(&self, address: &str) -> Result<Dialled, DialFailure> {
        match timeout(DIAL_DEADLINE, self.dial_any(address)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(DialFailure::unreachable("no answer in time")),
        }
    }

    /// Tries every address that the name has, until one works.
    async fn dial_any(&self, address: &str) -> Result<Dialled, DialFailure> {
        let host = host_of(address).ok_or_else(|| DialFailure::unreachable("not host:port"))?;
        let resolved = tokio::net::lookup_host(address).await.map_err(DialFailure::unreachable)?;
        let mut failure = DialFailure::unreachable("the name has no address");
        for address in resolved {
            match self.dial_one(address, host).await {
                Ok(dialled) => return Ok(dialled),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn dial_one(&self, address: SocketAddr, host: &str) -> Result<Dialled, DialFailure> {
        let connecting = self.endpoint.connect_with(self.config.clone(), address, host);
        let connection = connecting.map_err(DialFailure::unreachable)?.await?;
        match identity::of_connection(&connection, &self.cluster) {
            Ok(Identity::Peer { .. }) => {}
            Ok(Identity::Client { .. }) => {
                let why = "it shows a client's certificate, not a node's".into();
                return Err(DialFailure { error: DialError::NotAuthorised, why });
            }
            Err(error) => {
                return Err(DialFailure { error: DialError::NotAuthorised, why: error.to_string() });
            }
        }
        // In TLS 1.3 we are connected before the node has seen our certificate: whatever fails
        // before Welcome is told by how the connection ended.
        match greet(&connection).await {
            Ok((send, responses)) => Ok(Dialled { connection, send, responses }),
            Err(why) => Err(connection.close_reason().map_or(DialFailure::unreachable(why), Into::into)),
        }
    }
}

async fn greet(connection: &Connection) -> Result<(SendStream, Responses), String> {
    let (mut send, recv) = connection.open_bi().await.map_err(|e| e.to_string())?;
    let hello = Request::Hello(Hello { min_version: protocol::VERSION, max_version: protocol::VERSION });
    send.write_all(&hello.to_frame(0)).await.map_err(|e| e.to_string())?;
    let mut responses =
        Responses { recv, received: BytesMut::new(), pieces: [const { Bytes::new() }; PIECES] };
    let first = responses.next().await.map_err(|e| e.to_string())?;
    match first.as_slice() {
        [(0, Response::Welcome(_))] => Ok((send, responses)),
        _ => Err("it does not welcome us".into()),
    }
}

/// The host in `host:port`, without the brackets of an IPv6 address.
fn host_of(address: &str) -> Option<&str> {
    let (host, _) = address.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    Some(bare.unwrap_or(host))
}

/// What a node says on one stream.
#[derive(Debug)]
pub(super) struct Responses {
    recv: RecvStream,
    received: BytesMut,
    pieces: [Bytes; PIECES],
}

impl Responses {
    /// All that has arrived whole, at least one; an error once there is no more. Cancelled, nothing
    /// is lost.
    pub(super) async fn next(&mut self) -> io::Result<Vec<(u64, Response)>> {
        let mut all = Vec::new();
        loop {
            while let Some(frame) = protocol::next_frame(&mut self.received).map_err(io::Error::other)? {
                all.push(frame);
            }
            if !all.is_empty() {
                return Ok(all);
            }
            match self.recv.read_chunks(&mut self.pieces).await? {
                Some(count) => {
                    for piece in &mut self.pieces[..count] {
                        self.received.extend_from_slice(&std::mem::take(piece));
                    }
                }
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address() {
        assert_eq!(host_of("n1.example:7101"), Some("n1.example"));
        assert_eq!(host_of("127.0.0.1:1"), Some("127.0.0.1"));
        assert_eq!(host_of("[::1]:1"), Some("::1"));
        assert_eq!(host_of("n1.example"), None);
    }
}
