//! Carries out what the plan says goes wrong, and takes it back.

use std::time::Duration;

use raft::storage::memory::{Fault as DiskFault, Queue as DiskQueue};

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
        queue: DiskQueue,
        number: usize,
        /// Then the power fails.
        power: bool,
    },
    All(Vec<Undo>),
}

impl Undo {
    fn parts(&self) -> &[Undo] {
        if let Undo::All(parts) = self { parts } else { std::slice::from_ref(self) }
    }
}

mod disks;
#[cfg(test)]
mod tests;

const HEAL: Stream = Stream::named("nemesis.heal");

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
            if !episode.fault.waits() {
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
        match fault {
            Fault::Kill(_)
            | Fault::Stop(_)
            | Fault::Power(_)
            | Fault::Blackout
            | Fault::Pause(_)
            | Fault::Drift(..)
            | Fault::Spoil(_) => self.inflict_on_process(number, fault, lasts),
            Fault::Mute(_) | Fault::Deafen(_) | Fault::Cut { .. } | Fault::Split(_) | Fault::Weather(_) => {
                self.inflict_on_links(fault).map(Some)
            }
            fault if fault.damages() => self.damage(number, fault, lasts),
            fault => self.inflict_on_disk(number, fault),
        }
    }

    fn inflict_on_process(&mut self, number: usize, fault: &Fault, lasts: Duration) -> Option<Option<Undo>> {
        match fault {
            Fault::Blackout => {
                for node in 0..self.plan.nodes {
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
            Fault::Stop(target) => {
                let node = self.up(*target)?;
                self.cluster.stop_in_order(node);
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
            Fault::Drift(target, ppm) => {
                let node = self.up(*target)?;
                self.cluster.drift(node, *ppm);
            }
            Fault::Spoil(target) => {
                let node = self.up(*target)?;
                self.cluster.set_bad_memory(node, number);
                return Some(Some(Undo::Memory(node, self.cluster.node(node).life)));
            }
            _ => return None,
        }
        Some(None)
    }

    fn inflict_on_links(&mut self, fault: &Fault) -> Option<Undo> {
        let all = 0..self.plan.nodes;
        match fault {
            Fault::Mute(target) => {
                let node = self.up(*target)?;
                self.cut(all.map(|other| (node, other)).collect())
            }
            Fault::Deafen(target) => {
                let node = self.up(*target)?;
                self.cut(all.map(|other| (other, node)).collect())
            }
            Fault::Cut { from, to } => self.cut(vec![(*from, *to)]),
            Fault::Split(side) => {
                let on = |node: usize| side >> node & 1 == 1;
                let pairs = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
                self.cut(pairs.filter(|(from, to)| on(*from) != on(*to)).collect())
            }
            Fault::Weather(weather) => {
                self.cluster.links.set_weather(*weather);
                Some(Undo::Weather)
            }
            _ => None,
        }
    }

    pub(in crate::sim) fn end_episode(&mut self, number: usize) {
        let Some(undo) = self.undo.remove(&number) else { return };
        for part in undo.parts() {
            // Where two overlap the second goes on. Links count for themselves who cut them.
            let goes_on = || self.undo.values().flat_map(Undo::parts).any(|other| other == part);
            if matches!(part, Undo::Mend(_)) || !goes_on() {
                self.take_back(part.clone());
            }
        }
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
            Undo::Unreadable(node) => self.cluster.make_readable(node),
            Undo::Foreign(node) => self.cluster.take_foreign(node),
            Undo::Stall { node, life, queue, number, power } => {
                if self.cluster.node(node).life == life {
                    self.end_stall(node, queue, number, power);
                }
            }
            Undo::All(undo) => undo.into_iter().for_each(|undo| self.take_back(undo)),
        }
    }

    fn cut(&mut self, links: Vec<(usize, usize)>) -> Option<Undo> {
        let links: Vec<_> = links.into_iter().filter(|(from, to)| from != to).collect();
        links.iter().for_each(|(from, to)| self.cluster.links.cut(*from, *to));
        (!links.is_empty()).then_some(Undo::Mend(links))
    }

    /// Whom a fault meets.
    fn node_of(&self, target: Target) -> Option<usize> {
        match target {
            Target::Node(node) => (node < self.plan.nodes).then_some(node),
            Target::Leader => self.cluster.newest_leader(0..self.plan.nodes),
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
        let spare = if damaged { 0 } else { ((self.plan.nodes - 1) / 2).saturating_sub(broken) };
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
        self.assert_majority();
    }

    /// What goes wrong for good leaves enough nodes to go on.
    fn assert_majority(&self) {
        let healed = self.quorum.iter().filter(|healed| **healed).count();
        assert!(healed > self.plan.nodes / 2, "{healed} of {} nodes are left", self.plan.nodes);
    }
}
