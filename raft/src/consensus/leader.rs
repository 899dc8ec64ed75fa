//! The leading side: replication pipelined per peer (§5.3), commitment (§5.3, §5.4.2), heartbeats,
//! CheckQuorum (dissertation §6.2), reads (§6.4).

use bytes::Bytes;

use super::entry::{Entry, EntryKind};
use super::io::{Misdeed, Output, Refusal, Ticket};
use super::log::Log;
use super::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, Message};
use super::progress::Progress;
use super::quorum::{majority, reached_by_majority};
use super::role::{Leader, Role};
use super::state::Raft;
use super::types::{LogIndex, NodeId, Term, Timestamp};
use crate::marks::mark;

/// A follower learns of a new commit index this fraction of a heartbeat later at the latest, unless
/// an append tells it before: soon enough to apply, late enough to ride on the next append.
const COMMIT_NEWS: u32 = 10;

impl Raft {
    pub(super) fn handle_propose(&mut self, ticket: Ticket, kind: EntryKind, data: Bytes) {
        let limit = self.config.max_command_bytes;
        let refusal = match &self.role {
            Role::Leader(_) if data.len() > limit => Some(Refusal::TooLarge { size: data.len(), limit }),
            Role::Leader(leader) if leader.uncommitted_bytes > self.config.max_uncommitted_bytes => {
                Some(Refusal::Overloaded)
            }
            Role::Leader(_) if !self.majority_has_room() => Some(Refusal::DiskFull),
            Role::Leader(_) => None,
            Role::Follower | Role::PreCandidate { .. } | Role::Candidate { .. }
                if self.leader.is_none() && !self.has_room() =>
            {
                Some(Refusal::DiskFull)
            }
            Role::Follower | Role::PreCandidate { .. } | Role::Candidate { .. } => {
                Some(Refusal::NotLeader { leader: self.leader })
            }
        };
        mark!("proposal-refused-as-overload" if refusal == Some(Refusal::Overloaded));
        mark!("proposal-refused-by-full-disks" if refusal == Some(Refusal::DiskFull));
        let answer = match refusal {
            Some(reason) => Output::Refused { ticket, reason },
            None => Output::Accepted { ticket, id: self.append_own(kind, data) },
        };
        self.outputs.push(answer);
    }

