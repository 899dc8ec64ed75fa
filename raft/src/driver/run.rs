//! The loop: take every input that waits, step them all, write once, send once per peer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Options;
use super::disk::{DiskWatch, RETRY, SCRUB};
use super::handle::{
    AcceptedSender, Applied, OutcomeError, OutcomeSender, ReadError, ReadSender, Request, StopCause,
};
use super::outside::{Event, Outside};
use super::snapshots::{RESTORE, Work};
use super::starting::{serve, start};
use super::status::{Counters, Status};
use crate::consensus::io::{RoleName, Room, Ticket};
use crate::consensus::message::{Introduction, Message};
use crate::consensus::transfer::Transfer;
use crate::consensus::types::{NodeId, SessionId, Timestamp};
use crate::server::{APPLY_PER_DRAIN, Fatal, Input, Output, Reply, Server};
use crate::state_machine::StateMachine;
use crate::storage::snapshot::Event as SnapshotEvent;
use crate::storage::{Disk, Identity, Recovered, Storage, StorageError};
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

impl From<StorageError> for StopCause {
    fn from(error: StorageError) -> StopCause {
        StopCause::Storage(error.to_string())
    }
}

impl From<Fatal> for StopCause {
    fn from(fatal: Fatal) -> StopCause {
        match fatal {
            Fatal::ApplyPanicked { index, panic } => StopCause::ApplyPanicked { index, panic },
            fatal => StopCause::Invariant(fatal.to_string()),
        }
    }
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

pub(super) fn spawn<M: StateMachine, D: Disk, T: Transport>(parts: Parts<M, D, T>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Parts {
            options,
            mut storage,
            identity,
            recovered,
            machine,
            transport,
            inbox,
            requests,
            queued,
            wire,
            end,
        } = parts;
        let end = End(end);
        let disk = Arc::new(Notify::new());
        let wake = disk.clone();
        storage.set_waker(Box::new(move || wake.notify_one()));
        let mut outside =
            Outside { storage, transport, inbox, requests, queued, wire, disk, clock: Instant::now() };
        let cause = match start(&mut outside, &options, &identity, recovered).await {
            Ok(raft) => match serve(&mut outside.storage, raft, machine) {
                Ok(server) => Loop::new(outside, options, identity, server).run().await,
                Err(cause) => cause,
            },
            Err(cause) => cause,
        };
        tracing::info!(%cause, "node ends");
        end.say(cause);
    })
}

/// Who waits for what.
enum Waiting {
    Acceptance { accepted: AcceptedSender, outcome: OutcomeSender },
    Outcome(OutcomeSender),
    Read(ReadSender),
}

struct Loop<M, D: Disk, T> {
    outside: Outside<D, T>,
    options: Options,
    identity: Identity,
    server: Server<M>,
    waiting: HashMap<Ticket, Waiting>,
    next_ticket: u64,
    /// Draws session ids.
    rng: fastrand::Rng,
    counters: Counters,
    disk: DiskWatch,
    snapshots: Work<M>,
    outputs: Vec<Output>,
}

impl<M: StateMachine, D: Disk, T: Transport> Loop<M, D, T> {
    fn new(outside: Outside<D, T>, options: Options, identity: Identity, server: Server<M>) -> Self {
        // Another stream than that of the election timeouts, which can be watched from outside.
        let session_seed = options.seed.rotate_left(32) ^ options.boot.0;
        let snapshots = Work::new(outside.disk.clone());
        Loop {
            outside,
            options,
            identity,
            server,
            waiting: HashMap::new(),
            next_ticket: 0,
            rng: fastrand::Rng::with_seed(session_seed),
            counters: Counters::default(),
            disk: DiskWatch::default(),
            snapshots,
            outputs: Vec::new(),
        }
    }

