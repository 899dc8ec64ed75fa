//! Elections (§5.2, §5.4.1) with PreVote (dissertation §9.6). Every vote, given or one's own, is
//! durable before it counts.

use super::io::PersistId;
use super::message::{Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply};
use super::quorum::majority;
use super::role::Role;
use super::state::{HeldWhat, Raft};
use super::types::{HardState, LogId, NodeId, Term, Timestamp};
use crate::marks::mark;

impl Raft {
    pub(super) fn ask_for_pre_votes(&mut self, now: Timestamp) {
        let ask = PreVote { term: self.term().next(), last_log: self.log.last() };
        for peer in self.other_voters() {
            self.send(peer, Message::PreVote(ask));
        }
        self.campaign_if_supported(now);
    }

    pub(super) fn ask_for_votes(&mut self) {
        let ask = RequestVote { term: self.term(), last_log: self.log.last(), leadership_transfer: false };
        // The log is advertised too, so it must be durable with the vote.
        let due = self.durability.entries_due(ask.last_log.index);
        let until = if crate::seeded_bug!("own-vote-before-durable") { PersistId::default() } else { due };
        self.hold(until, HeldWhat::OwnVote);
        for peer in self.other_voters() {
            self.hold(until, HeldWhat::Send { to: peer, message: Message::RequestVote(ask) });
        }
    }

    fn other_voters(&self) -> Vec<NodeId> {
        self.membership.peers(self.id).collect()
    }

    pub(super) fn handle_pre_vote(&mut self, now: Timestamp, from: NodeId, m: PreVote) {
        let free = !self.protects_a_leader(now) || crate::seeded_bug!("pre-vote-disturbs-leader");
        let granted = m.term > self.term() && free && self.is_up_to_date(m.last_log);
        let newer = m.term > self.term();
        mark!("pre-vote-refused-for-live-leader" if newer && !free && m.last_log >= self.log.last());
        mark!("pre-vote-refused-to-shorter-log" if newer && free && m.last_log < self.log.last());
        let reply = PreVoteReply { term: self.term(), asked: m.term, granted };
        self.send_when_term_durable(from, Message::PreVoteReply(reply));
    }

    pub(super) fn handle_pre_vote_reply(&mut self, now: Timestamp, from: NodeId, m: PreVoteReply) {
        if crate::seeded_bug!("pre-vote-counted-as-vote") && m.granted && m.asked == self.term() {
            self.count_vote(now, from);
        }
        if m.term > self.term() && !crate::seeded_bug!("pre-vote-reply-term-ignored") {
            mark!("pre-vote-answered-from-higher-term");
            self.become_follower(now, m.term, None);
            return;
        }
        let asked = self.term().next();
        if let Role::PreCandidate { granted } = &mut self.role
            && m.granted
            && m.asked == asked
        {
            granted.insert(from);
            self.campaign_if_supported(now);
        }
    }

    fn campaign_if_supported(&mut self, now: Timestamp) {
        if let Role::PreCandidate { granted } = &self.role
            && granted.len() >= majority(self.membership.voters.len())
        {
            self.become_candidate(now);
        }
    }

    pub(super) fn handle_request_vote(&mut self, now: Timestamp, from: NodeId, m: RequestVote) {
        let protects = self.protects_a_leader(now) && !crate::seeded_bug!("vote-disturbs-leader");
        if m.term > self.term() && (m.leadership_transfer || !protects) {
            self.become_follower(now, m.term, None);
        }
        mark!("vote-refused-for-live-leader" if m.term > self.term() && m.last_log >= self.log.last());
        mark!("vote-asked-in-earlier-term" if m.term < self.term());
        let free = self
            .hard_state
            .voted_for
            .is_none_or(|voted| voted == from || crate::seeded_bug!("vote-twice-in-a-term"));
        let granted = m.term == self.term() && free && self.is_up_to_date(m.last_log);
        mark!("vote-refused-as-already-given" if m.term == self.term() && !free);
        mark!("vote-refused-to-shorter-log" if m.term == self.term() && free && m.last_log < self.log.last());
        mark!("vote-given-again" if granted && self.hard_state.voted_for == Some(from));
        if granted {
            if crate::seeded_bug!("vote-not-persisted") {
                self.hard_state.voted_for = Some(from);
            } else if self.hard_state.voted_for.is_none() {
                self.set_hard_state(HardState { voted_for: Some(from), ..self.hard_state });
            }
            self.restart_election_timer(now);
        }
        let reply = RequestVoteReply { term: self.term(), granted };
        self.send_when_term_durable(from, Message::RequestVoteReply(reply));
    }

