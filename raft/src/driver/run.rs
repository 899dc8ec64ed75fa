//! The loop: take every input that waits, step them all, write once, send once per peer.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Options;
use super::handle::Request;
use super::outside::{Event, Outside, since};
use super::starting::start;
use super::threads::Threads;
use super::waiting::Waiters;
use answers::Answers;

use crate::consensus::types::Timestamp;
use crate::pump::{Parts as PumpParts, Pump, StopCause, serve};
use crate::server::APPLY_PER_DRAIN;
use crate::state_machine::StateMachine;
use crate::storage::{Disk, Identity, Recovered, Storage};
use crate::transport::{Received, Transport};
use crate::wire::WireStats;

/// Inputs stepped before the outputs are acted on, at most: bounds a turn, and so the delay of a
/// heartbeat behind a flood of requests. No more than are then applied: what waits is to wait in
/// the queue, whose bytes are bounded, and not between commit and application.
const INPUTS_PER_TURN: usize = APPLY_PER_DRAIN;

pub(super) struct Parts<M, D: Disk, T> {
    pub(super) options: Options,
    pub(super) storage: Storage<D>,
    pub(super) identity: Identity,
    pub(super) recovered: Recovered,
    pub(super) machine: M,
    pub(super) transport: T,
    pub(super) inbox: mpsc::Receiver<Received>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) queued: Arc<AtomicUsize>,
    pub(super) wire: Arc<WireStats>,
    pub(super) end: watch::Sender<Option<StopCause>>,
}

/// Says `Dropped` if the task ends without having said anything else.
struct End(watch::Sender<Option<StopCause>>);

impl End {
    fn say(&self, cause: StopCause) {
        self.0.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(cause);
            first
        });
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.say(StopCause::Dropped);
    }
}

pub(super) fn spawn<M: StateMachine, D: Disk, T: Transport>(mut parts: Parts<M, D, T>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let end = End(std::mem::replace(&mut parts.end, watch::channel(None).0));
        let cause = match Loop::start(parts).await {
            Ok(node) => node.run().await,
            Err(cause) => cause,
        };
        tracing::info!(%cause, "node ends");
        end.say(cause);
    })
}

struct Loop<M: StateMachine, D: Disk, T> {
    outside: Outside<T>,
    pump: Pump<M, D, Threads<M>>,
    waiting: Waiters,
}

impl<M: StateMachine, D: Disk, T: Transport> Loop<M, D, T> {
    async fn start(parts: Parts<M, D, T>) -> Result<Self, StopCause> {
        let Parts { options, mut storage, identity, recovered, machine, .. } = parts;
        let Parts { transport, inbox, requests, queued, wire, .. } = parts;
        let disk = Arc::new(Notify::new());
        let wake = disk.clone();
        storage.set_waker(Box::new(move || wake.notify_one()));
        let mut outside = Outside { transport, inbox, requests, queued, wire, disk, clock: Instant::now() };
        let raft = start(&mut outside, &mut storage, &options, &identity, recovered).await;
        let server = match raft.and_then(|raft| serve(&mut storage, raft, machine)) {
            Ok(server) => server,
            Err(cause) => {
                outside.close().await;
                return Err(cause);
            }
        };
        let workshop = Threads::new(outside.disk.clone());
        let Options { boot, seed, .. } = options;
        let pump = Pump::new(PumpParts { storage, identity, boot, server, workshop, seed });
        Ok(Loop { outside, pump, waiting: Waiters::default() })
    }

    async fn run(mut self) -> StopCause {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(cause) => {
                    self.outside.close().await;
                    return cause;
                }
            }
        }
    }

    /// One turn: wait, take all that waits, act.
    async fn turn(&mut self) -> Result<(), StopCause> {
        let mut event = Some(self.outside.wait(self.pump.deadline()).await);
        // All that waits has come by now, and to ask for the time costs as much as a small input.
        let now = self.outside.now();
        let mut taken = 0;
        while let Some(current) = event {
            self.take(now, current)?;
            taken += 1;
            event = if taken < INPUTS_PER_TURN { self.outside.ready() } else { None };
        }
        self.act()
    }

    fn take(&mut self, now: Timestamp, event: Event) -> Result<(), StopCause> {
        match event {
            Event::Message(received) => {
                let mut outlet = Answers { outside: &mut self.outside, waiting: &mut self.waiting };
                self.pump.receive(now, received, &mut outlet)
            }
            Event::Request(request) => self.take_request(now, request),
            // `act` pumps the log, whatever woke us.
            Event::Disk | Event::Deadline => self.pump.pass(now),
        }
    }

    fn take_request(&mut self, now: Timestamp, request: Request) -> Result<(), StopCause> {
        match request {
            Request::Ask { ask, waiting } => {
                let ticket = self.pump.ask(now, ask)?;
                self.waiting.insert(ticket, waiting);
                Ok(())
            }
            Request::Status { answer } => {
                // Whoever asked may have gone.
                let _ = answer.send(self.pump.status(now));
                self.pump.pass(now)
            }
            Request::Stop => {
                self.pump.flush()?;
                Err(StopCause::Requested)
            }
        }
    }

    fn act(&mut self) -> Result<(), StopCause> {
        let clock = self.outside.clock;
        let mut outlet = Answers { outside: &mut self.outside, waiting: &mut self.waiting };
        self.pump.act(|| since(clock), &mut outlet)
    }
}

mod answers;

#[cfg(test)]
mod tests;