    async fn run(mut self) -> StopCause {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(cause) => return cause,
            }
        }
    }

    /// One turn: wait, take all that waits, act.
    async fn turn(&mut self) -> Result<(), StopCause> {
        let deadline = self.server.deadline().min(self.disk.due());
        let mut event = Some(self.outside.wait(deadline).await);
        let mut taken = 0;
        while let Some(current) = event {
            self.take(current)?;
            taken += 1;
            event = if taken < INPUTS_PER_TURN { self.outside.ready() } else { None };
        }
        self.act()
    }

    fn take(&mut self, event: Event) -> Result<(), StopCause> {
        let input = match event {
            Event::Message(received) => self.admit(received),
            Event::Request(request) => self.ticketed(request)?,
            // `act` pumps the log, whatever woke us.
            Event::Disk | Event::Deadline => None,
        };
        // Whatever it was, time has passed: where events never end, no deadline is waited for.
        Ok(self.server.step(self.outside.now(), input.unwrap_or(Input::Tick))?)
    }

    /// Only a member, under the incarnation that the membership names, has a say.
    fn admit(&mut self, received: Received) -> Option<Input> {
        let Received { from, incarnation, message } = received;
        let membership = self.server.raft().membership();
        let knows = membership.knows(from, incarnation);
        match message {
            Message::Introduction(_) if membership.voters.contains_key(&from) => {
                let view = Some(membership.clone());
                let answer = Introduction { incarnation: self.identity.incarnation, view };
                self.outside.send_one(from, Message::IntroductionReply(answer));
                None
            }
            Message::Introduction(_) | Message::IntroductionReply(_) => None,
            message if knows => Some(Input::Message { from, message }),
            _ => {
                self.counters.alarms += 1;
                tracing::debug!(%from, %incarnation, "message from a stranger ignored");
                None
            }
        }
    }

    fn ticketed(&mut self, request: Request) -> Result<Option<Input>, StopCause> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let (waiting, input) = match request {
            Request::Propose { tag, command, accepted, outcome } => {
                (Waiting::Acceptance { accepted, outcome }, Input::Propose { ticket, tag, command })
            }
            Request::OpenSession { accepted, outcome } => {
                let drawn = SessionId(self.rng.u64(..));
                (Waiting::Acceptance { accepted, outcome }, Input::OpenSession { ticket, drawn })
            }
            Request::Read { query, answer } => (Waiting::Read(answer), Input::Read { ticket, query }),
            Request::Status { answer } => {
                // Whoever asked may have gone.
                let _ = answer.send(self.status());
                return Ok(None);
            }
            Request::Stop => {
                return Err(match self.outside.storage.flush() {
                    // What has no room was never acknowledged.
                    Ok(_) | Err(StorageError::NoRoom) => StopCause::Requested,
                    Err(error) => error.into(),
                });
            }
        };
        self.waiting.insert(ticket, waiting);
        Ok(Some(input))
    }

    /// Does what the core wants done, until it wants nothing more: a disk that completes at once
    /// lets a whole commit pass in one turn.
    fn act(&mut self) -> Result<(), StopCause> {
        loop {
            let mut messages: BTreeMap<NodeId, Vec<Message>> = BTreeMap::new();
            self.server.drain(self.outside.now(), &mut self.outputs)?;
            for output in std::mem::take(&mut self.outputs) {
                match output {
                    Output::Send { to, message } => messages.entry(to).or_default().push(message),
                    Output::Persist(persist) => self.outside.storage.append(&persist),
                    output => self.tell(output),
                }
            }
            self.outside.send(messages);
            let durable = self.outside.storage.pump()?;
            let now = self.outside.now();
            self.disk.pumped(now, self.outside.storage.stats());
            self.look_for_room(now)?;
            self.scrub(now);
            if let Some(durable) = durable {
                self.server.step(now, Input::Persisted(durable))?;
            }
            if !self.tend_snapshots(now)? && durable.is_none() {
                return Ok(());
            }
        }
    }
}

mod answers;
mod upkeep;

#[cfg(test)]
mod tests;
