//! Snapshots of state machine and sessions: when one is due, what goes into it, and how one that was
//! received takes the place of both.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::io::{Fatal, Reply};
use super::{Server, panic_text};
use crate::consensus::io as consensus_io;
use crate::consensus::snapshot::{Base, SnapshotId, SnapshotMeta};
use crate::consensus::types::{LogIndex, Timestamp};
use crate::marks::mark;
use crate::session::Sessions;
use crate::state_machine::StateMachine;

/// Everything that goes into a snapshot, as it was between two entries.
#[derive(Debug)]
pub struct Frozen<S> {
    /// Where it stands.
    pub meta: SnapshotMeta,
    /// The encoded sessions.
    pub sessions: Bytes,
    /// The state machine's view, to be written elsewhere.
    pub view: S,
}

/// A received snapshot: whole, verified, durable under its final name, and read back.
#[derive(Debug)]
pub struct Installed<M> {
    /// Its file.
    pub id: SnapshotId,
    /// What it says.
    pub meta: SnapshotMeta,
    /// Its sessions.
    pub sessions: Sessions,
    /// Its state machine.
    pub machine: M,
}

/// When the next snapshot is taken.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Schedule {
    under_way: bool,
    /// Whatever the log weighs.
    wanted: bool,
    /// Even if nothing came since the last one: that one has rotted.
    again: bool,
    /// The log counts from here, where a snapshot failed: not again before as much log has come again.
    failed_at: LogIndex,
}

impl Schedule {
    /// The one under way is stored.
    pub(super) fn ended(&mut self) {
        (self.under_way, self.wanted, self.again) = (false, false, false);
    }
}

impl<M: StateMachine> Server<M> {
    /// Whether to take a snapshot now: none is under way, and the log behind the last one weighs as
    /// much as that one.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        let (last, length) = self.raft.snapshot().map(|id| (id.last.index, id.length)).unwrap_or_default();
        let since = last.max(self.snapshots.failed_at);
        let again = self.snapshots.again && last > self.snapshots.failed_at && self.last_applied >= last;
        let enough = self.raft.config().snapshot_min_log_bytes.max(length);
        !self.snapshots.under_way
            && (self.last_applied > since || again)
            && (self.snapshots.wanted
                || again
                || self.raft.log().bytes_between(since, self.last_applied) >= enough)
    }

    /// The next snapshot is due as soon as there is something to take.
    pub fn want_snapshot(&mut self) {
        self.snapshots.wanted = true;
    }

    /// The last snapshot has rotted: another is due, if need be of the same state.
    pub fn want_snapshot_again(&mut self) {
        self.snapshots.again = true;
    }

    /// Freezes what a snapshot holds. Ends with [`super::Input::SnapshotStored`] or
    /// [`Server::snapshot_failed`].
    pub fn take_snapshot(&mut self) -> Result<Frozen<M::Snapshot>, Fatal> {
        let late = crate::seeded_bug!("snapshot-index-behind-state")
            && self.raft.log().get(self.last_applied.previous()).is_some();
        let index = if late { self.last_applied.previous() } else { self.last_applied };
        let log = self.raft.log();
        let base = log.id_at(index).zip(log.chain_at(index)).map(|(id, chain)| Base { id, chain });
        let base = base.ok_or(Fatal::NothingToSnapshot { index })?;
        let membership = self.raft.membership_at(index).ok_or(Fatal::NothingToSnapshot { index })?;
        let membership = if crate::seeded_bug!("membership-missing-from-snapshot") {
            Default::default()
        } else {
            membership
        };
        let machine = &self.machine;
        let view = catch_unwind(AssertUnwindSafe(|| machine.snapshot()))
            .map_err(|panic| Fatal::SnapshotPanicked { panic: panic_text(panic.as_ref()) })?;
        let sessions = if crate::seeded_bug!("sessions-missing-from-snapshot") {
            Sessions::default().encode()
        } else {
            self.sessions.encode()
        };
        mark!("snapshot-frozen");
        self.snapshots.under_way = true;
        Ok(Frozen { meta: SnapshotMeta { base, membership }, sessions, view })
    }

    /// The snapshot that was being taken could not be stored.
    pub fn snapshot_failed(&mut self) {
        mark!("snapshot-failed");
        self.snapshots = Schedule { failed_at: self.last_applied, ..Schedule::default() };
    }

    /// Takes in a received snapshot, unless this node is as far already; either way its sender is told,
    /// once that is durable.
    pub fn install(&mut self, now: Timestamp, installed: Installed<M>) -> Result<(), Fatal> {
        let Installed { id, meta, sessions, machine } = installed;
        let takes = self.raft.takes_snapshot(&id, &meta);
        self.raft.step(now, consensus_io::Input::SnapshotInstalled { id, meta })?;
        if !takes {
            mark!("snapshot-installed-too-late");
            return Ok(());
        }
        mark!("snapshot-installed");
        let applied =
            if crate::seeded_bug!("applied-again-after-install") { self.last_applied } else { id.last.index };
        let sessions = if crate::seeded_bug!("sessions-not-installed") {
            std::mem::take(&mut self.sessions)
        } else {
            sessions.bounded(self.sessions.bounds())
        };
        (self.machine, self.sessions, self.last_applied) = (machine, sessions, applied);
        // The snapshot cannot say which of the entries in it were these.
        while let Some((.., ticket)) = self.waiting.pop_front_if(|(index, ..)| *index <= id.last.index) {
            self.reply(ticket, Reply::Unknown);
        }
        Ok(())
    }
}
