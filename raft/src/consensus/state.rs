//! The state of one node, and the only places that change its term and role.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::config::{Config, InvalidConfig};
use super::durability::Durability;
use super::entry::{Entry, EntryKind};
use super::io::{Output, Persist, PersistId, Refusal, RoleChange, Room};
use super::log::{Gap, Log};
use super::message::Message;
use super::progress::Progress;
use super::read_index::ReadRounds;
use super::receiving::Receiving;
use super::role::{Leader, Role};
use super::snapshot::{Base, Repair, SnapshotId};
use super::transfer::Pace;
use super::types::{HardState, LogId, LogIndex, Membership, NodeId, Term, Timestamp};
use crate::marks::mark;

/// Whether a message wrongly leaves before what it claims is durable.
fn hasty(message: &Message) -> bool {
    crate::seeded_bug!("vote-before-durable") && matches!(message, Message::RequestVoteReply(_))
}

/// Something that must not happen before a write is durable.
#[derive(Clone, Debug, Hash)]
pub(super) struct Held {
    pub(super) until: PersistId,
    pub(super) term: Term,
    pub(super) what: HeldWhat,
}

#[derive(Clone, Debug, Hash)]
pub(super) enum HeldWhat {
    Send {
        to: NodeId,
        message: Message,
    },
    /// This candidate's own vote counts.
    OwnVote,
}

/// One node's consensus state.
#[derive(Clone, Debug)]
pub struct Raft {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) rng: fastrand::Rng,
    pub(super) hard_state: HardState,
    pub(super) log: Log,
    pub(super) membership: Membership,
    /// The membership at the log's base; none before the first entry.
    pub(super) base_membership: Option<Membership>,
    /// The newest snapshot that is durable here.
    pub(super) snapshot: Option<SnapshotId>,
    /// See [`Raft::snapshot_doubts`].
    pub(super) snapshot_doubts: u64,
    /// The snapshot that a leader is sending here.
    pub(super) receiving: Option<Receiving>,
    /// What the log must reach again (repair.rs).
    pub(super) repair: Option<Repair>,
    /// The log reached it, and the disk is not told yet.
    pub(super) just_repaired: bool,
    pub(super) room: Room,
    pub(super) durability: Durability,
    /// Never goes back (invariants.rs).
    pub(super) commit_index: LogIndex,
    pub(super) role: Role,
    /// The leader of the current term, if known; one per term (election safety, §5.2).
    pub(super) leader: Option<NodeId>,
    /// When that leader, or an earlier one, was last heard.
    pub(super) leader_contact: Option<Timestamp>,
    pub(super) election_due: Timestamp,
    /// What waits for the disk, oldest first.
    pub(super) held: VecDeque<Held>,
    pub(super) outputs: Vec<Output>,
}

/// Why a node cannot start from what it was given.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error(transparent)]
    Log(#[from] Gap),
    #[error("the log holds no membership: the node was never bootstrapped")]
    NoMembership,
    #[error("the log ends in term {log}, above the current term {current}")]
    TermBehindLog { log: Term, current: Term },
    #[error("the snapshot ends at {snapshot}, the log behind {base} up to {last} does not hold that entry")]
    SnapshotOutsideLog { snapshot: LogId, base: LogId, last: LogId },
}

/// What a node's disk holds when it starts.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Term and vote.
    pub hard_state: HardState,
    /// Where the log begins: `(0, 0)`, or an entry that the snapshot holds.
    pub base: Base,
    /// The membership that the snapshot names, if there is one.
    pub membership: Option<Membership>,
    /// The log, contiguous behind the base.
    pub entries: Vec<Entry>,
    /// What the log must reach again, if durable entries were lost.
    pub repair: Option<Repair>,
    /// The newest snapshot.
    pub snapshot: Option<SnapshotId>,
}

