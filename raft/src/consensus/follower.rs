//! The receiving side of replication (Figure 2, "AppendEntries RPC, receiver implementation").

use super::entry::Entry;
use super::io::{Misdeed, Output};
use super::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat, HeartbeatReply, Message};
use super::state::Raft;
use super::types::{LogId, LogIndex, NodeId, Term, Timestamp};
use crate::marks::mark;

impl Raft {
    pub(super) fn handle_append_entries(&mut self, now: Timestamp, from: NodeId, m: AppendEntries) {
        if m.term < self.term() && !crate::seeded_bug!("old-leader-obeyed") {
            mark!("append-from-earlier-term");
            // Any outcome will do: the sender steps down at the term.
            let outcome = AppendOutcome::Conflict { term: None, first: self.log.last().index.next() };
            let reply = AppendEntriesReply { term: self.term(), id: m.id, outcome };
            self.send_when_term_durable(from, Message::AppendEntriesReply(reply));
            return;
        }
        let (term, id) = (m.term, m.id);
        if let Some(misdeed) = self.misdeed_in(&m) {
            self.outputs.push(Output::Alarm { peer: from, misdeed });
            return;
        }
        if !self.accept_leader(now, from, term) {
            return;
        }
        let stuck = !self.has_room() && self.brings_entries(&m);
        mark!("append-refused-by-full-disk" if stuck);
        let outcome = if stuck { AppendOutcome::NoRoom } else { self.append(m) };
        let reply = Message::AppendEntriesReply(AppendEntriesReply { term, id, outcome });
        match outcome {
            AppendOutcome::Matched(index) => self.send_when_log_durable(index, from, reply),
            AppendOutcome::Conflict { .. } | AppendOutcome::Repairing { .. } | AppendOutcome::NoRoom => {
                self.send_when_term_durable(from, reply);
            }
        }
    }

    /// What no correct leader sends, whatever became of earlier messages.
    fn misdeed_in(&self, m: &AppendEntries) -> Option<Misdeed> {
        let mut last = m.prev_log;
        for entry in &m.entries {
            if entry.id.index != last.index.next() || entry.id.term < last.term || entry.id.term > m.term {
                return Some(Misdeed::BrokenEntries { at: entry.id.index });
            }
            if !entry.is_intact() {
                return Some(Misdeed::CorruptEntry { at: entry.id.index });
            }
            last = entry.id;
        }
        // A committed entry is in the log of every later leader (leader completeness, §5.4.3). The first one, with
        // which every member's log is made, is so from the beginning.
        let fixed = self.commit_index.max(LogIndex(1));
        let committed = |id: LogId| {
            let own = self.log.id_at(id.index)?;
            let replaces = id.index <= fixed && own.term != id.term;
            replaces.then_some(Misdeed::TruncatesCommitted { committed: own, claimed: id.term })
        };
        if m.prev_log.index > fixed {
            return None;
        }
        std::iter::once(m.prev_log).chain(m.entries.iter().map(|e| e.id)).find_map(committed)
    }

    /// Whether anything would have to be written.
    fn brings_entries(&self, m: &AppendEntries) -> bool {
        m.entries.last().is_some_and(|e| e.id.index > self.log.last().index)
            || m.entries.iter().any(|e| self.log.id_at(e.id.index).is_some_and(|own| own != e.id))
    }

    fn append(&mut self, m: AppendEntries) -> AppendOutcome {
        let compacted = m.prev_log.index < self.log.base().id.index;
        match self.log.term_at(m.prev_log.index) {
            // What was compacted away is committed, and so agrees (§5.4.3).
            None if compacted => mark!("append-before-base"),
            None => {
                mark!("append-behind-gap");
                return self.conflict(None, self.log.last().index.next());
            }
            // Names the whole conflicting term, so that a long divergence costs a round trip per term.
            Some(term) if term != m.prev_log.term && !crate::seeded_bug!("prev-term-unchecked") => {
                mark!("append-behind-other-term");
                let first = self.log.first_of_term(term);
                let off_by_one = crate::seeded_bug!("conflict-hint-off-by-one");
                return self.conflict(Some(term), if off_by_one { first.next() } else { first });
            }
            Some(_) => {}
        }
        let verified = LogIndex(m.prev_log.index.0 + m.entries.len() as u64);
        if crate::seeded_bug!("truncated-at-prev") {
            self.truncate_after(m.prev_log.index);
        }
        self.append_missing(m.entries);
        let last = self.log.last().index;
        let commits = if crate::seeded_bug!("commit-beyond-verified") { last } else { verified };
        self.follow_commit(m.leader_commit.min(commits));
        AppendOutcome::Matched(if crate::seeded_bug!("last-index-acked") { last } else { verified })
    }

    fn conflict(&self, term: Option<Term>, first: LogIndex) -> AppendOutcome {
        // What was acknowledged once may be missing: the leader must look below what matched.
        if self.repair.is_some() {
            return AppendOutcome::Repairing { from: first };
        }
        AppendOutcome::Conflict { term, first }
    }

    /// Truncates only at a real conflict: a reordered or repeated request must not remove entries
    /// that a later one brought, and that may have been acknowledged.
    fn append_missing(&mut self, entries: Vec<Entry>) {
        let base = self.log.base().id.index;
        for entry in entries.into_iter().skip_while(|e| e.id.index <= base) {
            match self.log.term_at(entry.id.index) {
                Some(term) if term == entry.id.term => {
                    mark!("append-repeats-entries");
                    continue;
                }
                Some(_) if crate::seeded_bug!("conflict-not-truncated") => continue,
                Some(_) => self.truncate_after(entry.id.index.previous()),
                None => {}
            }
            let is_membership = entry.kind == super::entry::EntryKind::Membership;
            self.log.push(entry);
            if is_membership {
                self.refresh_membership();
            }
        }
    }

    fn truncate_after(&mut self, last: LogIndex) {
        mark!("conflicting-entries-truncated");
        mark!("durable-entries-truncated" if self.durability.durable() > last);
        self.log.truncate_after(last);
        self.durability.truncate_after(last);
        self.refresh_membership();
    }

    /// The newest membership in the log counts, committed or not (§4.1); without one, that at its base.
    pub(super) fn refresh_membership(&mut self) {
        if let Some(membership) = self.log.membership().or_else(|| self.base_membership.clone()) {
            self.membership = membership;
        }
    }

    pub(super) fn handle_heartbeat(&mut self, now: Timestamp, from: NodeId, m: Heartbeat) {
        let is_late = m.term < self.term();
        if !is_late {
            if !self.accept_leader(now, from, m.term) {
                return;
            }
            // What it may commit goes by what matched, which of a damaged log is not true.
            if self.repair.is_none() || crate::seeded_bug!("damaged-log-committed") {
                let commits = m.leader_commit.min(self.log.last().index);
                mark!("commit-told-by-heartbeat" if commits > self.commit_index);
                self.follow_commit(commits);
            }
        }
        let lacks = self.lacks().filter(|_| !crate::seeded_bug!("repair-kept-quiet"));
        // Each term counts its rounds anew: of an earlier one they confirm nothing in this, though its leader may be the
        // same.
        let confirms = !is_late || crate::seeded_bug!("round-of-an-earlier-term-confirmed");
        let round = if confirms { m.round } else { 0 };
        let reply = HeartbeatReply { term: self.term(), round, lacks };
        self.send_when_term_durable(from, Message::HeartbeatReply(reply));
    }

    fn follow_commit(&mut self, index: LogIndex) {
        if index > self.commit_index {
            self.commit_index = index;
            self.outputs.push(Output::Commit(index));
        }
    }
}