    pub(super) fn handle_request_vote_reply(&mut self, now: Timestamp, from: NodeId, m: RequestVoteReply) {
        if m.granted && crate::seeded_bug!("stale-vote-counted") {
            self.count_vote(now, from);
        }
        if m.term > self.term() {
            self.become_follower(now, m.term, None);
        } else if m.granted && m.term == self.term() {
            self.count_vote(now, from);
        }
    }

    pub(super) fn count_vote(&mut self, now: Timestamp, from: NodeId) {
        if let Role::Candidate { granted } = &mut self.role {
            granted.insert(from);
            // Who asked for votes has its own on its disk; one that nobody asked for elects nobody.
            let asked = granted.contains(&self.id) || crate::seeded_bug!("unasked-votes-elect");
            if asked && granted.len() >= majority(self.membership.voters.len()) {
                mark!("election-alone" if granted.len() == 1);
                self.become_leader(now);
            }
        } else {
            mark!("vote-counted-late");
        }
    }

    pub(super) fn handle_persisted(&mut self, now: Timestamp, id: PersistId) {
        self.durability.complete(id);
        self.finish_repair();
        for what in self.release_held() {
            match what {
                HeldWhat::Send { to, message } => self.send(to, message),
                HeldWhat::OwnVote => self.count_vote(now, self.id),
            }
        }
        self.advance_commit();
        self.tell_commit_soon(now);
    }

    /// A leader heard within the minimum election timeout is not to be disturbed (§9.6); one that
    /// leads itself steps down by its own rule (CheckQuorum).
    fn protects_a_leader(&self, now: Timestamp) -> bool {
        matches!(self.role, Role::Leader(_))
            || self.leader_contact.is_some_and(|heard| now < heard + self.config.election_min)
    }

    /// §5.4.1: last term first, then last index; and what a damaged log held counts as if it were there.
    fn is_up_to_date(&self, candidate: LogId) -> bool {
        let last = self.log.last();
        let as_good = if crate::seeded_bug!("up-to-date-index-first") {
            (candidate.index, candidate.term) >= (last.index, last.term)
        } else {
            candidate >= last || crate::seeded_bug!("vote-for-any-log")
        };
        let covers = self.covers_what_was_lost(candidate);
        mark!("vote-refused-by-damaged-log" if as_good && !covers);
        as_good && covers
    }

    /// A message of the current term's leader, or of a higher term's. Returns whether to go on.
    pub(super) fn accept_leader(&mut self, now: Timestamp, from: NodeId, term: Term) -> bool {
        if term < self.term() && !crate::seeded_bug!("old-leader-obeyed") {
            return false;
        }
        if term == self.term()
            && let Some(leader) = self.leader.filter(|leader| *leader != from)
        {
            let misdeed = super::Misdeed::SecondLeader { term, leader };
            self.outputs.push(super::Output::Alarm { peer: from, misdeed });
            return false;
        }
        if term > self.term() || self.leader.is_none() || !matches!(self.role, Role::Follower) {
            mark!("candidate-met-leader" if term == self.term() && matches!(self.role, Role::Candidate { .. }));
            self.become_follower(now, term, Some(from));
        }
        self.leader_contact = Some(now);
        self.restart_election_timer(now);
        true
    }
}
