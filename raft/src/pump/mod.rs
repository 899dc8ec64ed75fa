//! One node without a runtime: the server, its log and snapshots, and what passes between them. A driver feeds
//! it what comes from outside and carries out what it wants; so does a simulator, on its own time. What is
//! decided here is therefore decided once, and simulated.
//!
//! | file | what |
//! |---|---|
//! | `start` | from an opened log to a running server |
//! | `upkeep` | snapshots, room on the disk, reading again what was written long ago |
//! | `workshop` | what takes long about snapshots: elsewhere, or at once |
//! | `disk` | how the disk does |
//! | `status` | what a node says of itself |

mod cause;
mod disk;
mod start;
mod status;
mod upkeep;
mod workshop;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use bytes::Bytes;

pub use cause::StopCause;
pub use disk::{DiskState, DiskStatus};
pub use start::{first_write, raft_of, serve};
pub use status::{Counters, Status};
pub use workshop::{AtOnce, Restored, Workshop};
pub(crate) use workshop::{PIECE, build_from};

use crate::consensus::io::{Misdeed, RoleName, Ticket};
use crate::consensus::message::{Introduction, Message};
use crate::consensus::types::{BootId, LogId, NodeId, SessionId, Timestamp};
use crate::server::{Input, Output, Reply, Server};
use crate::session::SessionTag;
use crate::state_machine::StateMachine;
use crate::storage::snapshot::ReadFor;
use crate::storage::{Disk, Identity, Storage};
use crate::transport::Received;
use disk::DiskWatch;

/// What a client asks of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A command, under a session if it must take effect once.
    Propose {
        /// The session.
        tag: Option<SessionTag>,
        /// The command.
        command: Bytes,
    },
    /// A session.
    OpenSession,
    /// A linearizable read.
    Read {
        /// The question.
        query: Bytes,
    },
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The command stands in this leader's log; the outcome comes later.
    Accepted(LogId),
    /// The last word.
    Reply(Reply),
}

/// Carries out at once what a node wants done outside of it.
pub trait Outlet {
    /// Sends messages, which may be lost.
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>);

    /// Tells a client.
    fn tell(&mut self, ticket: Ticket, told: Told);

    /// Closes the connection of a peer that did what no correct peer does.
    fn disconnect(&mut self, peer: NodeId, misdeed: &Misdeed);
}

/// More than a turn takes, whatever waits: a turn without end must not look like a slow one to a test.
const ROUNDS: u32 = 100_000;

/// A running node.
#[derive(Clone)]
pub struct Pump<M: StateMachine, D, W> {
    storage: Storage<D>,
    identity: Identity,
    boot: BootId,
    server: Server<M>,
    next_ticket: u64,
    /// Draws session ids.
    rng: fastrand::Rng,
    counters: Counters,
    disk: DiskWatch,
    snapshots: W,
    outputs: Vec<Output>,
}

/// All but what is counted for people, and the generator: it says only how a session is called.
impl<M: StateMachine + Hash, D: Hash, W: Hash> Hash for Pump<M, D, W> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Pump {
            storage,
            identity,
            boot,
            server,
            next_ticket,
            rng: _,
            counters: _,
            disk,
            snapshots,
            outputs,
        } = self;
        (storage, identity, boot, server, next_ticket).hash(hasher);
        (disk, snapshots, outputs).hash(hasher);
    }
}

/// What a pump is made of.
pub struct Parts<M: StateMachine, D, W> {
    /// Its log and snapshots.
    pub storage: Storage<D>,
    /// Whose they are.
    pub identity: Identity,
    /// This start of the process.
    pub boot: BootId,
    /// The server, see [`serve`].
    pub server: Server<M>,
    /// Where snapshots are written and read.
    pub workshop: W,
    /// Session ids follow from it.
    pub seed: u64,
}

