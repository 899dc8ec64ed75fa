//! How nodes begin and end: started, killed, without power; or ended by themselves.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use raft::pump::StopCause;
use raft::storage::durable_log::DurableLog;
use raft::storage::memory::{Fate, SimDisk};
use raft::{Incarnation, LogIndex, StateMachine};

use super::deeds::{Deed, Stood};
use super::links::Links;
use super::node::{Node, StartError, State};
use super::{Cluster, view};
use crate::sim::invariants::{Broken, GOES_ON, STARTS};
use crate::sim::random::Stream;

const SEED: Stream = Stream::named("node.seed");
const DRIFT: Stream = Stream::named("node.drift");
const FATE: Stream = Stream::named("crash.fate");
const TORN: Stream = Stream::named("crash.torn");
const NAMES: Stream = Stream::named("crash.names");

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Starts a node that is down. One that cannot start stays down; whether it should have is for the caller to
    /// say.
    pub(in crate::sim) fn start(&mut self, node: usize, machine: M) -> Result<(), StartError> {
        if self.running(node).is_some() {
            return Ok(());
        }
        let (entity, life) = (node as u64, self.nodes[node].life);
        let seed = self.random.draw(SEED, entity, life);
        let drift = self.random.between(DRIFT, entity, life, (0, 2 * u64::from(self.drift_ppm)));
        let drift = i32::try_from(drift).unwrap_or(0) - i32::try_from(self.drift_ppm).unwrap_or(0);
        let (now, settled) = (self.now(), self.nodes[node].is_settled());
        let started = self.nodes[node].start(now, &self.settings, machine, seed, drift);
        let before = self.durable[node].clone();
        self.refresh(node);
        let damaged = self.damaged[node].excuse();
        if let Some(what) = lost(node, &before, &self.durable[node], settled, damaged) {
            self.broken("what is durable survives", what);
        }
        if let Err(error) = &started
            && self.excuse(node, error).is_none()
        {
            self.broken(STARTS, format!("node {node}: {error}"));
        }
        started?;
        if let Some((file, _)) = &self.foreign[node] {
            self.broken("what is another's is left alone", format!("node {node} starts in spite of {file}"));
        }
        if let Some(often) = self.scrub_every
            && let State::Up(pump) = &mut self.nodes[node].state
        {
            pump.scrub_every(often);
        }
        self.trace.note(now, Some(node), || "starts".to_owned());
        self.promises[node].clear();
        if let Err((rule, what)) = self.check_birth(node) {
            self.broken(rule, what);
        }
        if self.running(node).is_some_and(|pump| pump.server().raft().repair().is_none()) {
            self.damaged[node].made_good();
        }
        self.arm(node);
        Ok(())
    }

    fn check_birth(&mut self, node: usize) -> Result<(), Broken> {
        let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node) else { return Ok(()) };
        let Some(deeds) = &mut self.deeds else { return self.invariants.born(&view) };
        deeds.push(Deed::Begun(Stood::new(&view)));
        self.invariants.born_alone(&view)
    }

    /// The process is killed; what it wrote is with the system, synced or not.
    pub(in crate::sim) fn kill(&mut self, node: usize) {
        if self.is_decayed(node) && !self.would_lose_silently(node) {
            return self.reboot(node);
        }
        self.trace.note(self.queue.now(), Some(node), || "is killed".to_owned());
        self.end(node, SimDisk::end_process);
    }

    /// The process is asked to end, and makes durable what it was handed, as the driver has it.
    pub(in crate::sim) fn stop_in_order(&mut self, node: usize) {
        self.trace.note(self.queue.now(), Some(node), || "is stopped".to_owned());
        // Who stands still, or waits for a disk that does, is killed at last.
        let waits = self.nodes[node].paused || self.nodes[node].held != [false; 2];
        let State::Up(pump) = &mut self.nodes[node].state else { return };
        if !waits && let Err(cause) = pump.flush() {
            self.check_end(node, &cause);
        }
        // What decayed meanwhile is on the disk no more, and was acknowledged.
        if self.is_blemished(node) {
            self.damaged[node].add(self.durable[node].as_ref().clone());
        }
        self.refresh(node);
        self.kill(node);
    }

    /// The machine goes down in order: all that was written is on the disk, and nothing is in a cache. What a cache
    /// holds and the disk does not, after a sync that failed, would make damage of its other copy look like none.
    pub(in crate::sim) fn reboot(&mut self, node: usize) {
        self.trace.note(self.queue.now(), Some(node), || "is rebooted".to_owned());
        self.end(node, |disk| disk.crash(|_| true, usize::MAX));
    }

    /// The power fails; what becomes of each sector that is not durable is drawn under `number`. Where a disk lies
    /// and nobody could know, only the process ends.
    pub(in crate::sim) fn lose_power(&mut self, node: usize, number: u64) {
        if self.would_lose_silently(node) {
            return self.kill(node);
        }
        self.trace.note(self.queue.now(), Some(node), || "loses power".to_owned());
        let (random, entity) = (self.random, (node as u64) << 32 | number);
        self.end(node, |disk| {
            let names = random.between(NAMES, entity, 0, (0, 8));
            disk.crash(|sector| fate(random, entity, sector as u64), usize::try_from(names).unwrap_or(0));
        });
    }

    /// The power fails, and nothing is there afterwards that was not durable.
    pub(in crate::sim) fn lose_all_unsynced(&mut self, node: usize) {
        self.trace.note(self.queue.now(), Some(node), || "loses power and all that is not synced".to_owned());
        self.end(node, |disk| disk.crash(|_| false, 0));
    }

    fn end(&mut self, node: usize, how: impl FnOnce(&mut SimDisk)) {
        let (before, blemished) = (self.durable[node].clone(), self.is_blemished(node));
        let settled = self.nodes[node].is_settled();
        self.nodes[node].end(how);
        self.put_off[node].clear();
        self.promises[node].clear();
        self.traps[node] = None;
        if blemished {
            self.damaged[node].add(before.as_ref().clone());
        }
        self.refresh(node);
        if let Some(what) = lost(node, &before, &self.durable[node], settled, blemished) {
            self.broken("what is durable survives", what);
        }
    }

    /// What is durable has changed otherwise than by what the disk was asked.
    pub(in crate::sim) fn refresh(&mut self, node: usize) {
        if let Some(durable) = self.nodes[node].durable(&self.settings.cluster) {
            self.durable[node] = Arc::new(durable);
        }
    }

    /// The disk of a node that is down is replaced by an empty one. Under the same id it must be refused.
    pub(in crate::sim) fn wipe(&mut self, node: usize, machine: M) {
        let (id, incarnation) = (self.nodes[node].id, self.nodes[node].incarnation);
        self.damaged[node].add(self.durable[node].as_ref().clone());
        self.nodes[node] = Node::new(id, Incarnation(incarnation.0 + 1_000_000));
        self.refresh(node);
        match self.start(node, machine) {
            Err(StartError::Stopped(StopCause::Bootstrap(_))) => {}
            other => self.broken("a wiped node is a stranger", format!("node {node} began with {other:?}")),
        }
    }

    /// A clock runs at another rate from now on.
    pub(in crate::sim) fn drift(&mut self, node: usize, ppm: i32) {
        let now = self.queue.now();
        self.nodes[node].clock.drift(now, ppm);
        self.arm_anew(node);
    }

    /// From now on its memory is bad: an episode.
    pub(in crate::sim) fn set_bad_memory(&mut self, node: usize, number: usize) {
        self.trace.note(self.queue.now(), Some(node), || "has bad memory".to_owned());
        self.nodes[node].spoils = Some(number);
    }

    /// A node wants to end.
    pub(in crate::sim) fn stop(&mut self, node: usize, cause: &StopCause) {
        self.trace.note(self.queue.now(), Some(node), || format!("ends: {cause}"));
        self.check_end(node, cause);
        self.end(node, SimDisk::end_process);
        self.ended.push(node);
    }

    fn check_end(&mut self, node: usize, cause: &StopCause) {
        if !self.may_end(node, cause) {
            self.broken(GOES_ON, format!("node {node} ended: {cause}"));
        }
    }
}

