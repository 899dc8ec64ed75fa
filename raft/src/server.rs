//! Consensus, state machine, sessions and waiting clients in one pure layer: commands in, replies
//! out. The reply path is simulated with the rest, since that is where the real bugs are.

mod applying;
mod io;
mod snapshots;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

pub use io::{Fatal, Input, Output, Reply};
pub use snapshots::{Frozen, Installed};

use crate::consensus::Raft;
use crate::consensus::entry::EntryKind;
use crate::consensus::io::{self as consensus_io, Refusal, RoleName, Ticket};
use crate::consensus::types::{LogIndex, Term, Timestamp};
use crate::marks::mark;
use crate::session::arena::Arena;
use crate::session::{ReplyBounds, Sessions};
use crate::state_machine::StateMachine;
use snapshots::Schedule;

/// Entries applied in one [`Server::drain`], at most, so that the protocol is never kept waiting.
pub(crate) const APPLY_PER_DRAIN: usize = 1024;

/// A node: consensus, state machine and those who wait.
#[derive(Clone, Debug, Hash)]
pub struct Server<M> {
    raft: Raft,
    machine: M,
    sessions: Sessions,
    last_applied: LogIndex,
    /// Accepted commands in order of index, with the term they were accepted in: an entry of another term
    /// at the index is somebody else's.
    waiting: VecDeque<(LogIndex, Term, Ticket)>,
    /// Reads without an index yet.
    asking: BTreeMap<Ticket, Bytes>,
    /// What those count against the limit in bytes.
    asking_bytes: usize,
    /// Reads that wait for the state machine to reach an index, in order of index.
    granted: BTreeMap<(LogIndex, Ticket), Bytes>,
    snapshots: Schedule,
    arena: Arena,
    from_raft: Vec<consensus_io::Output>,
    outputs: Vec<Output>,
}

impl<M: StateMachine> Server<M> {
    /// A node whose state machine is still empty; it will be filled from the log.
    pub fn new(raft: Raft, machine: M) -> Server<M> {
        Server::at(LogIndex(0), raft, machine, Sessions::default())
    }

    /// A node whose state machine and sessions are those of the snapshot that `raft` was started with,
    /// before it took any input.
    pub fn restored(raft: Raft, machine: M, sessions: Sessions) -> Server<M> {
        // At the start just what the snapshot holds is known to be committed.
        Server::at(raft.commit_index(), raft, machine, sessions)
    }

    fn at(last_applied: LogIndex, raft: Raft, machine: M, sessions: Sessions) -> Server<M> {
        Server {
            raft,
            machine,
            sessions,
            last_applied,
            snapshots: Schedule::default(),
            arena: Arena::default(),
            waiting: VecDeque::new(),
            asking: BTreeMap::new(),
            asking_bytes: 0,
            granted: BTreeMap::new(),
            from_raft: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// For simulators: the same, whose sessions keep less. All nodes of a cluster must have the same.
    #[must_use]
    pub fn with_reply_bounds(mut self, bounds: ReplyBounds) -> Server<M> {
        self.sessions = self.sessions.bounded(bounds);
        self
    }

    /// For simulators: a bit of this entry's content flips in memory. False: it has none, or it is a membership.
    #[cfg(feature = "simulation")]
    pub fn spoil(&mut self, index: LogIndex) -> bool {
        self.raft.spoil(index)
    }

    /// Takes one input.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Result<(), Fatal> {
        let input = match input {
            Input::Message { from, message } => consensus_io::Input::Message { from, message },
            Input::Propose { ticket, tag: None, command } => {
                consensus_io::Input::Propose { ticket, kind: EntryKind::Command, data: command }
            }
            Input::Propose { ticket, tag: Some(tag), command } => consensus_io::Input::Propose {
                ticket,
                kind: EntryKind::SessionCommand,
                data: tag.encode(&command, &mut self.arena),
            },
            Input::OpenSession { ticket, drawn } => {
                let data = Bytes::copy_from_slice(&drawn.0.to_le_bytes());
                consensus_io::Input::Propose { ticket, kind: EntryKind::OpenSession, data }
            }
            Input::Read { ticket, .. } if self.asking_bytes > self.raft.config().max_uncommitted_bytes => {
                self.reply(ticket, Reply::Refused(Refusal::Overloaded));
                consensus_io::Input::Tick
            }
            Input::Read { ticket, query } => {
                self.asking_bytes += weight(&query);
                self.asking.insert(ticket, query);
                consensus_io::Input::Read { ticket }
            }
            Input::Persisted(id) => consensus_io::Input::Persisted(id),
            Input::SnapshotStored { id, meta } => {
                self.snapshots.ended();
                consensus_io::Input::SnapshotStored { id, meta }
            }
            Input::SnapshotChunk { to, snapshot, offset, data } => {
                consensus_io::Input::SnapshotChunk { to, snapshot, offset, data }
            }
            Input::SnapshotWritten { snapshot, end } => {
                consensus_io::Input::SnapshotWritten { snapshot, end }
            }
            Input::SnapshotFailed { snapshot } => consensus_io::Input::SnapshotFailed { snapshot },
            Input::Room(room) => consensus_io::Input::Room(room),
            Input::Tick => consensus_io::Input::Tick,
        };
        self.raft.step(now, input)?;
        Ok(())
    }

    /// Hands over everything to do since the last call, and applies what is committed, up to a bound.
    pub fn drain(&mut self, now: Timestamp, outputs: &mut Vec<Output>) -> Result<(), Fatal> {
        let mut from_raft = std::mem::take(&mut self.from_raft);
        self.raft.drain(now, &mut from_raft);
        for output in from_raft.drain(..) {
            self.translate(output);
        }
        self.from_raft = from_raft;
        self.apply_committed()?;
        self.answer_reads();
        outputs.append(&mut self.outputs);
        Ok(())
    }

    /// When to step an [`Input::Tick`], if nothing else comes first.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        if self.last_applied < self.raft.commit_index() { Timestamp::default() } else { self.raft.deadline() }
    }