impl Raft {
    /// A node from its durable state. Only what a snapshot holds is known to be committed yet.
    pub fn new(
        id: NodeId,
        config: Config,
        seed: u64,
        now: Timestamp,
        start: Start,
    ) -> Result<Raft, StartError> {
        config.validate()?;
        let Start { mut hard_state, base, membership, entries, repair, snapshot } = start;
        if crate::seeded_bug!("vote-forgotten-at-restart") {
            hard_state.voted_for = None;
        }
        let log = Log::new(base, entries)?;
        let last = log.last();
        if last.term > hard_state.current_term {
            return Err(StartError::TermBehindLog { log: last.term, current: hard_state.current_term });
        }
        let known = committed_at_start(&log, snapshot)?;
        let commit_index = if crate::seeded_bug!("restart-commits-the-log") { last.index } else { known };
        let base_membership = membership;
        let membership =
            log.membership().or_else(|| base_membership.clone()).ok_or(StartError::NoMembership)?;
        let mut raft = Raft {
            id,
            config,
            rng: fastrand::Rng::with_seed(seed),
            hard_state,
            log,
            membership,
            durability: Durability::recovered(last.index),
            base_membership,
            snapshot,
            snapshot_doubts: 0,
            receiving: None,
            repair,
            just_repaired: false,
            room: Room::default(),
            commit_index,
            role: Role::Follower,
            leader: None,
            leader_contact: None,
            election_due: now,
            held: VecDeque::new(),
            outputs: Vec::new(),
        };
        raft.restart_election_timer(now);
        raft.finish_repair();
        Ok(raft)
    }

    pub(super) fn restart_election_timer(&mut self, now: Timestamp) {
        let Config { election_min, election_max, .. } = self.config;
        let spread = u64::try_from((election_max - election_min).as_nanos()).unwrap_or(u64::MAX);
        let spread = if crate::seeded_bug!("election-timer-not-randomised") { 1 } else { spread.max(1) };
        self.election_due = now + election_min + Duration::from_nanos(self.rng.u64(0..spread));
    }

    /// Follows, in `term`, which may be the current one; a vote is forgotten only with its term.
    pub(super) fn become_follower(&mut self, now: Timestamp, term: Term, leader: Option<NodeId>) {
        let was_leader = matches!(self.role, Role::Leader(_));
        let changed = term != self.term() || self.leader != leader || !matches!(self.role, Role::Follower);
        let raised = term > self.term();
        if raised {
            self.set_hard_state(HardState { current_term: term, voted_for: None });
        }
        let former = std::mem::replace(&mut self.role, Role::Follower);
        self.leader = leader;
        if was_leader {
            self.restart_election_timer(now);
        }
        mark!("leader-deposed-by-higher-term" if was_leader && raised);
        if let Role::Leader(former) = former {
            self.refuse_reads(*former);
        }
        if changed {
            self.announce_role();
        }
    }

    fn refuse_reads(&mut self, former: Leader) {
        let reason = Refusal::NotLeader { leader: self.leader };
        for ticket in former.reads.abandon() {
            mark!("read-refused-at-end-of-term");
            self.outputs.push(Output::Refused { ticket, reason });
        }
    }

    pub(super) fn become_pre_candidate(&mut self, now: Timestamp) {
        self.restart_election_timer(now);
        self.leader = None;
        self.role = Role::PreCandidate { granted: BTreeSet::from([self.id]) };
        self.announce_role();
        self.ask_for_pre_votes(now);
    }

    pub(super) fn become_candidate(&mut self, now: Timestamp) {
        self.restart_election_timer(now);
        let voted_for = Some(self.id).filter(|_| !crate::seeded_bug!("own-vote-not-saved"));
        self.set_hard_state(HardState { current_term: self.term().next(), voted_for });
        self.leader = None;
        self.role = Role::Candidate { granted: BTreeSet::new() };
        self.announce_role();
        self.ask_for_votes();
    }

    pub(super) fn become_leader(&mut self, now: Timestamp) {
        let noop = self.log.last().index.next();
        // The append of the no-op, which leaves at once, is the first sign of life.
        let mut fresh = Progress::new(now, noop);
        fresh.heartbeat_due = now + self.config.heartbeat;
        let peers: BTreeMap<NodeId, Progress> =
            self.membership.peers(self.id).map(|peer| (peer, fresh.clone())).collect();
        let uncommitted = self.log.from(self.commit_index.next());
        self.role = Role::Leader(Box::new(Leader {
            peers,
            term_start: noop,
            reads: ReadRounds::default(),
            uncommitted_bytes: uncommitted.map(Entry::weight).sum(),
            quorum_check_due: now + self.config.election_min,
            pace: Pace::default(),
        }));
        self.leader = Some(self.id);
        self.announce_role();
        // An entry of the new term lets older ones commit (§5.4.2) and reads begin (§6.4).
        if !crate::seeded_bug!("noop-missing") {
            self.append_own(EntryKind::Noop, Bytes::new());
        }
    }

