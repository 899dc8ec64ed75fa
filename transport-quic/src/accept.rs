//! The connections that peers dial to this node: checked in order — TLS, identity, membership,
//! Hello — and then read. Only then does anything reach the inbox.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use quinn::{Connection, Incoming};
use raft::transport::DeliverError;
use raft::wire::{Class, Prefix};
use raft::{Incarnation, NodeId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::frames::{FrameReader, ReadEnd, malformed};
use crate::hello::{self, HELLO_ACK, Hello, HelloAck};
use crate::purpose::Purpose;
use crate::refusal::{NO_ERROR, Refusal, Refused, refused_by_peer};
use crate::shared::Shared;
use crate::stats::{Tracked, add};

/// Accepts connections until the endpoint is closed.
pub(crate) async fn run(shared: Arc<Shared>) {
    let handshakes = Arc::new(Semaphore::new(shared.limits.handshakes));
    let mut connections = JoinSet::new();
    while let Some(incoming) = shared.endpoint.accept().await {
        while connections.try_join_next().is_some() {}
        let busy = handshakes.available_permits() <= shared.limits.handshakes / 2;
        if busy && !incoming.remote_address_validated() && incoming.may_retry() {
            // RFC 9000 §8.1.2: costs no state here, and a sender with a forged address never returns.
            let _ = incoming.retry();
            continue;
        }
        match handshakes.clone().try_acquire_owned() {
            Ok(permit) => {
                connections.spawn(serve(shared.clone(), incoming, permit));
            }
            Err(_) => {
                let text = format!("{} connections are being set up", shared.limits.handshakes);
                shared.refuse("anyone", &Refused::new(Refusal::TooManyHandshakes, text));
                incoming.refuse();
            }
        }
    }
    tracing::error!("the endpoint has failed: no peer can connect any more");
}

async fn serve(shared: Arc<Shared>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let who = incoming.remote_address().ip().to_string();
    let Some((connection, tracked)) = handshake(&shared, incoming, &who).await else { return };
    let greeted = timeout(shared.limits.hello, greet(&shared, &connection)).await;
    drop(permit);
    let end = match greeted {
        Err(_) => {
            let text = format!("no Hello within {:?}", shared.limits.hello);
            ReadEnd::Refused(Refused::new(Refusal::HelloTimeout, text))
        }
        Ok(Err(end)) => end,
        Ok(Ok(peer)) => {
            let (id, purpose) = (peer.id, peer.purpose);
            let end = match purpose {
                Purpose::Messages => read(&shared, &connection, peer).await,
                Purpose::Snapshots => read_snapshots(&shared, &connection, peer).await,
            };
            forget(&shared, (id, purpose), &connection);
            end
        }
    };
    match end {
        ReadEnd::Refused(refused) => {
            refused.close(&connection);
            shared.refuse(&who, &refused);
        }
        ReadEnd::NodeEnded => connection.close(NO_ERROR, b"the node has ended"),
        ReadEnd::Lost => {
            if connection.close_reason().as_ref().and_then(refused_by_peer).is_some() {
                add(&shared.stats.counters().refused_by_peer, 1);
            }
        }
    }
    drop(tracked);
}

async fn handshake(shared: &Shared, incoming: Incoming, who: &str) -> Option<(Connection, Tracked)> {
    let handshake = async { incoming.accept()?.await };
    match timeout(shared.limits.hello, handshake).await {
        Ok(Ok(connection)) => {
            let tracked = shared.stats.track(&connection);
            Some((connection, tracked))
        }
        Ok(Err(error)) => {
            if let Some(why) = Refusal::of_handshake(&error) {
                shared.refuse(who, &Refused::new(why, error.to_string()));
            } else if refused_by_peer(&error).is_some() {
                add(&shared.stats.counters().refused_by_peer, 1);
            }
            None
        }
        Err(_) => {
            let text = format!("no handshake within {:?}", shared.limits.hello);
            shared.refuse(who, &Refused::new(Refusal::HelloTimeout, text));
            None
        }
    }
}

/// A peer that may talk.
struct Greeted {
    id: NodeId,
    incarnation: Incarnation,
    purpose: Purpose,
    /// The stream that Hello came on.
    first: FrameReader,
}

async fn greet(shared: &Shared, connection: &Connection) -> Result<Greeted, ReadEnd> {
    let id = shared.certified_peer(connection)?;
    if id == shared.me {
        return Err(Refused::new(Refusal::Myself, format!("the certificate is this node's, {id}")).into());
    }
    let Some(link) = shared.link(id) else {
        return Err(Refused::new(Refusal::UnknownMember, format!("node {id} is no member")).into());
    };
    let (mut answers, control) = connection.accept_bi().await.map_err(|_| ReadEnd::Lost)?;
    let mut control = FrameReader::new(control, shared.limits.frame);
    let (purpose, hello): (Purpose, Hello) = control.greeting().await?;
    let version = hello.check(&shared.cluster, shared.me, id)?;
    let ack = HelloAck { version, features: 0, incarnation: shared.incarnation, boot: shared.boot };
    answers.write_all(&hello::encode(HELLO_ACK, &ack)).await.map_err(|_| ReadEnd::Lost)?;

    let mut accepted = shared.accepted.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(older) = accepted.insert((id, purpose), connection.clone()) {
        older.close(NO_ERROR, b"replaced by a newer connection");
    }
    drop(accepted);
    add(&shared.stats.counters().accepts, 1);
    if purpose == Purpose::Messages {
        link.heard(hello.boot);
    }
    Ok(Greeted { id, incarnation: hello.incarnation, purpose, first: control })
}

/// Reads the one stream of a connection for snapshots until it ends. One frame at a time waits for the
/// node: the peer's window is what it may have under way besides.
async fn read_snapshots(shared: &Shared, connection: &Connection, peer: Greeted) -> ReadEnd {
    let Greeted { id, incarnation, first, .. } = peer;
    tokio::select! {
        end = deliver(shared, id, incarnation, Purpose::Snapshots.first_stream(), first) => end,
        second = connection.accept_bi() => match second {
            Ok(_) => Refused::new(Refusal::StreamMisuse, "a second stream for snapshots").into(),
            Err(_) => ReadEnd::Lost,
        },
    }
}

/// Reads both streams until the connection ends.
async fn read(shared: &Shared, connection: &Connection, peer: Greeted) -> ReadEnd {
    let Greeted { id: peer, incarnation, first: control, .. } = peer;
    let log = async {
        let Ok((_, log)) = connection.accept_bi().await else { return ReadEnd::Lost };
        let log = FrameReader::new(log, shared.limits.frame);
        tokio::select! {
            end = deliver(shared, peer, incarnation, Class::Log, log) => end,
            third = connection.accept_bi() => match third {
                Ok(_) => Refused::new(Refusal::StreamMisuse, "a third stream").into(),
                Err(_) => ReadEnd::Lost,
            },
        }
    };
    tokio::select! {
        end = deliver(shared, peer, incarnation, Purpose::Messages.first_stream(), control) => end,
        end = log => end,
    }
}

/// Delivers a stream's frames. The sender is who the certificate named; no frame can say otherwise.
async fn deliver(
    shared: &Shared,
    peer: NodeId,
    incarnation: Incarnation,
    class: Class,
    mut frames: FrameReader,
) -> ReadEnd {
    loop {
        let (prefix, payload): (Prefix, Bytes) = match frames.next(class).await {
            Ok(frame) => frame,
            Err(end) => return end,
        };
        let delivered =
            shared.inbox.deliver(peer, incarnation, prefix.kind, prefix.header_len, &payload).await;
        match delivered {
            Ok(()) => add(&shared.stats.counters().frames_delivered, 1),
            Err(DeliverError::Decode(error)) => return malformed(&error).into(),
            Err(DeliverError::Closed) => return ReadEnd::NodeEnded,
            // A lost frame, which Raft survives; `deliver` waits instead.
            Err(DeliverError::Full) => add(&shared.stats.counters().frames_dropped, 1),
        }
    }
}

fn forget(shared: &Shared, peer: (NodeId, Purpose), connection: &Connection) {
    let mut accepted = shared.accepted.lock().unwrap_or_else(PoisonError::into_inner);
    if accepted.get(&peer).is_some_and(|c| c.stable_id() == connection.stable_id()) {
        accepted.remove(&peer);
    }
}
