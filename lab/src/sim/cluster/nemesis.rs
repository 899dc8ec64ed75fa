//! Carries out what the plan says goes wrong, and takes it back.

use std::time::Duration;

use raft::consensus::io::RoleName;
use raft::storage::memory::Fault as DiskFault;

use super::Pace;
use crate::sim::clients::workload::Workload;
use crate::sim::plan::fault::{Fault, Target};
use crate::sim::random::Stream;
use crate::sim::world::{Own, World};

/// What ends with an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Undo {
    Resume(usize, u64),
    Mend(Vec<(usize, usize)>),
    Weather,
    Disk(usize),
    Room(usize),
    Memory(usize, u64),
    Unreadable(usize),
    Foreign(usize),
    /// A queue of the disk stood still.
    Stall {
        node: usize,
        life: u64,
        number: usize,
        /// Then the power fails.
        power: bool,
    },
    All(Vec<Undo>),
}

mod disks;

const HEAL: Stream = Stream::named("nemesis.heal");
/// What a disk holds that is full: what is there.
const NOTHING_MORE: u64 = 0;

impl<W: Workload> World<W> {
    pub(in crate::sim) fn begin_episode(&mut self, number: usize) {
        let Some(episode) = self.plan.episodes.get(number).cloned() else { return };
        if self.phase != crate::sim::world::Phase::Faults {
            return;
        }
        let undo = self.inflict(number, &episode.fault, episode.lasts());
        let now = self.cluster.now();
        self.cluster
            .trace
            .note(now, None, || format!("{:?} for {} ns: {undo:?}", episode.fault, episode.lasts));
        if let Some(landed) = undo {
            // Those that wait for something land when it comes.
            if !matches!(
                episode.fault,
                Fault::Ambush { .. } | Fault::LostWrite { .. } | Fault::StrayWrite { .. }
            ) {
                *self.landed.entry(episode.fault.kind()).or_default() += 1;
            }
            if let Some(undo) = landed {
                self.undo.insert(number, undo);
                self.cluster.plan(episode.lasts(), Own::End(number));
            }
        }
    }

