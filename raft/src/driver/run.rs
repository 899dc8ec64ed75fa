//! The loop: take every input that waits, step them all, write once, send once per peer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Options;
use super::disk::{DiskWatch, RETRY};
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
        let deadline = self.server.deadline();
        let deadline = self.disk.retry_at.map_or(deadline, |at| at.min(deadline));
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
            if let Some(durable) = durable {
                self.server.step(now, Input::Persisted(durable))?;
            }
            if !self.tend_snapshots(now)? && durable.is_none() {
                return Ok(());
            }
        }
    }

    /// Carries snapshots on: this node's own, one from the leader, those for peers. True if something
    /// came of it.
    fn tend_snapshots(&mut self, now: Timestamp) -> Result<bool, StopCause> {
        if self.server.snapshot_due() {
            let frozen = self.server.take_snapshot()?;
            self.snapshots.take(&mut self.outside.storage, frozen);
        }
        let mut busy = self.snapshots.carry(&mut self.outside.storage);
        while let Some(event) = self.outside.storage.next_event() {
            busy = true;
            self.snapshot_event(now, event)?;
        }
        match self.snapshots.restored() {
            Some(Ok(installed)) => {
                tracing::info!(last = %installed.id.last, "a snapshot from the leader takes the log's place");
                self.server.install(now, installed)?;
            }
            Some(Err((snapshot, why))) => {
                tracing::error!(last = %snapshot.last, why, "a snapshot from the leader cannot be restored");
                self.server.step(now, Input::SnapshotFailed { snapshot })?;
            }
            None => return Ok(busy),
        }
        Ok(true)
    }

    fn snapshot_event(&mut self, now: Timestamp, event: SnapshotEvent) -> Result<(), StopCause> {
        let input = match event {
            SnapshotEvent::Stored { id, meta } => {
                tracing::info!(last = %id.last, bytes = id.length, "snapshot stored");
                let sending = self.server.raft().progress().filter_map(|(_, peer)| peer.sending.as_ref());
                let in_use: Vec<_> = sending.map(Transfer::snapshot).collect();
                self.outside.storage.prune_snapshots(&in_use);
                Input::SnapshotStored { id, meta }
            }
            SnapshotEvent::Failed(why) => {
                tracing::warn!(why, "no snapshot could be stored");
                self.server.snapshot_failed();
                return Ok(());
            }
            SnapshotEvent::Written { snapshot, end } => Input::SnapshotWritten { snapshot, end },
            SnapshotEvent::Received { id, meta } => {
                self.snapshots.restore(&mut self.outside.storage, id, meta);
                return Ok(());
            }
            SnapshotEvent::Refused { snapshot, why } => {
                tracing::warn!(last = %snapshot.last, why, "a snapshot from the leader is refused");
                Input::SnapshotFailed { snapshot }
            }
            SnapshotEvent::Piece { tag: RESTORE, snapshot, data, .. } => {
                self.snapshots.piece(snapshot, data);
                return Ok(());
            }
            SnapshotEvent::Piece { tag, snapshot, offset, data } => {
                Input::SnapshotChunk { to: NodeId(tag), snapshot, offset, data }
            }
        };
        Ok(self.server.step(now, input)?)
    }

    /// Tells consensus when the disk gets full and when it is so no more, and looks again meanwhile.
    fn look_for_room(&mut self, now: Timestamp) -> Result<(), StopCause> {
        if self.disk.retry_at.is_some_and(|at| at <= now) {
            self.disk.retry_at = Some(now + RETRY);
            self.outside.storage.retry();
        }
        let full = self.outside.storage.is_full();
        if full && self.disk.retry_at.is_none() {
            tracing::error!("the disk is full: this node votes, but takes nothing new");
            self.disk.retry_at = Some(now + RETRY);
            self.server.step(now, Input::Room(Room::Full))?;
        } else if self.disk.retry_at.is_some() && self.outside.storage.has_room() {
            tracing::info!("the disk has room again");
            self.disk.retry_at = None;
            self.server.step(now, Input::Room(Room::Ample))?;
        }
        Ok(())
    }

    fn tell(&mut self, output: Output) {
        match output {
            Output::Accepted { ticket, id } => {
                self.counters.proposals_accepted += 1;
                if let Some(Waiting::Acceptance { accepted, outcome }) = self.waiting.remove(&ticket) {
                    // A caller who is gone has given up the answer, not the entry.
                    let _ = accepted.send(Ok(id));
                    self.waiting.insert(ticket, Waiting::Outcome(outcome));
                }
            }
            Output::Reply { ticket, reply } => self.reply(ticket, reply),
            Output::Role(change) => {
                self.counters.elections_won += u64::from(change.role == RoleName::Leader);
                tracing::info!(node = %self.identity.node, role = ?change.role, term = %change.term, leader = ?change.leader, "role");
            }
            Output::Alarm { peer, misdeed } => {
                self.counters.alarms += 1;
                tracing::error!(%peer, %misdeed, "peer misbehaves: connection closed");
                self.outside.transport.disconnect(peer, &misdeed.to_string());
            }
            Output::Compact(index) => self.outside.storage.compact(index),
            Output::ReadSnapshot { to, snapshot, offset, length } => {
                self.outside.storage.read_snapshot(to.0, snapshot, offset, length as u64);
            }
            Output::WriteSnapshot { snapshot, offset, data } => {
                self.outside.storage.receive_snapshot(snapshot, offset, &data);
            }
            Output::Send { .. } | Output::Persist(_) => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.counters.refused += u64::from(matches!(reply, Reply::Refused(_)));
        // Each `send` below fails only if the caller is gone.
        let _ = match (self.waiting.remove(&ticket), reply) {
            (Some(Waiting::Acceptance { accepted, .. }), Reply::Refused(refusal)) => {
                accepted.send(Err(refusal)).is_ok()
            }
            (Some(Waiting::Outcome(outcome)), reply) => outcome.send(outcome_of(reply)).is_ok(),
            (Some(Waiting::Read(answer)), Reply::Read(response)) => {
                self.counters.reads += 1;
                answer.send(Ok(response)).is_ok()
            }
            (Some(Waiting::Read(answer)), Reply::Refused(refusal)) => {
                answer.send(Err(refusal.into())).is_ok()
            }
            (Some(Waiting::Read(answer)), Reply::ReadPanicked(panic)) => {
                answer.send(Err(ReadError::Panicked(panic))).is_ok()
            }
            (Some(Waiting::Acceptance { .. } | Waiting::Read(_)) | None, _) => false,
        };
    }

    fn status(&self) -> Status {
        let raft = self.server.raft();
        Status {
            id: self.identity.node,
            incarnation: self.identity.incarnation,
            boot: self.options.boot,
            role: raft.role(),
            term: raft.term(),
            leader: raft.leader(),
            snapshot: raft.snapshot().map(|id| id.last),
            first_index: raft.log().base().id.index.next(),
            last_log: raft.last_log(),
            durable_index: raft.durable_index(),
            commit_index: raft.commit_index(),
            last_applied: self.server.last_applied(),
            membership: Some(raft.membership().clone()),
            sessions: self.server.sessions().len(),
            disk: self.disk.status(self.outside.now(), raft, self.outside.storage.stats()),
            counters: Counters {
                applied: self.server.last_applied().0,
                syncs: self.outside.storage.stats().syncs,
                ..self.counters
            },
        }
    }
}

fn outcome_of(reply: Reply) -> Result<Applied, OutcomeError> {
    match reply {
        Reply::Applied { index, response } => Ok(Applied { index, response }),
        Reply::SessionExpired => Err(OutcomeError::SessionExpired),
        Reply::OutOfWindow => Err(OutcomeError::OutOfWindow),
        Reply::Unknown | Reply::Refused(_) | Reply::Read(_) | Reply::ReadPanicked(_) => {
            Err(OutcomeError::Unknown)
        }
    }
}

#[cfg(test)]
mod tests;
