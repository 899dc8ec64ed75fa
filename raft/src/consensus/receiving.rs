//! The receiving side of a snapshot (Figure 13), in order from its first byte, whoever leads: the same
//! file is resumed where it was, after a loss or a change of leaders.

use super::entry::Entry;
use super::io::{Misdeed, Output, RoleName};
use super::message::{InstallSnapshot, InstallSnapshotReply, Message, SnapshotOutcome};
use super::role::Role;
use super::snapshot::{SnapshotId, SnapshotMeta};
use super::state::Raft;
use super::types::{LogIndex, NodeId, Term, Timestamp};
use crate::marks::mark;
use crate::seeded_bug;

/// Windows of bytes that may wait for the disk. A leader that hears nothing of a slow one probes, and sends
/// another window from where the answer says; after a few the disk has enough to do.
const UNWRITTEN_WINDOWS: u64 = 4;

/// A snapshot on its way here.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Receiving {
    snapshot: SnapshotId,
    /// Of the leader that sent a piece last.
    term: Term,
    /// Every byte before this one was handed over to be written.
    expected: u64,
    /// Every byte before this one is with the file system.
    written: u64,
}

impl Raft {
    pub(super) fn handle_install_snapshot(&mut self, now: Timestamp, from: NodeId, m: InstallSnapshot) {
        if m.term < self.term() {
            self.answer_snapshot(from, m.snapshot, SnapshotOutcome::Next(m.offset));
            return;
        }
        if let Some(misdeed) = self.misdeed_in_snapshot(&m) {
            self.outputs.push(Output::Alarm { peer: from, misdeed });
            return;
        }
        if !self.accept_leader(now, from, m.term) {
            return;
        }
        if self.holds(m.snapshot.last.index) {
            mark!("snapshot-refused-as-committed");
            self.answer_installed(from, m.snapshot);
        } else if self.has_room() {
            self.receive(from, m);
        }
    }

    /// What no correct leader sends.
    fn misdeed_in_snapshot(&self, m: &InstallSnapshot) -> Option<Misdeed> {
        let SnapshotId { last, length, .. } = m.snapshot;
        let end = m.offset.checked_add(m.data.len() as u64);
        if last.index == LogIndex(0)
            || last.term > m.term
            || end.is_none_or(|end| end > length)
            || length == 0
        {
            return Some(Misdeed::BrokenSnapshot { last });
        }
        let own = self.log.id_at(last.index).filter(|own| own.term != last.term)?;
        let replaces = own.index <= self.commit_index;
        replaces.then_some(Misdeed::TruncatesCommitted { committed: own, claimed: last.term })
    }

    /// A snapshot never takes the place of a log that is known to be committed as far or further.
    fn holds(&self, last: LogIndex) -> bool {
        self.commit_index >= last && !seeded_bug!("snapshot-over-newer-log")
    }

    fn receive(&mut self, from: NodeId, m: InstallSnapshot) {
        // A leader's snapshots only become newer: this piece was on its way for longer than the other's.
        let newer = |r: &Receiving| {
            r.term == m.term && r.snapshot.last > m.snapshot.last && !seeded_bug!("older-piece-taken")
        };
        if self.receiving.as_ref().is_some_and(newer) {
            mark!("piece-of-older-snapshot-ignored");
            return;
        }
        let fresh = Receiving { snapshot: m.snapshot, term: m.term, expected: 0, written: 0 };
        let enough = UNWRITTEN_WINDOWS.saturating_mul(self.config.snapshot_window_bytes as u64);
        let restarts = m.data.is_empty() && seeded_bug!("transfer-restarts-with-each-probe");
        mark!("transfer-replaced-at-receiver" if self.receiving.is_some_and(|r| r.snapshot != m.snapshot));
        let receiving = match &mut self.receiving {
            Some(receiving) if receiving.snapshot == m.snapshot && !restarts => receiving,
            other => other.insert(fresh),
        };
        receiving.term = m.term;
        let waits = receiving.expected - receiving.written;
        if m.offset == receiving.expected && !m.data.is_empty() && waits < enough {
            // Answered once it is written: that paces the sender.
            receiving.expected += m.data.len() as u64;
            let InstallSnapshot { snapshot, offset, data, .. } = m;
            self.outputs.push(Output::WriteSnapshot { snapshot, offset, data });
        } else {
            mark!("snapshot-piece-out-of-order" if !m.data.is_empty());
            let expected = receiving.expected;
            self.answer_snapshot(from, m.snapshot, SnapshotOutcome::Next(expected));
        }
    }

