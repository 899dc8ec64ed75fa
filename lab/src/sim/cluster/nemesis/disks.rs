//! What goes wrong with disks: carried out, and taken back.

use std::time::Duration;

use raft::pump::StopCause;
use raft::storage::memory::{Fault as DiskFault, SyncFailure};
use raft::storage::{OpenError, StorageError};

use super::Undo;
use crate::sim::clients::workload::Workload;
use crate::sim::cluster::ambush::Trap;
use crate::sim::cluster::damage::{Tampering, old_segment, sector_of};
use crate::sim::cluster::node::StartError;
use crate::sim::invariants::STARTS;
use crate::sim::plan::fault::{Aim, Blow, Fault, Moment, Target, Written};
use crate::sim::world::{Own, World};

/// A node whose disk was damaged while it was down tries to start again so soon.
const SOON: Duration = Duration::from_millis(5);

impl<W: Workload> World<W> {
    /// As `inflict`, of faults of disks.
    pub(super) fn inflict_on_disk(
        &mut self,
        number: usize,
        fault: &Fault,
        lasts: Duration,
    ) -> Option<Option<Undo>> {
        match fault {
            Fault::FailedSync { target, cache_keeps } => {
                let node = self.up(*target)?;
                let disk = self.cluster.node(node).disk()?;
                // A cache that goes back would show, with nothing written since, what the disk lied about.
                let keeps = *cache_keeps || disk.lies();
                let how = if keeps { SyncFailure::CacheKeepsNew } else { SyncFailure::CacheGoesBack };
                let next = disk.syncs();
                self.cluster.disk_fault(node, DiskFault::Sync(next, how));
            }
            Fault::Rot { node, place_ppm, aim } => {
                let node = self.up(Target::Node(*node))?;
                let place = self.cluster.place(node, *aim, *place_ppm)?;
                if self.cluster.would_lose_silently(node) {
                    return None;
                }
                self.cluster.reboot(node);
                self.cluster.rot(node, place, bit(*place_ppm));
                self.node_died(node, lasts);
            }
            Fault::Decay { node, place_ppm, aim } => {
                let node = self.up(Target::Node(*node))?;
                // What is being written is still in the cache, from which it would go to the disk again.
                let aim = if *aim == Aim::Snapshot { Aim::Snapshot } else { Aim::Oldest };
                let place = self.cluster.place(node, aim, *place_ppm)?;
                self.cluster.decay(node, place, bit(*place_ppm));
            }
            Fault::Unreadable { node, place_ppm, aim } => {
                let node = self.up(Target::Node(*node))?;
                let place = self.cluster.place(node, *aim, *place_ppm)?;
                if self.cluster.would_lose_silently(node) {
                    return None;
                }
                self.cluster.reboot(node);
                self.cluster.make_unreadable(node, sector_of(place));
                self.node_died(node, SOON);
                return Some(Some(Undo::Unreadable(node)));
            }
            Fault::LostWrite { node, of } => {
                self.tamper_with(number, *node, *of, None)?;
            }
            Fault::StrayWrite { node, of, place_ppm } => {
                let (file, length) = old_segment(self.cluster.node(*node).disk()?)?;
                let offset = length * u64::from(*place_ppm) / 1_000_000;
                self.tamper_with(number, *node, *of, Some((file, offset)))?;
            }
            Fault::Foreign(target) => {
                let node = self.up(*target)?;
                self.cluster.kill(node);
                self.cluster.put_foreign(node);
                self.node_died(node, SOON);
                return Some(Some(Undo::Foreign(node)));
            }
            Fault::Ambush { target, moment, .. } => {
                let node = self.up(*target)?;
                self.cluster.traps[node] = Some(Trap { number, moment: *moment });
            }
            _ => return None,
        }
        Some(None)
    }

    fn tamper_with(
        &mut self,
        number: usize,
        node: usize,
        of: Written,
        stray: Option<(String, u64)>,
    ) -> Option<()> {
        let node = self.up(Target::Node(node))?;
        self.cluster.tamperings[node] = Some(Tampering { number, of, stray });
        Some(())
    }

    /// Whom an ambush has met.
    pub(in crate::sim) fn spring(&mut self, number: usize, node: usize) {
        let Some(episode) = self.plan.episodes.get(number).cloned() else { return };
        let Fault::Ambush { moment, blow, coup, .. } = episode.fault else { return };
        self.cluster.landed.push(number);
        let lasts = episode.lasts();
        let mut undo = Vec::new();
        match blow {
            Blow::Kill => {
                self.cluster.kill(node);
                self.node_died(node, lasts);
            }
            Blow::Power => {
                self.cluster.lose_power(node, number as u64);
                self.node_died(node, lasts);
            }
            Blow::Flip => {
                let place_ppm = u32::try_from(episode.lasts % 1_000_000).unwrap_or(0);
                if let Some((file, offset)) = self.cluster.place(node, Aim::Snapshot, place_ppm) {
                    self.cluster.disk_fault(node, DiskFault::Rot { file, offset, bit: bit(place_ppm) });
                }
                self.cluster.hurry_disk(node);
            }
            Blow::Stall | Blow::StallThenPower => {
                let life = self.cluster.node(node).life;
                undo.push(Undo::Stall { node, life, number, power: blow == Blow::StallThenPower });
            }
        }
        if let Some(leader) = self.up(Target::Leader).filter(|leader| coup && *leader != node) {
            let life = self.cluster.node(leader).life;
            self.cluster.pause(leader);
            undo.push(Undo::Resume(leader, life));
        }
        self.undo.insert(number, Undo::All(undo));
        // A disk that stands still for as long as an election takes.
        let least = if moment == Moment::Synced { Duration::ZERO } else { Duration::from_secs(2) };
        self.cluster.plan(lasts.max(least), Own::End(number));
    }

    pub(super) fn end_stall(&mut self, node: usize, life: u64, number: usize, power: bool) {
        if self.cluster.node(node).life != life || self.cluster.running(node).is_none() {
            return;
        }
        if power {
            self.cluster.lose_power(node, number as u64);
            self.node_died(node, Duration::from_millis(10));
        } else {
            self.cluster.hurry_disk(node);
        }
    }

    /// What is to be read again can be, and the node, which may wait for that, starts.
    pub(super) fn make_readable(&mut self, node: usize) {
        self.cluster.disk_fault(node, DiskFault::Readable);
    }

    /// A node could not start. Whether that is right follows from what was done to its disk; where it is for good,
    /// the others must do without it.
    pub(in crate::sim) fn refused(&mut self, node: usize, error: &StartError) {
        let no_room = StorageError::NoRoom.into();
        match error {
            // It may go better the next time.
            StartError::Open(OpenError::NoRoom { .. } | OpenError::Storage { .. }) => {}
            StartError::Stopped(cause) if *cause == no_room => {}
            StartError::Open(OpenError::ForeignSnapshot { .. }) if self.cluster.foreign[node].is_some() => {}
            // Of what a disk does not take, and does not give back, nothing follows for the next time.
            StartError::Stopped(StopCause::Storage(_)) if self.cluster.damaged[node].is_empty() => {}
            _ if self.cluster.damaged[node].is_empty() => {
                self.cluster.broken(STARTS, format!("node {node}: {error}"));
            }
            _ => (self.gone[node], self.quorum[node]) = (true, false),
        }
    }
}

fn bit(place_ppm: u32) -> u8 {
    u8::try_from(place_ppm % 8).unwrap_or(0)
}
