//! Consensus, pure (paper Figure 2, with PreVote, CheckQuorum and ReadIndex of the dissertation).
//!
//! [`Raft::step`] takes one [`Input`]; [`Raft::drain`] then hands over what is to be done, batched
//! over all steps since the last; [`Raft::deadline`] says when it wants an [`Input::Tick`].
//!
//! Modules in reading order; none calls upward.

mod compaction;
pub mod config;
mod durability;
mod election;
pub mod entry;
mod follower;
mod hash;
mod invariants;
pub mod io;
mod leader;
pub mod log;
pub mod message;
pub mod progress;
pub mod quorum;
mod read_index;
mod receiving;
mod repair;
mod role;
mod room;
mod sending;
pub mod snapshot;
mod state;
pub mod transfer;
pub mod types;

use crate::marks::mark;
use config::Config;
pub use invariants::Broken;
use io::{Input, Misdeed, Output, RoleName, Room};
use log::Log;
use message::Message;
use snapshot::{Repair, SnapshotId};
pub use state::{Raft, Start, StartError};
use types::{HardState, LogId, LogIndex, Membership, NodeId, Term, Timestamp};

impl Raft {
    /// Takes one input. Fails if this node's own state breaks an invariant: it must then stop.
    ///
    /// A proposal or a read lets no time pass, as there may be thousands of them at once: whoever steps one steps an
    /// [`Input::Tick`] first where the [`Raft::deadline`] is there.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Result<(), Broken> {
        let before = self.landmarks();
        match input {
            Input::Propose { ticket, kind, data } => {
                self.handle_propose(ticket, kind, data);
                return self.check(before);
            }
            Input::Read { ticket } => {
                self.handle_read(ticket);
                return self.check(before);
            }
            Input::Message { from, message } => self.handle_message(now, from, message),
            Input::Persisted(id) => self.handle_persisted(now, id),
            Input::SnapshotStored { id, meta } => self.handle_snapshot_stored(id, &meta),
            Input::SnapshotChunk { to, snapshot, offset, data } => {
                self.handle_snapshot_chunk(now, to, snapshot, offset, data);
            }
            Input::SnapshotWritten { snapshot, end } => self.handle_snapshot_written(snapshot, end),
            Input::SnapshotFailed { snapshot } => self.handle_snapshot_failed(snapshot),
            Input::SnapshotInstalled { id, meta } => self.handle_snapshot_installed(now, id, meta),
            Input::Room(room) => self.handle_room(now, room),
            Input::Tick => {}
        }
        self.handle_timers(now);
        self.finish_repair();
        self.compact(now);
        self.check(before)
    }

    /// Hands over everything to do since the last call: one write at most, and to each peer as many
    /// entries as its window takes.
    pub fn drain(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        self.replicate(now);
        self.emit_persist(now);
        outputs.append(&mut self.outputs);
    }

    /// When to step an [`Input::Tick`], if nothing else comes first.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.leader_deadline().unwrap_or(self.election_due)
    }

    fn handle_message(&mut self, now: Timestamp, from: NodeId, message: Message) {
        if !self.membership.voters.contains_key(&from) || from == self.id {
            return;
        }
        if let Some(misdeed) = absurd(&message) {
            self.outputs.push(Output::Alarm { peer: from, misdeed });
            return;
        }
        match message {
            Message::PreVote(m) => self.handle_pre_vote(now, from, m),
            Message::PreVoteReply(m) => self.handle_pre_vote_reply(now, from, m),
            Message::RequestVote(m) => self.handle_request_vote(now, from, m),
            Message::RequestVoteReply(m) => self.handle_request_vote_reply(now, from, m),
            Message::AppendEntries(m) => self.handle_append_entries(now, from, m),
            Message::AppendEntriesReply(m) => self.handle_append_entries_reply(now, from, m),
            Message::Heartbeat(m) => self.handle_heartbeat(now, from, m),
            Message::HeartbeatReply(m) => self.handle_heartbeat_reply(now, from, m),
            // Between a driver's bootstrap and ours: see `crate::bootstrap`.
            Message::Introduction(_) | Message::IntroductionReply(_) => {}
            Message::InstallSnapshot(m) => self.handle_install_snapshot(now, from, m),
            Message::InstallSnapshotReply(m) => self.handle_install_snapshot_reply(now, from, m),
        }
    }

    fn handle_timers(&mut self, now: Timestamp) {
        match self.role.name() {
            RoleName::Leader => self.leader_timers(now),
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate => {
                if now < self.election_due {
                } else if self.may_lead(now) {
                    mark!("election-without-winner" if self.role() == RoleName::Candidate);
                    self.become_pre_candidate(now);
                } else {
                    mark!("damaged-node-does-not-campaign" if self.repair.is_some());
                    self.restart_election_timer(now);
                    self.become_follower(now, self.term(), None);
                }
            }
        }
    }

    /// This node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its role.
    #[must_use]
    pub fn role(&self) -> RoleName {
        self.role.name()
    }

    /// Its current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.hard_state.current_term
    }

    /// Its term and vote, durable or about to be.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// The leader of the current term, if known.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// See [`crate::server::Server::spoil`].
    #[cfg(feature = "simulation")]
    pub(crate) fn spoil(&mut self, index: LogIndex) -> bool {
        self.log.spoil(index)
    }

    /// The end of its log.
    #[must_use]
    pub fn last_log(&self) -> LogId {
        self.log.last()
    }

    /// Up to where its log is durable.
    #[must_use]
    pub fn durable_index(&self) -> LogIndex {
        self.durability.durable()
    }

    /// Up to where it knows entries to be committed.
    #[must_use]
    pub fn commit_index(&self) -> LogIndex {
        self.commit_index
    }

    /// The newest snapshot that is durable here.
    #[must_use]
    pub fn snapshot(&self) -> Option<SnapshotId> {
        self.snapshot
    }

    /// What its log must reach again, if it lost durable entries.
    #[must_use]
    pub fn repair(&self) -> Option<Repair> {
        self.repair
    }

    /// Whether its disk has room.
    #[must_use]
    pub fn room(&self) -> Room {
        self.room
    }

    /// The newest membership in its log, or of the snapshot that stands for its beginning.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }
}

/// Numbers that no election and no append can reach.
fn absurd(message: &Message) -> Option<Misdeed> {
    let (term, index) = match message {
        Message::PreVote(m) => (m.term, m.last_log.index),
        Message::PreVoteReply(m) => (m.term, LogIndex(0)),
        Message::RequestVote(m) => (m.term, m.last_log.index),
        Message::RequestVoteReply(m) => (m.term, LogIndex(0)),
        Message::AppendEntries(m) => (m.term, m.prev_log.index.max(m.leader_commit)),
        Message::AppendEntriesReply(m) => (m.term, LogIndex(0)),
        Message::Heartbeat(m) => (m.term, m.leader_commit),
        Message::HeartbeatReply(m) => (m.term, LogIndex(0)),
        Message::InstallSnapshot(m) => (m.term, m.snapshot.last.index),
        Message::InstallSnapshotReply(m) => (m.term, m.snapshot.last.index),
        Message::Introduction(_) | Message::IntroductionReply(_) => return None,
    };
    if term >= Term::LIMIT {
        Some(Misdeed::AbsurdTerm { term })
    } else if index >= LogIndex::LIMIT {
        Some(Misdeed::AbsurdIndex { index })
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
