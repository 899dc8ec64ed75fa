//! A client of the bare pipeline: one connection, any number of requests under way.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use quinn::{Connection, ConnectionError, Endpoint, VarInt};
use raft::ClusterId;
use register::ClientCerts;
use register::load::{Ending, Target};
use transport_quic::identity::{self, Identity};
use transport_quic::{ALPN_REGISTER, ConnectionSettings, Credentials, TrustAnchors, tls};

use super::net::{self, Reader};
use super::outbox::Outbox;
use super::wire::{Kind, frames};

/// How to reach the leader.
#[derive(Clone, Debug)]
pub struct Access {
    /// The cluster's name.
    pub cluster: ClusterId,
    /// What this client proves itself with.
    pub certs: ClientCerts,
    /// Where the leader takes requests.
    pub leader: SocketAddr,
    /// The largest UDP payload.
    pub mtu: u16,
}

/// A connection to the leader; clones share it. When the last is dropped, it is closed.
#[derive(Clone, Debug)]
pub struct BareClient {
    shared: Arc<Shared>,
    _open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    _endpoint: Endpoint,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.close(VarInt::from_u32(0), b"done");
    }
}

#[derive(Debug)]
struct Shared {
    requests: Outbox,
    waiting: Mutex<Waiting>,
}

/// Requests under way; a request's number is its place.
#[derive(Debug, Default)]
struct Waiting {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The connection is lost.
    lost: bool,
}

#[derive(Debug)]
enum Slot {
    Free,
    Asked(Option<Waker>),
    Answered,
    /// Whoever asked has gone.
    Abandoned,
}

impl BareClient {
    /// Connects, on the current runtime.
    pub async fn connect(access: &Access) -> Result<BareClient> {
        let trust = TrustAnchors::load(&access.certs.peer_ca)?;
        let credentials = Credentials::load(&access.certs.cert, &access.certs.key)?;
        let settings = net::with_mtu(&ConnectionSettings::client_port(), access.mtu);
        let settings = ConnectionSettings { bidi_streams: 0, ..settings };
        let tls = tls::client_config(ALPN_REGISTER, &trust, &credentials, &settings)?;
        let endpoint = net::endpoint((Ipv4Addr::UNSPECIFIED, 0).into(), None, access.mtu)?;
        let connection = net::dial(&endpoint, &tls, access.leader, &access.leader.ip().to_string()).await?;
        match identity::of_connection(&connection, &access.cluster)? {
            Identity::Peer { .. } => {}
            Identity::Client { name } => bail!("{} shows the certificate of client {name}", access.leader),
        }
        let (mut send, recv) = connection.open_bi().await.context("opening the stream of requests")?;
        let shared = Arc::new(Shared { requests: Outbox::default(), waiting: Mutex::default() });
        let writing = shared.clone();
        tokio::spawn(async move { drop(writing.requests.write_to(&mut send).await) });
        let (reading, held) = (shared.clone(), connection.clone());
        tokio::spawn(async move {
            let why = match reading.read(Reader::new(recv)).await {
                Ok(()) => "it ended the stream".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            if held.close_reason() != Some(ConnectionError::LocallyClosed) {
                eprintln!("the leader is lost: {why}");
            }
            reading.lose();
        });
        Ok(BareClient { shared, _open: Arc::new(Open { connection, _endpoint: endpoint }) })
    }

    /// Nothing after the connection was lost.
    fn ask(&self, kind: Kind, body: &[&[u8]]) -> Option<Answered> {
        let mut waiting = self.shared.waiting();
        if waiting.lost {
            return None;
        }
        let slot = waiting.take();
        drop(waiting);
        self.shared.requests.frame(kind, slot as u64, body);
        Some(Answered { shared: self.shared.clone(), slot, ended: false })
    }

    async fn ending(answered: Option<Answered>, otherwise: Ending) -> Ending {
        let Some(answered) = answered else { return Ending::NotApplied };
        if answered.await { Ending::Done } else { otherwise }
    }
}

impl Target for BareClient {
    async fn put(&self, key: Bytes, value: Bytes) -> Ending {
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes();
        let answered = self.ask(Kind::Put, &[&length, &key, &value]);
        BareClient::ending(answered, Ending::Unknown).await
    }

    async fn get(&self, key: Bytes) -> Ending {
        BareClient::ending(self.ask(Kind::Get, &[&key]), Ending::NotApplied).await
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, mut reader: Reader) -> Result<()> {
        while let Some(bytes) = reader.frames().await? {
            let mut waiting = self.waiting();
            for frame in frames(&bytes) {
                let frame = frame?;
                match frame.kind {
                    Kind::Written | Kind::Found | Kind::NotFound => waiting.answered(frame.number)?,
                    other => bail!("the leader sent {other:?}"),
                }
            }
        }
        Ok(())
    }

    fn lose(&self) {
        let mut waiting = self.waiting();
        waiting.lost = true;
        for slot in &mut waiting.slots {
            if let Slot::Asked(Some(waker)) = slot {
                waker.wake_by_ref();
            }
        }
    }
}

impl Waiting {
    fn take(&mut self) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() - 1
        });
        self.slots[slot] = Slot::Asked(None);
        slot
    }

    fn give_back(&mut self, slot: usize) {
        self.slots[slot] = Slot::Free;
        self.free.push(slot);
    }

    fn answered(&mut self, number: u64) -> Result<()> {
        let slot = usize::try_from(number).ok().filter(|slot| *slot < self.slots.len());
        let Some(slot) = slot else { bail!("an answer to request {number}, which was never sent") };
        match std::mem::replace(&mut self.slots[slot], Slot::Answered) {
            Slot::Asked(waker) => waker.into_iter().for_each(Waker::wake),
            Slot::Abandoned => self.give_back(slot),
            Slot::Free | Slot::Answered => bail!("a second answer to request {number}"),
        }
        Ok(())
    }
}

/// Waits for an answer: whether there was one.
struct Answered {
    shared: Arc<Shared>,
    slot: usize,
    ended: bool,
}

impl Future for Answered {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        let mut waiting = this.shared.waiting();
        let lost = waiting.lost;
        match &mut waiting.slots[this.slot] {
            Slot::Asked(waker) if !lost => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                return Poll::Pending;
            }
            Slot::Answered => {
                waiting.give_back(this.slot);
                this.ended = true;
                return Poll::Ready(true);
            }
            Slot::Asked(_) | Slot::Free | Slot::Abandoned => {}
        }
        // The slot is not used again: nothing is asked any more.
        this.ended = true;
        Poll::Ready(false)
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut waiting = self.shared.waiting();
        match waiting.slots[self.slot] {
            Slot::Answered => waiting.give_back(self.slot),
            Slot::Asked(_) => waiting.slots[self.slot] = Slot::Abandoned,
            Slot::Free | Slot::Abandoned => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_used_again_only_after_its_answer_came() {
        let mut waiting = Waiting::default();
        assert_eq!((waiting.take(), waiting.take()), (0, 1));
        waiting.slots[0] = Slot::Abandoned;
        assert_eq!(waiting.take(), 2);
        waiting.answered(0).unwrap();
        assert_eq!(waiting.take(), 0);
        waiting.answered(1).unwrap();
        assert_eq!(waiting.take(), 3, "whoever asked has not looked yet");
        assert!(waiting.answered(1).is_err());
        assert!(waiting.answered(9).is_err());
    }
}
