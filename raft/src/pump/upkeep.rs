//! What a node does besides the protocol: snapshots, room on its disk, reading again what it wrote long ago.

use super::disk::RETRY;
use super::{Pump, StopCause, Workshop};
use crate::consensus::io::Room;
use crate::consensus::transfer::Transfer;
use crate::consensus::types::Timestamp;
use crate::marks::mark;
use crate::server::Input;
use crate::state_machine::StateMachine;
use crate::storage::Disk;
use crate::storage::snapshot::{Event as SnapshotEvent, ReadFor};

impl<M: StateMachine, D: Disk, W: Workshop<M>> Pump<M, D, W> {
    /// Carries snapshots on: this node's own, one from the leader, those for peers. True if something
    /// came of it.
    pub(super) fn tend_snapshots(&mut self, now: Timestamp) -> Result<bool, StopCause> {
        if self.server.snapshot_due() {
            let frozen = self.server.take_snapshot()?;
            self.snapshots.take(&mut self.storage, frozen);
        }
        let mut busy = self.snapshots.carry(&mut self.storage);
        while let Some(event) = self.storage.next_event() {
            busy = true;
            self.snapshot_event(now, event)?;
        }
        match self.snapshots.restored() {
            Some(Ok(installed)) => {
                tracing::info!(last = %installed.id.last, "a snapshot from the leader takes the log's place");
                self.server.install(now, installed)?;
                self.prune_snapshots();
            }
            Some(Err((snapshot, why))) => {
                tracing::error!(last = %snapshot.last, why, "a snapshot from the leader cannot be restored");
                self.server.step(now, Input::SnapshotFailed { snapshot })?;
            }
            None => return Ok(busy),
        }
        Ok(true)
    }

    fn snapshot_event(&mut self, now: Timestamp, event: SnapshotEvent) -> Result<(), StopCause> {
        let input = match event {
            SnapshotEvent::Stored { id, meta } => {
                tracing::info!(last = %id.last, bytes = id.length, "snapshot stored");
                self.server.step(now, Input::SnapshotStored { id, meta })?;
                self.prune_snapshots();
                return Ok(());
            }
            SnapshotEvent::Failed(why) => {
                tracing::warn!(why, "no snapshot could be stored");
                self.server.snapshot_failed();
                return Ok(());
            }
            SnapshotEvent::Written { snapshot, end } => Input::SnapshotWritten { snapshot, end },
            SnapshotEvent::Received { id, meta } => {
                self.snapshots.restore(&mut self.storage, id, meta);
                return Ok(());
            }
            SnapshotEvent::Refused { snapshot, why } => {
                mark!("received-snapshot-refused");
                tracing::warn!(last = %snapshot.last, why, "a snapshot from the leader is refused");
                Input::SnapshotFailed { snapshot }
            }
            SnapshotEvent::Piece { reader: ReadFor::Restore, snapshot, offset, data } => {
                self.snapshots.piece(snapshot, offset, data);
                return Ok(());
            }
            SnapshotEvent::Piece { reader: ReadFor::Peer(to), snapshot, offset, data } => {
                Input::SnapshotChunk { to, snapshot, offset, data }
            }
        };
        Ok(self.server.step(now, input)?)
    }

    /// What is sent, what a state is built from, and what the log begins behind, is in use.
    fn prune_snapshots(&mut self) {
        let raft = self.server.raft();
        let sending = raft.progress().filter_map(|(_, peer)| peer.sending.as_ref());
        let in_use = sending.map(Transfer::snapshot).chain(raft.snapshot()).chain(self.snapshots.restoring());
        let in_use: Vec<_> = in_use.collect();
        self.storage.prune_snapshots(&in_use);
    }

    /// Tells consensus when the disk gets full and when it is so no more, and looks again meanwhile. True if it
    /// was told something.
    pub(super) fn look_for_room(&mut self, now: Timestamp) -> Result<bool, StopCause> {
        if self.disk.retry_at.is_some_and(|at| at <= now) {
            self.disk.retry_at = Some(now + RETRY);
            self.storage.retry();
        }
        let full = self.storage.is_full();
        if full && self.disk.retry_at.is_none() {
            mark!("disk-full-noticed");
            tracing::error!("the disk is full: this node votes, but takes nothing new");
            self.disk.retry_at = Some(now + RETRY);
            self.server.step(now, Input::Room(Room::Full))?;
        } else if self.disk.retry_at.is_some() && self.storage.has_room() {
            mark!("disk-has-room-again");
            tracing::info!("the disk has room again");
            self.disk.retry_at = None;
            self.server.step(now, Input::Room(Room::Ample))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads a part of the log, and of the newest snapshot, again from time to time. What is rotten goes with the
    /// next snapshot.
    pub(super) fn scrub(&mut self, now: Timestamp) {
        let doubts = self.server.raft().snapshot_doubts();
        if std::mem::replace(&mut self.disk.doubts, doubts) != doubts {
            self.storage.doubt_snapshot();
        }
        if self.snapshot_is_rotten() {
            self.server.want_snapshot_again();
        }
        if now < self.disk.scrub_at {
            return;
        }
        self.disk.scrub_at = now + self.disk.scrub_every;
        let held = self.server.raft().snapshot().map(|id| id.last.index).unwrap_or_default();
        if self.storage.rotten().is_some_and(|rotten| rotten > held) {
            self.server.want_snapshot();
        }
        self.storage.scrub();
    }

    /// Whether what stands for the beginning of the log is no more what was written.
    pub(super) fn snapshot_is_rotten(&self) -> bool {
        let rotten = self.storage.rotten_snapshot();
        rotten.is_some() && rotten == self.server.raft().snapshot()
    }
}
