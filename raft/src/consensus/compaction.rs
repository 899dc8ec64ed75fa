//! Dropping what a snapshot holds (§7), without making a peer in reach need the snapshot for it.

use super::entry::Entry;
use super::io::Output;
use super::progress::Mode;
use super::role::Role;
use super::snapshot::{SnapshotId, SnapshotMeta};
use super::state::Raft;
use super::types::{LogIndex, Membership, Timestamp};
use crate::marks::mark;

impl Raft {
    pub(super) fn handle_snapshot_stored(&mut self, id: SnapshotId, meta: &SnapshotMeta) {
        // What was installed meanwhile may be newer; of the same end it takes the place of one that rotted.
        let newer = self.snapshot.is_none_or(|own| own.last.index <= id.last.index);
        let ours = id.last == meta.base.id && self.log.id_at(id.last.index) == Some(id.last);
        if newer && ours && id.last.index <= self.commit_index {
            self.snapshot = Some(id);
        }
    }

    /// Drops what the snapshot holds and nobody needs. Nothing is to be done most of the time, and
    /// that is seen at once.
    pub(super) fn compact(&mut self, now: Timestamp) {
        let Some(snapshot) = self.snapshot.map(|id| id.last.index) else { return };
        let snapshot =
            if crate::seeded_bug!("compaction-beyond-snapshot") { self.commit_index } else { snapshot };
        let base = self.log.base().id.index;
        if base >= snapshot {
            return;
        }
        // What a snapshot holds is committed; whether it is durable in the log, too, is not said.
        let upto = self.needed_by_peers(now, snapshot).min(self.durability.durable());
        if upto <= base {
            return;
        }
        mark!("log-compacted");
        if let Some(newest) = self.log.compact(upto) {
            self.base_membership = Some(newest);
        }
        self.outputs.push(Output::Compact(upto));
    }

    /// Up to where no peer needs the log, at most up to the end of the snapshot.
    fn needed_by_peers(&self, now: Timestamp, snapshot: LogIndex) -> LogIndex {
        let Role::Leader(leader) = &self.role else { return snapshot };
        let mut upto = snapshot;
        for peer in leader.peers.values() {
            match (peer.mode, &peer.sending) {
                // What follows the snapshot is needed as soon as it is there.
                (Mode::Snapshot, Some(transfer)) if !peer.is_gone(now, &self.config) => {
                    upto = upto.min(transfer.snapshot().last.index);
                }
                (Mode::Snapshot, _) => {}
                _ if now <= peer.last_heard + self.config.election_min => upto = upto.min(peer.match_index),
                _ => {}
            }
        }
        let kept = self.log.bytes_between(upto, snapshot);
        let too_much = kept > self.config.max_kept_log_bytes;
        mark!("compaction-waits-for-peer" if !too_much && upto < snapshot);
        mark!("compaction-leaves-peer-behind" if too_much);
        if too_much { snapshot } else { upto }
    }

    /// The membership that holds at `index`.
    pub(crate) fn membership_at(&self, index: LogIndex) -> Option<Membership> {
        let upto = self.log.from(self.log.base().id.index.next()).rev().skip_while(|e| e.id.index > index);
        upto.filter_map(Entry::membership).next().or_else(|| self.base_membership.clone())
    }
}