    /// Appends to this leader's log.
    pub(super) fn append_own(&mut self, kind: EntryKind, data: Bytes) -> LogId {
        let id = LogId { term: self.term(), index: self.log.last().index.next() };
        let entry = Entry::new(id, kind, data);
        if let Role::Leader(leader) = &mut self.role {
            leader.uncommitted_bytes += entry.weight();
        }
        self.log.push(entry);
        id
    }

    pub(super) fn set_hard_state(&mut self, hard_state: HardState) {
        self.hard_state = hard_state;
        self.durability.change_hard_state();
    }

    fn announce_role(&mut self) {
        let change = RoleChange { role: self.role.name(), term: self.term(), leader: self.leader };
        self.outputs.push(Output::Role(change));
    }

    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        self.outputs.push(Output::Send { to, message });
    }

    /// Sends once the current term and vote are durable.
    pub(super) fn send_when_term_durable(&mut self, to: NodeId, message: Message) {
        let until = self.durability.hard_state_due();
        self.hold(until, HeldWhat::Send { to, message });
    }

    /// Sends once everything in the log up to `index`, and the current term, is durable.
    pub(super) fn send_when_log_durable(&mut self, index: LogIndex, to: NodeId, message: Message) {
        let due = self.durability.entries_due(index);
        let until = if crate::seeded_bug!("append-acked-before-durable") {
            self.durability.hard_state_due()
        } else {
            due
        };
        self.hold(until, HeldWhat::Send { to, message });
    }

    pub(super) fn hold(&mut self, until: PersistId, what: HeldWhat) {
        match what {
            HeldWhat::Send { to, message } if until <= self.durability.completed() || hasty(&message) => {
                self.send(to, message);
            }
            what => self.held.push_back(Held { until, term: self.term(), what }),
        }
    }

    /// Takes what waited for the disk and may happen now. What was said in an earlier term is
    /// dropped: it would be answered as stale, and its truth may have gone with a truncation.
    pub(super) fn release_held(&mut self) -> Vec<HeldWhat> {
        let (completed, term) = (self.durability.completed(), self.term());
        let mut released = Vec::new();
        for held in std::mem::take(&mut self.held) {
            if held.until > completed {
                self.held.push_back(held);
            } else if held.term == term {
                released.push(held.what);
            } else {
                mark!("held-answer-dropped");
            }
        }
        released
    }

    /// One write with all that changed since the last.
    pub(super) fn emit_persist(&mut self, now: Timestamp) {
        let last = self.log.last().index;
        let hard_state = self.durability.hard_state_changed().then_some(self.hard_state);
        let with_entries = self.durability.submitted() != last;
        let hard_state =
            hard_state.filter(|_| !(with_entries && crate::seeded_bug!("term-not-saved-with-entries")));
        let repaired = std::mem::take(&mut self.just_repaired);
        if hard_state.is_none() && !repaired && self.durability.submitted() == last {
            return;
        }
        let (submitted, base) = (self.durability.submitted(), self.log.base());
        // Compaction never passes what the disk has: a base beyond it came with a snapshot.
        let replaced = (submitted < base.id.index).then_some(base);
        let before = submitted.max(base.id.index);
        let prev_chain = self.log.chain_at(before).unwrap_or_default();
        let entries = self.log.from(before.next()).cloned().collect();
        let id = self.durability.submit(now, last);
        let persist = Persist { id, hard_state, base: replaced, repaired, prev_chain, entries };
        self.outputs.push(Output::Persist(persist));
    }
}

/// What the snapshot holds was committed, and the log goes on behind it.
fn committed_at_start(log: &Log, snapshot: Option<SnapshotId>) -> Result<LogIndex, StartError> {
    let base = log.base().id;
    match snapshot {
        Some(id) if log.id_at(id.last.index) != Some(id.last) => {
            Err(StartError::SnapshotOutsideLog { snapshot: id.last, base, last: log.last() })
        }
        Some(id) => Ok(id.last.index),
        None => Ok(base.index),
    }
}
