//! The sending side of a snapshot (§7): to a peer whose next entry is no longer in the log, while this
//! node leads.

use bytes::Bytes;

use super::config::Config;
use super::io::{Misdeed, Output};
use super::message::{InstallSnapshot, InstallSnapshotReply, Message, SnapshotOutcome};
use super::progress::{Mode, Progress};
use super::role::Role;
use super::snapshot::SnapshotId;
use super::state::Raft;
use super::transfer::Transfer;
use super::types::{LogIndex, NodeId, Timestamp};
use crate::marks::mark;

/// Election timeouts of silence after which a peer that was being sent a snapshot begins with the newest: a link that
/// fails for seconds, and a restart, do not throw away what is there.
const PATIENCE: u32 = 10;

impl Raft {
    /// Begins a transfer where the log cannot help, ends one where it can again, and asks for as many
    /// pieces as window and rate take.
    pub(super) fn advance_transfer(&mut self, now: Timestamp, to: NodeId) {
        let (term, base, newest) = (self.term(), self.log.base().id.index, self.snapshot);
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peers.get_mut(&to) else { return };
        if peer.next_index > base {
            mark!("transfer-ended-by-log" if peer.mode == Mode::Snapshot);
            peer.end_snapshot();
            return;
        }
        let Some(newest) = newest else { return };
        let heard = peer.last_heard;
        let gone = peer.is_gone(now, &self.config);
        let transfer = peer.begin_snapshot(now, newest);
        if gone && transfer.snapshot() != newest {
            // When it is back it has the most of the newest: nothing keeps the log that follows the other one.
            *transfer = Transfer::new(now, newest);
        }
        if transfer.probe_due(&self.config, heard) <= now {
            transfer.probed(now);
            let (snapshot, data) = (transfer.snapshot(), Bytes::new());
            let probe = InstallSnapshot { term, snapshot, offset: 0, data };
            self.outputs.push(Output::Send { to, message: Message::InstallSnapshot(probe) });
        }
        // So many fill any window.
        let most = self.config.snapshot_window_bytes.div_ceil(self.config.snapshot_piece());
        for _ in 0..most {
            if !transfer.may_read(&self.config) || leader.pace.due() > now {
                break;
            }
            let (offset, length) = transfer.read(now, &self.config);
            leader.pace.spend(now, length, self.config.snapshot_bytes_per_second);
            let snapshot = transfer.snapshot();
            self.outputs.push(Output::ReadSnapshot { to, snapshot, offset, length });
        }
    }

    pub(super) fn handle_snapshot_chunk(
        &mut self,
        now: Timestamp,
        to: NodeId,
        snapshot: SnapshotId,
        offset: u64,
        data: Option<Bytes>,
    ) {
        let (term, newest) = (self.term(), self.snapshot);
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peers.get_mut(&to) else { return };
        let Some(transfer) = peer.sending.as_mut().filter(|t| t.snapshot() == snapshot) else { return };
        // Without one it was given up meanwhile.
        let Some(length) = transfer.awaited(offset) else { return };
        match data.filter(|data| data.len() as u64 == length) {
            Some(data) => {
                let chunk = InstallSnapshot { term, snapshot, offset, data };
                self.send(to, Message::InstallSnapshot(chunk));
            }
            None => {
                match newest.filter(|newest| *newest != snapshot) {
                    Some(newest) => *transfer = Transfer::new(now, newest),
                    None => transfer.unreadable(now),
                }
                self.snapshot_doubts += 1;
            }
        }
    }

    pub(super) fn handle_install_snapshot_reply(
        &mut self,
        now: Timestamp,
        from: NodeId,
        m: InstallSnapshotReply,
    ) {
        if m.term > self.term() {
            self.become_follower(now, m.term, None);
            return;
        }
        let (term, newest) = (self.term(), self.snapshot);
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peers.get_mut(&from).filter(|_| m.term == term) else { return };
        peer.heard(now);
        // An answer about another snapshot is late, or about nothing.
        let Some(transfer) = peer.sending.as_mut().filter(|t| t.snapshot() == m.snapshot) else { return };
        match m.outcome {
            SnapshotOutcome::Next(claimed) if claimed > m.snapshot.length => {
                let misdeed = Misdeed::BeyondSnapshot { claimed, length: m.snapshot.length };
                self.outputs.push(Output::Alarm { peer: from, misdeed });
            }
            SnapshotOutcome::Next(there) => {
                if transfer.answered(now, there) {
                    if let Some(newest) = newest.filter(|newest| *newest != m.snapshot) {
                        *transfer = Transfer::new(now, newest);
                    }
                    self.snapshot_doubts += 1;
                }
            }
            SnapshotOutcome::Installed => {
                peer.installed(m.snapshot.last.index);
                self.advance_commit();
                self.tell_commit_soon(now);
            }
        }
    }

    /// How often a snapshot could not be read here, or a peer wanted one from its beginning once more: it may have
    /// rotted.
    pub(crate) fn snapshot_doubts(&self) -> u64 {
        self.snapshot_doubts
    }

    /// When the next piece or probe for this peer is due.
    pub(super) fn transfer_due(&self, peer: &Progress, pace_due: Timestamp) -> Option<Timestamp> {
        let transfer = peer.sending.as_ref()?;
        let probe = transfer.probe_due(&self.config, peer.last_heard);
        Some(if transfer.may_read(&self.config) { probe.min(pace_due) } else { probe })
    }
}

impl Progress {
    /// Silent for so long that nothing is kept for what it was being sent.
    pub(super) fn is_gone(&self, now: Timestamp, config: &Config) -> bool {
        now > self.last_heard + config.election_min * PATIENCE
    }

    /// The snapshot that is on its way; `newest` if there was none.
    fn begin_snapshot(&mut self, now: Timestamp, newest: SnapshotId) -> &mut Transfer {
        if self.mode != Mode::Snapshot {
            mark!("transfer-begun");
            self.forget_requests();
            self.mode = Mode::Snapshot;
        }
        self.sending.get_or_insert_with(|| Transfer::new(now, newest))
    }

    /// The log holds again what the peer needs next.
    fn end_snapshot(&mut self) {
        if self.mode == Mode::Snapshot {
            self.mode = Mode::Replicate;
        }
        self.sending = None;
    }

    /// The peer holds everything up to `last`, durably.
    fn installed(&mut self, last: LogIndex) {
        self.match_index = self.match_index.max(last);
        self.next_index = self.next_index.max(self.match_index.next());
        self.end_snapshot();
    }
}