/// A third is lost, a third is there, a third is torn.
fn fate(random: crate::sim::random::Random, entity: u64, sector: u64) -> Fate {
    match random.below(FATE, entity, sector, 3) {
        0 => Fate::Lost,
        1 => Fate::Kept,
        _ => Fate::Torn(usize::try_from(random.below(TORN, entity, sector, 512)).unwrap_or(0)),
    }
}

/// What a disk held and holds no more, unless it says so. Settled: there was nothing that it had not synced. Where its
/// newest snapshot was damaged, all that counts is what the log itself had promised.
fn lost(
    node: usize,
    before: &DurableLog,
    after: &DurableLog,
    settled: bool,
    damaged: bool,
) -> Option<String> {
    let (had, has) = (before.hard_state(), after.hard_state());
    if has.current_term < had.current_term
        || has.current_term == had.current_term && has != had && had.voted_for.is_some()
    {
        return Some(format!("node {node} had {had:?} on its disk, and then {has:?}"));
    }
    let goes_back = damaged && after.base().id < before.base().id;
    let last = if goes_back { before.promised() } else { before.last() };
    let first = before.base().id.index.max(after.base().id.index);
    if first > last.index || after.holds(last.index) == before.holds(last.index) || after.repair().is_some() {
        return None;
    }
    let differs =
        (first.0..=last.index.0).map(LogIndex).find(|index| after.holds(*index) != before.holds(*index))?;
    // What was written after the last sync may be there as well, and have replaced it. Nothing only cuts off.
    if after.holds(differs).is_some() && !settled {
        return None;
    }
    Some(format!(
        "node {node}'s disk ended at {last}, and then, with another entry or none at {differs}, at {}",
        after.last()
    ))
}
