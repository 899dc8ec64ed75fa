//! Dialling a peer: from its address to the answer to our Hello.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use quinn::{Connecting, Connection, ConnectionError, SendStream};
use raft::NodeId;
use raft::wire::PROTOCOL_VERSION;
use tokio::time::{Instant, timeout};

use crate::config::PeerAddr;
use crate::frames::{FrameReader, ReadEnd};
use crate::hello::{self, HELLO_ACK, Hello, HelloAck, OLDEST_VERSION};
use crate::identity::{self, escape};
use crate::purpose::Purpose;
use crate::refusal::{NO_ERROR, Refusal, Refused};
use crate::shared::Shared;
use crate::stats::Tracked;

/// How long an attempt may wait for the peer's first answer, between these two, four times the
/// longest wait between attempts. A fresh attempt sends at once, an old one only when its ever
/// longer probe timer fires: where a partition heals, that decides how long nodes stay apart.
const FIRST_ANSWER: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// A connection whose Hello was answered.
pub(crate) struct Dialled {
    pub(crate) connection: Connection,
    /// The stream that Hello went on.
    pub(crate) control: SendStream,
    pub(crate) ack: HelloAck,
    pub(crate) tracked: Tracked,
}

/// Why an attempt failed.
pub(crate) enum DialError {
    /// Nobody is there.
    Unreachable(String),
    /// The connection broke, or the peer would not have us.
    Lost(ConnectionError),
    /// We would not have who is there.
    Refused(Refused),
}

/// One attempt; `alive` is set when the peer first answers. Cancelled, it leaves nothing behind.
pub(crate) async fn dial(
    shared: &Shared,
    peer: NodeId,
    address: PeerAddr,
    purpose: Purpose,
    alive: &OnceLock<Instant>,
) -> Result<Dialled, DialError> {
    let address = resolve(shared, address).await?;
    let name = identity::server_name(&shared.cluster, peer);
    let connecting = shared
        .endpoint
        .connect_with(shared.dialling.clone(), address, &name)
        .map_err(|e| DialError::Unreachable(e.to_string()))?;
    let limit = shared.limits.hello;
    let connection = timeout(limit, answered(connecting, address, shared.reconnect_cap, alive))
        .await
        .map_err(|_| DialError::Unreachable(format!("{address}: the handshake does not end")))??;
    let tracked = shared.stats.track(&connection);
    let greeted = timeout(limit, greet(shared, peer, purpose, &connection)).await;
    let refused = match greeted {
        Ok(Ok((control, ack))) => return Ok(Dialled { connection, control, ack, tracked }),
        Ok(Err(ReadEnd::Lost | ReadEnd::NodeEnded)) => {
            // A stream may be lost without its connection; closing would hide the peer's reason.
            let lost = connection.close_reason().unwrap_or(ConnectionError::LocallyClosed);
            connection.close(NO_ERROR, b"");
            return Err(DialError::Lost(lost));
        }
        Ok(Err(ReadEnd::Refused(refused))) => refused,
        Err(_) => Refused::new(Refusal::HelloTimeout, format!("no answer to Hello within {limit:?}")),
    };
    refused.close(&connection);
    Err(DialError::Refused(refused))
}

async fn resolve(shared: &Shared, address: PeerAddr) -> Result<SocketAddr, DialError> {
    let name = match address {
        PeerAddr::Fixed(address) => return Ok(address),
        PeerAddr::Named(name) => name,
    };
    let unreachable = |why: &str| DialError::Unreachable(format!("{}: {why}", escape(&name)));
    let mut found = tokio::net::lookup_host(&name).await.map_err(|e| unreachable(&e.to_string()))?;
    let v4 = shared.endpoint.local_addr().is_ok_and(|local| local.is_ipv4());
    found.find(|address| address.is_ipv4() || !v4).ok_or_else(|| unreachable("no usable address"))
}

/// The connection, unless the first answer does not come soon.
async fn answered(
    mut connecting: Connecting,
    address: SocketAddr,
    cap: Duration,
    alive: &OnceLock<Instant>,
) -> Result<Connection, DialError> {
    let soon = cap.saturating_mul(4).clamp(FIRST_ANSWER[0], FIRST_ANSWER[1]);
    // What the answer says cannot be kept across an await, and is of no interest.
    let first = timeout(soon, async { connecting.handshake_data().await.map(drop) }).await;
    let connection = match first {
        Err(_) => return Err(DialError::Unreachable(format!("{address} does not answer"))),
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) => {
            alive.get_or_init(Instant::now);
            connecting.await
        }
    };
    connection.map_err(|error| match Refusal::of_handshake(&error) {
        Some(why) => DialError::Refused(Refused::new(why, error.to_string())),
        None => DialError::Lost(error),
    })
}

/// TLS has checked that the certificate has the name that was dialled; this checks the identity
/// that counts, and waits to be accepted.
async fn greet(
    shared: &Shared,
    peer: NodeId,
    purpose: Purpose,
    connection: &Connection,
) -> Result<(SendStream, HelloAck), ReadEnd> {
    let certified = shared.certified_peer(connection)?;
    if certified != peer {
        let text = format!("dialled node {peer}, the certificate is node {certified}'s");
        return Err(Refused::new(Refusal::WrongNode, text).into());
    }
    let hello = Hello {
        min_version: OLDEST_VERSION,
        max_version: PROTOCOL_VERSION,
        features: 0,
        cluster: shared.cluster.clone(),
        from: shared.me,
        to: peer,
        incarnation: shared.incarnation,
        boot: shared.boot,
    };
    let (mut control, answers) = connection.open_bi().await.map_err(|_| ReadEnd::Lost)?;
    control.write_all(&hello::encode(purpose.hello(), &hello)).await.map_err(|_| ReadEnd::Lost)?;
    let ack: HelloAck = FrameReader::new(answers, shared.limits.frame).hello(HELLO_ACK).await?;
    ack.check()?;
    Ok((control, ack))
}