    /// None: there was nobody to meet. Else what is to be undone, if anything.
    pub(in crate::sim) fn inflict(
        &mut self,
        number: usize,
        fault: &Fault,
        lasts: Duration,
    ) -> Option<Option<Undo>> {
        let all = 0..self.plan.nodes;
        match fault {
            Fault::Blackout => {
                for node in all {
                    if self.cluster.running(node).is_some() {
                        self.cluster.lose_power(node, number as u64);
                        self.node_died(node, lasts);
                    }
                }
            }
            Fault::Kill(target) => {
                let node = self.up(*target)?;
                self.cluster.kill(node);
                self.node_died(node, lasts);
            }
            Fault::Power(target) => {
                let node = self.up(*target)?;
                self.cluster.lose_power(node, number as u64);
                self.node_died(node, lasts);
            }
            Fault::Pause(target) => {
                let node = self.up(*target)?;
                let life = self.cluster.node(node).life;
                self.cluster.pause(node);
                return Some(Some(Undo::Resume(node, life)));
            }
            Fault::Mute(target) => {
                let node = self.up(*target)?;
                return Some(Some(self.cut(all.map(|other| (node, other)).collect())));
            }
            Fault::Deafen(target) => {
                let node = self.up(*target)?;
                return Some(Some(self.cut(all.map(|other| (other, node)).collect())));
            }
            Fault::Cut { from, to } => return Some(Some(self.cut(vec![(*from, *to)]))),
            Fault::Split(side) => {
                let on = |node: usize| side >> node & 1 == 1;
                let pairs = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
                return Some(Some(self.cut(pairs.filter(|(from, to)| on(*from) != on(*to)).collect())));
            }
            Fault::Weather(weather) => {
                self.cluster.links.set_weather(*weather);
                return Some(Some(Undo::Weather));
            }
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
            Fault::Drift(target, ppm) => {
                let node = self.up(*target)?;
                self.cluster.drift(node, *ppm);
            }
            Fault::Spoil(target) => {
                let node = self.up(*target)?;
                self.cluster.set_bad_memory(node);
                return Some(Some(Undo::Memory(node, self.cluster.node(node).life)));
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
            fault => return self.inflict_on_disk(number, fault, lasts),
        }
        Some(None)
    }

    pub(in crate::sim) fn end_episode(&mut self, number: usize) {
        let Some(undo) = self.undo.remove(&number) else { return };
        // Where two overlap the second goes on. Links count for themselves who cut them.
        if !matches!(undo, Undo::Mend(_)) && self.undo.values().any(|other| *other == undo) {
            return;
        }
        self.take_back(undo);
    }

    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Resume(node, life) => {
                if self.cluster.node(node).life == life {
                    self.cluster.go_on(node);
                }
            }
            Undo::Mend(links) => links.into_iter().for_each(|(from, to)| self.cluster.links.mend(from, to)),
            Undo::Weather => self.cluster.links.set_weather(self.plan.weather),
            Undo::Disk(node) => {
                self.cluster.pace[node] = self.plan.pace;
                self.cluster.hurry_disk(node);
            }
            Undo::Memory(node, life) => {
                if self.cluster.node(node).life == life && self.cluster.running(node).is_some() {
                    self.cluster.kill(node);
                    self.node_died(node, Duration::ZERO);
                }
            }
            Undo::Room(node) => self.cluster.disk_fault(node, DiskFault::Capacity(u64::MAX)),
            Undo::Unreadable(node) => self.make_readable(node),
            Undo::Foreign(node) => self.cluster.take_foreign(node),
            Undo::Stall { node, life, number, power } => self.end_stall(node, life, number, power),
            Undo::All(undo) => undo.into_iter().for_each(|undo| self.take_back(undo)),
        }
    }

    fn cut(&mut self, links: Vec<(usize, usize)>) -> Undo {
        let links: Vec<_> = links.into_iter().filter(|(from, to)| from != to).collect();
        links.iter().for_each(|(from, to)| self.cluster.links.cut(*from, *to));
        Undo::Mend(links)
    }

    /// Whom a fault meets.
    fn node_of(&self, target: Target) -> Option<usize> {
        match target {
            Target::Node(node) => (node < self.plan.nodes).then_some(node),
            Target::Leader => {
                let leaders = (0..self.plan.nodes).filter_map(|node| {
                    let raft = self.cluster.running(node)?.server().raft();
                    (raft.role() == RoleName::Leader).then_some((raft.term(), node))
                });
                leaders.max().map(|(_, node)| node)
            }
        }
    }

    /// The same, if it is up.
    fn up(&self, target: Target) -> Option<usize> {
        self.node_of(target).filter(|node| self.cluster.running(*node).is_some())
    }

    /// Whether enough nodes remain without this one.
    fn may_wipe(&self, node: usize) -> bool {
        let gone = self.gone.iter().filter(|gone| **gone).count();
        self.cluster.running(node).is_some() && gone < (self.plan.nodes - 1) / 2
    }

    /// A node that the healed ones do without is down for good; or it hears nothing, or is not heard, for good.
    fn leave_broken(&mut self, node: usize) {
        if self.cluster.running(node).is_none() {
            return;
        }
        let others = (0..self.plan.nodes).filter(|other| *other != node);
        match self.random.below(HEAL, 2, node as u64, 3) {
            0 => {
                self.cluster.kill(node);
                self.hang_up(node);
            }
            1 => others.for_each(|other| self.cluster.links.cut(other, node)),
            _ => others.for_each(|other| self.cluster.links.cut(node, other)),
        }
    }

    /// All that was wrong with a quorum of nodes is taken back; the others end for good. Where a disk was damaged
    /// all are healed: what the damaged node lost may be with any of the others.
    pub(in crate::sim) fn heal_quorum(&mut self) {
        for number in self.undo.keys().copied().collect::<Vec<_>>() {
            self.end_episode(number);
        }
        self.cluster.traps.iter_mut().for_each(|trap| *trap = None);
        self.cluster.tamperings.iter_mut().for_each(|tampering| *tampering = None);
        self.cluster.links.heal(self.plan.is_even);
        let damages = |fault: &Fault| fault.damages();
        let damaged = self.cluster.damaged.iter().any(|damaged| !damaged.is_empty())
            || self.plan.episodes.iter().any(|episode| damages(&episode.fault))
            || self.plan.at_rest.as_ref().is_some_and(damages);
        let broken = self.gone.iter().filter(|gone| **gone).count();
        let spare = if damaged { 0 } else { (self.plan.nodes - 1) / 2 - broken };
        let leave = self.random.below(HEAL, 0, 0, spare as u64 + 1);
        let first = self.random.below(HEAL, 1, 0, self.plan.nodes as u64);
        let order =
            (0..self.plan.nodes).map(|step| (usize::try_from(first).unwrap_or(0) + step) % self.plan.nodes);
        let left: Vec<usize> =
            order.filter(|node| !self.gone[*node]).take(usize::try_from(leave).unwrap_or(0)).collect();
        for node in 0..self.plan.nodes {
            self.quorum[node] = !left.contains(&node) && !self.gone[node];
            if !self.quorum[node] {
                self.leave_broken(node);
                continue;
            }
            self.cluster.pace[node] = if self.plan.is_even { Pace::EVEN } else { Pace::STEADY };
            self.cluster.hurry_disk(node);
            self.start(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::clients::load::Load;
    use crate::sim::clients::register_workload::RegisterWorkload;
    use crate::sim::cluster::links::Weather;
    use crate::sim::plan::fault::Episode;
    use crate::sim::plan::swarm::{Limits, Plan};

    use super::*;

    /// Three nodes and what goes wrong with them, from this second to that one each.
    fn world(faults: &[(u64, u64, Fault)]) -> World<RegisterWorkload> {
        let episode = |(from, to, fault): &(u64, u64, Fault)| Episode {
            at: from * 1_000_000_000,
            lasts: (to - from) * 1_000_000_000,
            fault: fault.clone(),
        };
        let plan = Plan {
            at_rest: None,
            is_even: false,
            late_requests_ppm: 0,
            scrub_every: None,
            seed: 1,
            nodes: 3,
            clients: 1,
            events: 20_000,
            limits: Limits::usual(),
            weather: Weather::FAIR,
            pace: Pace::STEADY,
            drift_ppm: 0,
            episodes: faults.iter().map(episode).collect(),
        };
        World::new(plan, RegisterWorkload { load: Load::default() })
    }

    /// What of nodes is true after each second of a few.
    fn watch<T>(world: &mut World<RegisterWorkload>, what: impl Fn(&World<RegisterWorkload>) -> T) -> Vec<T> {
        let after = |second: u64| {
            while world.cluster.now().as_nanos() < second * 1_000_000_000 + 500_000_000 {
                assert!(world.step());
            }
            what(world)
        };
        (1..5).map(after).collect()
    }

    #[test]
    fn what_overlaps_ends_with_the_last() {
        let both = |fault: Fault| world(&[(1, 3, fault.clone()), (2, 4, fault)]);
        let target = Target::Node(1);
        let paused = watch(&mut both(Fault::Pause(target)), |world| world.cluster.node(1).paused);
        assert_eq!(paused, [true, true, true, false]);
        let slow =
            watch(&mut both(Fault::SlowDisk(target, 9)), |world| world.cluster.pace[1] != Pace::STEADY);
        assert_eq!(slow, [true, true, true, false]);
        let cut = watch(&mut both(Fault::Cut { from: 0, to: 1 }), |world| world.cluster.links.is_cut(0, 1));
        assert_eq!(cut, [true, true, true, false]);
    }

    #[test]
    fn no_more_disks_are_wiped_than_the_others_can_do_without() {
        let mut world = world(&[(1, 2, Fault::Wipe(0)), (2, 3, Fault::Wipe(1)), (3, 4, Fault::Wipe(2))]);
        let outcome = world.run();
        assert_eq!((outcome.violation, outcome.landed.get("wipe")), (None, Some(&1)));
    }
}
