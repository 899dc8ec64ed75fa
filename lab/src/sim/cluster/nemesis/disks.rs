//! What goes wrong with disks: carried out, and taken back.

use std::time::Duration;

use raft::storage::memory::{Fault as DiskFault, Queue as DiskQueue, SyncFailure};

use super::Undo;
use crate::sim::clients::workload::Workload;
use crate::sim::cluster::Pace;
use crate::sim::cluster::ambush::Trap;
use crate::sim::cluster::damage::{Tampering, old_segment, sector_of};
use crate::sim::cluster::excuse::Excuse;
use crate::sim::cluster::node::StartError;
use crate::sim::plan::fault::{Action, Aim, Fault, Moment, Target, Written};
use crate::sim::world::{Own, World};

/// What a disk holds that is full: what is there.
const NOTHING_MORE: u64 = 0;
/// A node whose disk was damaged while it was down tries to start again so soon.
const SOON: Duration = Duration::from_millis(5);

impl<W: Workload> World<W> {
    /// As `inflict`, of faults of disks.
    pub(super) fn inflict_on_disk(&mut self, number: usize, fault: &Fault) -> Option<Option<Undo>> {
        match fault {
            Fault::SlowDisk(target, factor) => {
                let node = self.node_of(*target)?;
                let Pace { log, aside, .. } = self.plan.pace;
                let slow = |(low, high): (u64, u64)| (low * factor, high.max(low) * factor);
                self.cluster.pace[node] = Pace { log: slow(log), aside: slow(aside), ..self.plan.pace };
                return Some(Some(Undo::Disk(node)));
            }
            Fault::FullDisk(target) => {
                let node = self.up(*target)?;
                self.cluster.disk_fault(node, DiskFault::Capacity(NOTHING_MORE));
                return Some(Some(Undo::Room(node)));
            }
            Fault::Wipe(node) => {
                if !self.may_wipe(*node) {
                    return None;
                }
                self.cluster.kill(*node);
                self.gone[*node] = true;
                self.hang_up(*node);
                self.cluster.wipe(*node, self.workload.machine());
            }
            Fault::FailedSync { target, cache_keeps } => {
                let node = self.up(*target)?;
                let disk = self.cluster.node(node).disk()?;
                // A cache that goes back would show, with nothing written since, what the disk lied about.
                let keeps = *cache_keeps || disk.lies();
                let how = if keeps { SyncFailure::CacheKeepsNew } else { SyncFailure::CacheGoesBack };
                let next = disk.syncs();
                self.cluster.disk_fault(node, DiskFault::Sync(next, how));
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

    /// As `inflict`, of what damages a disk.
    pub(super) fn damage(&mut self, number: usize, fault: &Fault, lasts: Duration) -> Option<Option<Undo>> {
        match fault {
            Fault::Rot { node, place_ppm, aim } => {
                let (node, place) = self.down_to_be_damaged(*node, *aim, *place_ppm)?;
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
                let (node, place) = self.down_to_be_damaged(*node, *aim, *place_ppm)?;
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
            _ => return None,
        }
        Some(None)
    }

    /// A node whose machine goes down in order, and the place that will be damaged meanwhile.
    fn down_to_be_damaged(
        &mut self,
        node: usize,
        aim: Aim,
        place_ppm: u32,
    ) -> Option<(usize, (String, u64))> {
        let node = self.up(Target::Node(node))?;
        let place = self.cluster.place(node, aim, place_ppm)?;
        if self.cluster.would_lose_silently(node) {
            return None;
        }
        self.cluster.reboot(node);
        Some((node, place))
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
    pub(in crate::sim) fn trigger(&mut self, number: usize, node: usize) {
        let Some(episode) = self.plan.episodes.get(number).cloned() else { return };
        let Fault::Ambush { moment, action, depose_leader, .. } = episode.fault else { return };
        self.cluster.landed.push(number);
        let (lasts, queue) = (episode.lasts(), moment.queue());
        let mut undo = Vec::new();
        match action {
            Action::Kill => {
                self.cluster.kill(node);
                self.node_died(node, lasts);
            }
            Action::Power => {
                self.cluster.lose_power(node, number as u64);
                self.node_died(node, lasts);
            }
            Action::Flip => {
                let place_ppm = u32::try_from(episode.lasts % 1_000_000).unwrap_or(0);
                if let Some((file, offset)) = self.cluster.place(node, Aim::Snapshot, place_ppm) {
                    self.cluster.disk_fault(node, DiskFault::Rot { file, offset, bit: bit(place_ppm) });
                }
                self.cluster.let_go(node, queue);
            }
            Action::Stall | Action::StallThenPower => {
                let life = self.cluster.node(node).life;
                undo.push(Undo::Stall { node, life, queue, number, power: action == Action::StallThenPower });
            }
        }
        if let Some(leader) = self.up(Target::Leader).filter(|leader| depose_leader && *leader != node) {
            let life = self.cluster.node(leader).life;
            self.cluster.pause(leader);
            undo.push(Undo::Resume(leader, life));
        }
        self.undo.insert(number, Undo::All(undo));
        // A disk that stands still for as long as an election takes.
        let least = if moment == Moment::Synced { Duration::ZERO } else { Duration::from_secs(2) };
        self.cluster.plan(lasts.max(least), Own::End(number));
    }

    pub(super) fn end_stall(&mut self, node: usize, queue: DiskQueue, number: usize, power: bool) {
        if self.cluster.running(node).is_none() {
            return;
        }
        if power {
            self.cluster.lose_power(node, number as u64);
            self.node_died(node, Duration::from_millis(10));
        } else {
            self.cluster.let_go(node, queue);
        }
    }

    /// A node could not start. Where that is for good, the others must do without it.
    pub(in crate::sim) fn refused(&mut self, node: usize, error: &StartError) {
        if self.cluster.excuse(node, error) == Some(Excuse::ForGood) {
            (self.gone[node], self.quorum[node]) = (true, false);
            self.refused += 1;
            self.assert_majority();
        }
    }
}

fn bit(place_ppm: u32) -> u8 {
    u8::try_from(place_ppm % 8).unwrap_or(0)
}