    pub(super) fn handle_read(&mut self, ticket: Ticket) {
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.arrive(ticket);
        } else {
            let reason = Refusal::NotLeader { leader: self.leader };
            self.outputs.push(Output::Refused { ticket, reason });
        }
    }

    pub(super) fn handle_append_entries_reply(
        &mut self,
        now: Timestamp,
        from: NodeId,
        m: AppendEntriesReply,
    ) {
        if m.term > self.term() && !crate::seeded_bug!("step-down-forgotten") {
            self.become_follower(now, m.term, None);
            return;
        }
        let last = self.log.last().index;
        let term = self.term();
        let Role::Leader(leader) = &mut self.role else { return };
        let current = m.term == term || crate::seeded_bug!("stale-append-reply-counted");
        mark!("append-reply-from-earlier-term" if !current);
        let Some(peer) = leader.peers.get_mut(&from).filter(|_| current) else { return };
        peer.heard(now);
        match m.outcome {
            AppendOutcome::Matched(index) if index > last => {
                let misdeed = Misdeed::MatchBeyondLog { claimed: index, last };
                self.outputs.push(Output::Alarm { peer: from, misdeed });
            }
            AppendOutcome::Matched(index) => {
                peer.matched(now, m.id, index);
                self.advance_commit();
                self.tell_commit_soon(now);
            }
            AppendOutcome::Conflict { term, first } => {
                let next = next_probe(&self.log, term, first);
                peer.rejected(now, m.id, next.max(LogIndex(1)));
            }
            // It is repeated as if it had been lost: later and later.
            AppendOutcome::NoRoom => peer.had_no_room(m.id),
            AppendOutcome::Repairing { from } => peer.repairing(m.id, from),
        }
    }

    pub(super) fn handle_heartbeat_reply(&mut self, now: Timestamp, from: NodeId, m: HeartbeatReply) {
        if m.term > self.term() && !crate::seeded_bug!("step-down-forgotten") {
            self.become_follower(now, m.term, None);
            return;
        }
        let term = self.term();
        let Role::Leader(leader) = &mut self.role else { return };
        let current = m.term == term || crate::seeded_bug!("stale-heartbeat-reply-counted");
        let Some(peer) = leader.peers.get_mut(&from).filter(|_| current) else { return };
        peer.heard(now);
        peer.round = peer.round.max(m.round.min(leader.reads.newest()));
        if let Some(from) = m.lacks {
            peer.lacks(from);
        }
        self.grant_reads();
    }

    fn grant_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let own = leader.reads.newest();
        let mut rounds: Vec<u64> = leader.peers.values().map(|p| p.round).chain([own]).collect();
        let reached =
            if crate::seeded_bug!("read-without-quorum") { own } else { reached_by_majority(&mut rounds) };
        for (ticket, index) in leader.reads.confirmed(reached) {
            mark!("read-confirmed-by-its-round");
            self.outputs.push(Output::ReadGranted { ticket, index });
        }
    }

    /// Commits what a majority holds durably, if it is of this term (§5.4.2, Figure 8); what stands
    /// before it is committed with it. This node counts with what its own disk has.
    pub(super) fn advance_commit(&mut self) {
        let early = match self.membership.voters.len() {
            1 => crate::seeded_bug!("single-node-commits-at-append"),
            _ => crate::seeded_bug!("leader-counts-itself-at-append"),
        };
        let own = if early { self.log.last().index } else { self.durability.durable() };
        let Role::Leader(leader) = &self.role else { return };
        let mut matches: Vec<LogIndex> = leader.peers.values().map(|p| p.match_index).chain([own]).collect();
        let reached = reached_by_majority(&mut matches);
        let of_this_term = self.log.term_at(reached) == Some(self.term());
        mark!("old-term-majority-not-committed" if reached > self.commit_index && !of_this_term);
        if reached <= self.commit_index || !(of_this_term || crate::seeded_bug!("commit-old-term")) {
            return;
        }
        let first = self.log.term_at(self.commit_index.next());
        mark!("old-term-entry-committed-by-successor" if first.is_some_and(|first| first < self.term()));
        mark!("committed-before-own-disk" if reached > own);
        let newly = self.log.from(self.commit_index.next()).take_while(|e| e.id.index <= reached);
        let bytes: usize = newly.map(Entry::weight).sum();
        self.commit_index = reached;
        self.outputs.push(Output::Commit(reached));
        let Role::Leader(leader) = &mut self.role else { return };
        leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(bytes);
    }

    /// Followers that could apply more than they were told are told soon. Where that is no more
    /// than a leader's no-op, nobody waits for it, and the next heartbeat will do.
    pub(super) fn tell_commit_soon(&mut self, now: Timestamp) {
        let (commit, soon) = (self.commit_index, now + self.config.heartbeat / COMMIT_NEWS);
        let log = &self.log;
        let Role::Leader(leader) = &mut self.role else { return };
        let is_news = |p: &Progress| {
            let end = commit.min(p.match_index);
            let mut untold = log.from(p.commit_told.next()).take_while(|e| e.id.index <= end);
            untold.any(|e| !matches!(e.kind, EntryKind::Noop | EntryKind::Membership))
        };
        for peer in leader.peers.values_mut().filter(|p| is_news(p)) {
            peer.heartbeat_due = peer.heartbeat_due.min(soon);
        }
    }

    /// Everything that a leader does by the clock.
    pub(super) fn leader_timers(&mut self, now: Timestamp) {
        let answered = self.quorum_answers(now);
        if !answered || self.disk_is_slow(now) {
            mark!("check-quorum-stepped-down" if !answered);
            mark!("slow-disk-stepped-down" if answered);
            self.become_follower(now, self.term(), None);
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let mut due = Vec::new();
        for (id, peer) in &mut leader.peers {
            peer.give_up_lost(now, &self.config);
            if peer.heartbeat_due <= now {
                due.push(*id);
            }
        }
        for peer in due {
            self.send_heartbeat(now, peer);
        }
    }

    /// CheckQuorum: a leader that no majority answers for an election timeout leads nobody.
    fn quorum_answers(&mut self, now: Timestamp) -> bool {
        let voters = self.membership.voters.len();
        let patience = self.config.election_min;
        let Role::Leader(leader) = &mut self.role else { return true };
        if now < leader.quorum_check_due {
            return true;
        }
        leader.quorum_check_due = now + patience;
        let answering = leader.peers.values().filter(|p| now <= p.last_heard + patience).count();
        answering + 1 >= majority(voters) || crate::seeded_bug!("check-quorum-missing")
    }

    fn send_heartbeat(&mut self, now: Timestamp, to: NodeId) {
        let (term, commit, interval) = (self.term(), self.commit_index, self.config.heartbeat);
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.reads.newest();
        let Some(peer) = leader.peers.get_mut(&to) else { return };
        peer.heartbeat_due = now + interval;
        let unmatched = crate::seeded_bug!("heartbeat-commits-unmatched");
        peer.commit_told = if unmatched { commit } else { commit.min(peer.match_index) };
        let message = Heartbeat { term, round, leader_commit: peer.commit_told };
        self.send(to, Message::Heartbeat(message));
    }

    /// Starts a read round if one is due, and sends every peer what its window takes.
    pub(super) fn replicate(&mut self, now: Timestamp) {
        let Role::Leader(leader) = &mut self.role else { return };
        let peers: Vec<NodeId> = leader.peers.keys().copied().collect();
        let may_read = self.commit_index >= leader.term_start || crate::seeded_bug!("read-before-noop");
        mark!("read-waits-for-noop" if !may_read && leader.reads.are_waiting());
        if may_read && leader.reads.start(self.commit_index) {
            for peer in &peers {
                self.send_heartbeat(now, *peer);
            }
            self.grant_reads();
        }
        for peer in peers {
            self.advance_transfer(now, peer);
            // So many fill any window.
            for _ in 0..self.config.max_in_flight {
                let Some(append) = self.next_append(now, peer) else { break };
                self.send(peer, Message::AppendEntries(append));
            }
        }
    }

    fn next_append(&mut self, now: Timestamp, to: NodeId) -> Option<AppendEntries> {
        let (term, leader_commit, last) = (self.term(), self.commit_index, self.log.last().index);
        let Role::Leader(leader) = &mut self.role else { return None };
        let round = leader.reads.newest();
        let peer = leader.peers.get_mut(&to)?;
        if peer.next_index > last || !peer.may_send(&self.config) {
            return None;
        }
        let prev_log = self.log.id_at(peer.next_index.previous())?;
        let entries =
            self.log.batch(peer.next_index, self.config.max_append_entries, self.config.max_append_bytes);
        let end = LogIndex(prev_log.index.0 + entries.len() as u64);
        let id = peer.sent(now, end, entries.iter().map(Entry::weight).sum());
        // It stands in for a heartbeat where the peer answers in time and owes no read round: an
        // append is answered only when it is durable, and carries no round.
        if now < peer.last_heard + self.config.heartbeat && peer.round == round {
            peer.heartbeat_due = now + self.config.heartbeat;
        }
        peer.commit_told = leader_commit.min(end);
        Some(AppendEntries { term, id, prev_log, leader_commit, entries })
    }

    /// When a leader has something to do by the clock; none if this node does not lead.
    pub(super) fn leader_deadline(&self) -> Option<Timestamp> {
        let Role::Leader(leader) = &self.role else { return None };
        let soonest = |p: &Progress| {
            let transfer = self.transfer_due(p, leader.pace.due());
            p.lost_at(&self.config).into_iter().chain(transfer).fold(p.heartbeat_due, Timestamp::min)
        };
        leader.peers.values().map(soonest).chain([leader.quorum_check_due]).chain(self.slow_at()).min()
    }

    /// How far each peer's log is known to agree; empty on a node that does not lead.
    pub fn progress(&self) -> impl Iterator<Item = (NodeId, &Progress)> {
        let leader: Option<&Leader> = if let Role::Leader(leader) = &self.role { Some(leader) } else { None };
        leader.into_iter().flat_map(|l| l.peers.iter().map(|(id, p)| (*id, p)))
    }

    /// Bytes of this leader's uncommitted entries.
    #[must_use]
    pub fn uncommitted_bytes(&self) -> usize {
        if let Role::Leader(leader) = &self.role { leader.uncommitted_bytes } else { 0 }
    }
}

/// Where a log may agree that has entries of `term` from `first` on, and only of earlier ones before it.
fn next_probe(log: &Log, term: Option<Term>, first: LogIndex) -> LogIndex {
    let Some(term) = term else { return first };
    match log.last_of_term(term) {
        // Both logs have the term: they may agree up to its end here (§5.3).
        Some(ours) => ours.next().max(first),
        // Nothing of a later term here agrees with what stands before `first` there.
        None => log.first_of_term(term).min(first),
    }
}