    fn translate(&mut self, output: consensus_io::Output) {
        match output {
            consensus_io::Output::Send { to, message } => self.outputs.push(Output::Send { to, message }),
            consensus_io::Output::Persist(persist) => self.outputs.push(Output::Persist(persist)),
            // `apply_committed` asks consensus itself.
            consensus_io::Output::Commit(_) => {}
            consensus_io::Output::Accepted { ticket, id } => {
                self.waiting.push_back((id.index, id.term, ticket));
                self.outputs.push(Output::Accepted { ticket, id });
            }
            consensus_io::Output::ReadGranted { ticket, index } => {
                if let Some(query) = self.asked(ticket) {
                    self.granted.insert((index, ticket), query);
                }
            }
            consensus_io::Output::Refused { ticket, reason } => {
                self.asked(ticket);
                self.reply(ticket, Reply::Refused(reason));
            }
            consensus_io::Output::Role(change) => {
                if change.role != RoleName::Leader {
                    self.give_up_uncommitted();
                }
                self.outputs.push(Output::Role(change));
            }
            consensus_io::Output::Compact(upto) => self.outputs.push(Output::Compact(upto)),
            consensus_io::Output::ReadSnapshot { to, snapshot, offset, length } => {
                self.outputs.push(Output::ReadSnapshot { to, snapshot, offset, length });
            }
            consensus_io::Output::WriteSnapshot { snapshot, offset, data } => {
                self.outputs.push(Output::WriteSnapshot { snapshot, offset, data });
            }
            consensus_io::Output::Alarm { peer, misdeed } => {
                self.outputs.push(Output::Alarm { peer, misdeed });
            }
        }
    }

    /// Takes a read that waits for an index no longer.
    fn asked(&mut self, ticket: Ticket) -> Option<Bytes> {
        let query = self.asking.remove(&ticket)?;
        self.asking_bytes -= weight(&query);
        Some(query)
    }

    /// The leadership is lost: what is not committed may yet commit, or never.
    fn give_up_uncommitted(&mut self) {
        let committed = self.waiting.partition_point(|(index, ..)| *index <= self.raft.commit_index());
        let uncommitted = self.waiting.split_off(committed);
        if crate::seeded_bug!("resolved-by-index-alone") {
            self.waiting.extend(uncommitted);
            return;
        }
        for (.., ticket) in uncommitted {
            mark!("uncommitted-told-unknown");
            if crate::seeded_bug!("unknown-told-as-refused") {
                self.reply(ticket, Reply::Refused(Refusal::NotLeader { leader: None }));
                continue;
            }
            self.reply(ticket, Reply::Unknown);
        }
    }

    fn answer_reads(&mut self) {
        while let Some(read) = self.granted.first_entry() {
            let (index, ticket) = *read.key();
            if index > self.last_applied && !crate::seeded_bug!("read-does-not-wait-for-apply") {
                mark!("read-waits-for-apply");
                break;
            }
            let query = read.remove();
            let machine = &self.machine;
            let reply = match catch_unwind(AssertUnwindSafe(|| machine.query(&query))) {
                Ok(answer) => Reply::Read(answer),
                Err(panic) => Reply::ReadPanicked(panic_text(panic.as_ref())),
            };
            self.reply(ticket, reply);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push(Output::Reply { ticket, reply });
    }

    /// Its consensus state.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Its state machine.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Up to where its state machine is.
    #[must_use]
    pub fn last_applied(&self) -> LogIndex {
        self.last_applied
    }

    /// Its client sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

/// What a read that waits counts against the limit in bytes, as [`Entry::weight`] for an entry.
fn weight(query: &Bytes) -> usize {
    query.len() + 32
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests;