    pub(super) fn handle_snapshot_written(&mut self, snapshot: SnapshotId, end: u64) {
        let current = |r: &&mut Receiving| r.snapshot == snapshot && end <= r.expected;
        let Some(receiving) = self.receiving.as_mut().filter(current) else { return };
        receiving.written = receiving.written.max(end);
        if let Some(leader) = self.leader.filter(|leader| *leader != self.id) {
            self.answer_snapshot(leader, snapshot, SnapshotOutcome::Next(end));
        }
    }

    /// The next probe is told to begin again.
    pub(super) fn handle_snapshot_failed(&mut self, snapshot: SnapshotId) {
        self.receiving = self.receiving.filter(|r| r.snapshot != snapshot);
    }

    /// Whether this snapshot may be installed. It may not where the log is committed
    /// as far; nor over the log of a leader, which holds all that is committed (§5.4.3).
    pub(crate) fn takes_snapshot(&self, id: &SnapshotId, meta: &SnapshotMeta) -> bool {
        let (last, leads) = (id.last, self.role() == RoleName::Leader);
        last == meta.base.id
            && !self.holds(last.index)
            && (!leads || self.log.id_at(last.index) == Some(last))
    }

    pub(super) fn handle_snapshot_installed(&mut self, now: Timestamp, id: SnapshotId, meta: SnapshotMeta) {
        self.receiving = self.receiving.filter(|r| r.snapshot != id);
        if self.takes_snapshot(&id, &meta) {
            self.take_in(now, id, meta);
        }
        if let Some(leader) =
            self.leader.filter(|leader| *leader != self.id && self.commit_index >= id.last.index)
        {
            self.answer_installed(leader, id);
        }
    }

    /// Where the log holds the snapshot's last entry, what follows it stays, since it may have been
    /// acknowledged; `compact` then drops what precedes it. Else nothing of the log is worth keeping.
    fn take_in(&mut self, now: Timestamp, id: SnapshotId, meta: SnapshotMeta) {
        let last = id.last.index;
        let own = self.log.id_at(last);
        mark!("snapshot-over-conflicting-log" if own.is_some_and(|own| own != id.last));
        mark!("snapshot-over-short-log" if own.is_none());
        mark!("snapshot-within-log" if own == Some(id.last) && self.log.last().index > last);
        if own != Some(id.last) {
            self.log.replace(meta.base);
            // Nothing of the new log is durable before the write that names its base.
            self.durability.truncate_after(last.previous());
            self.base_membership = Some(meta.membership);
            self.refresh_membership();
            if !matches!(self.role, Role::Follower) {
                // It campaigned with another log.
                self.become_follower(now, self.term(), None);
            }
        }
        self.snapshot = Some(id);
        self.commit_index = last;
        self.outputs.push(Output::Commit(last));
        self.release_uncommitted_bytes();
    }

    fn release_uncommitted_bytes(&mut self) {
        let uncommitted = self.log.from(self.commit_index.next()).map(Entry::weight).sum();
        if let Role::Leader(leader) = &mut self.role {
            leader.uncommitted_bytes = uncommitted;
        }
    }

    fn answer_installed(&mut self, to: NodeId, snapshot: SnapshotId) {
        let outcome = SnapshotOutcome::Installed;
        let reply = InstallSnapshotReply { term: self.term(), snapshot, outcome };
        if seeded_bug!("snapshot-acked-before-durable") {
            self.send(to, Message::InstallSnapshotReply(reply));
        } else {
            self.send_when_log_durable(snapshot.last.index, to, Message::InstallSnapshotReply(reply));
        }
    }

    fn answer_snapshot(&mut self, to: NodeId, snapshot: SnapshotId, outcome: SnapshotOutcome) {
        let reply = InstallSnapshotReply { term: self.term(), snapshot, outcome };
        self.send_when_term_durable(to, Message::InstallSnapshotReply(reply));
    }
}