impl<M: StateMachine, D: Disk, W: Workshop<M>> Pump<M, D, W> {
    /// A node that was just started.
    pub fn new(parts: Parts<M, D, W>) -> Pump<M, D, W> {
        let Parts { storage, identity, boot, server, workshop, seed } = parts;
        // Another stream than that of the election timeouts, which can be watched from outside.
        let rng = fastrand::Rng::with_seed(seed.rotate_left(32) ^ boot.0);
        Pump {
            storage,
            identity,
            boot,
            server,
            next_ticket: 0,
            rng,
            counters: Counters::default(),
            disk: DiskWatch::default(),
            snapshots: workshop,
            outputs: Vec::new(),
        }
    }

    /// From now on a part of what is on disk is read again this often, which says how fast damage is found.
    pub fn scrub_every(&mut self, often: std::time::Duration) {
        self.disk.scrub_every = often;
    }

    /// When to call [`Pump::pass`], if nothing else comes first.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.server.deadline().min(self.disk.due())
    }

    /// Time has passed, or the disk has something. [`Pump::act`] is due after this and after what follows.
    ///
    /// # Errors
    /// The node must end; so for all that follows.
    pub fn pass(&mut self, now: Timestamp) -> Result<(), StopCause> {
        Ok(self.server.step(now, Input::Tick)?)
    }

    /// A client asks; what comes of it is told under the ticket.
    ///
    /// # Errors
    /// See [`Pump::pass`].
    pub fn ask(&mut self, now: Timestamp, ask: Ask) -> Result<Ticket, StopCause> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let input = match ask {
            Ask::Propose { tag, command } => Input::Propose { ticket, tag, command },
            Ask::OpenSession => Input::OpenSession { ticket, drawn: SessionId(self.rng.u64(..)) },
            Ask::Read { query } => Input::Read { ticket, query },
        };
        // Whoever leads no more by then is not to accept it: that would leave its client in doubt.
        if self.server.raft().deadline() <= now && !crate::seeded_bug!("asked-behind-the-deadline") {
            self.pass(now)?;
        }
        self.server.step(now, input)?;
        Ok(ticket)
    }

    /// A message arrived. Only a member, under the incarnation that the membership names, has a say.
    ///
    /// # Errors
    /// See [`Pump::pass`].
    pub fn receive(
        &mut self,
        now: Timestamp,
        received: Received,
        outlet: &mut impl Outlet,
    ) -> Result<(), StopCause> {
        let Received { from, incarnation, message } = received;
        let membership = self.server.raft().membership();
        let knows = membership.knows(from, incarnation);
        let input = match message {
            Message::Introduction(_) if membership.voters.contains_key(&from) => {
                let view = Some(membership.clone());
                let answer = Introduction { incarnation: self.identity.incarnation, view };
                outlet.send(BTreeMap::from([(from, vec![Message::IntroductionReply(answer)])]));
                Input::Tick
            }
            Message::Introduction(_) | Message::IntroductionReply(_) => Input::Tick,
            message if knows || crate::seeded_bug!("incarnation-unchecked") => {
                Input::Message { from, message }
            }
            _ => {
                self.counters.alarms += 1;
                tracing::debug!(%from, %incarnation, "message from a stranger ignored");
                Input::Tick
            }
        };
        // Whatever it was, time has passed: where events never end, no deadline is waited for.
        Ok(self.server.step(now, input)?)
    }

    /// Does what the core wants done, until it wants nothing more: a disk that completes at once
    /// lets a whole commit pass in one turn. `now` is asked for the time, which may pass meanwhile.
    ///
    /// # Errors
    /// See [`Pump::pass`].
    pub fn act(&mut self, now: impl Fn() -> Timestamp, outlet: &mut impl Outlet) -> Result<(), StopCause> {
        let mut at = now();
        for round in 0_u32.. {
            debug_assert!(round < ROUNDS, "a turn without end");
            let mut messages: BTreeMap<NodeId, Vec<Message>> = BTreeMap::new();
            self.server.drain(at, &mut self.outputs)?;
            let mut outputs = std::mem::take(&mut self.outputs);
            for output in outputs.drain(..) {
                match output {
                    Output::Send { to, message } => messages.entry(to).or_default().push(message),
                    output => self.carry_out(output, outlet),
                }
            }
            self.outputs = outputs;
            if !messages.is_empty() {
                outlet.send(messages);
            }
            let durable = self.storage.pump()?;
            at = now();
            self.disk.pumped(at, self.storage.stats());
            if self.disk.is_mark_due(at) {
                self.storage.mark_durable();
            }
            let told = self.look_for_room(at)?;
            self.scrub(at);
            if let Some(durable) = durable {
                self.server.step(at, Input::Persisted(durable))?;
            }
            if !(self.tend_snapshots(at)? || told) && durable.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, output: Output, outlet: &mut impl Outlet) {
        match output {
            Output::Accepted { ticket, id } => {
                self.counters.proposals_accepted += 1;
                outlet.tell(ticket, Told::Accepted(id));
            }
            Output::Reply { ticket, reply } => {
                self.counters.refused += u64::from(matches!(reply, Reply::Refused(_)));
                self.counters.reads += u64::from(matches!(reply, Reply::Read(_)));
                outlet.tell(ticket, Told::Reply(reply));
            }
            Output::Role(change) => {
                self.counters.elections_won += u64::from(change.role == RoleName::Leader);
                tracing::info!(node = %self.identity.node, role = ?change.role, term = %change.term, leader = ?change.leader, "role");
            }
            Output::Alarm { peer, misdeed } => {
                self.counters.alarms += 1;
                tracing::error!(%peer, %misdeed, "peer misbehaves: connection closed");
                outlet.disconnect(peer, &misdeed);
            }
            Output::Persist(persist) => self.storage.append(&persist),
            Output::Compact(index) => self.storage.compact(index),
            Output::ReadSnapshot { to, snapshot, offset, length } => {
                self.storage.read_snapshot(ReadFor::Peer(to), snapshot, offset, length as u64);
            }
            Output::WriteSnapshot { snapshot, offset, data } => {
                self.storage.receive_snapshot(snapshot, offset, &data);
            }
            Output::Send { .. } => {}
        }
    }

    /// Makes durable what was handed to the log, for a graceful end. Blocks.
    ///
    /// # Errors
    /// Those of the log.
    pub fn flush(&mut self) -> Result<(), StopCause> {
        match self.storage.flush() {
            // What has no room was never acknowledged.
            Ok(_) | Err(crate::storage::StorageError::NoRoom) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The node's account of itself.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let raft = self.server.raft();
        let stats = self.storage.stats();
        Status {
            id: self.identity.node,
            incarnation: self.identity.incarnation,
            boot: self.boot,
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
            disk: self.disk.status(
                now,
                raft,
                stats,
                self.storage.rotten().is_some() || self.snapshot_is_rotten(),
            ),
            counters: Counters { applied: self.server.last_applied().0, syncs: stats.syncs, ..self.counters },
        }
    }

    /// Consensus, state machine, sessions.
    #[must_use]
    pub fn server(&self) -> &Server<M> {
        &self.server
    }

    /// The log and the snapshots.
    #[must_use]
    pub fn storage(&self) -> &Storage<D> {
        &self.storage
    }

    /// See [`Pump::storage`].
    pub fn storage_mut(&mut self) -> &mut Storage<D> {
        &mut self.storage
    }

    /// For simulators: a bit of this entry flips in memory; see [`Server::spoil`].
    #[cfg(feature = "simulation")]
    pub fn spoil(&mut self, index: crate::LogIndex) -> bool {
        self.server.spoil(index)
    }

    #[cfg(test)]
    pub(crate) fn server_mut(&mut self) -> &mut Server<M> {
        &mut self.server
    }

    #[cfg(test)]
    pub(crate) fn disk_watch(&mut self) -> &mut DiskWatch {
        &mut self.disk
    }

    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The node ends as if its process were killed; what it had written stays with its storage.
    #[must_use]
    pub fn end(self) -> Storage<D> {
        self.storage
    }
}

#[cfg(test)]
mod tests;
