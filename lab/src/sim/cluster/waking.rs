//! When a node is woken, and when its disk has done what it was asked.

use std::time::Duration;

use raft::StateMachine;
use raft::storage::memory::Queue as DiskQueue;

use super::links::Links;
use super::{Cluster, Event, Pace};
use crate::sim::random::Stream;

const LOG: Stream = Stream::named("disk.log");
const ASIDE: Stream = Stream::named("disk.aside");
const STALL: Stream = Stream::named("disk.stall");
const HOW_LONG: Stream = Stream::named("disk.stall.length");

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Plans to wake a node when it wants to be.
    pub(in crate::sim) fn arm(&mut self, node: usize) {
        let member = &mut self.nodes[node];
        let Some(pump) = member.running() else { return };
        let due = member.clock.when(pump.deadline()).max(self.queue.now());
        if member.armed.is_none_or(|armed| due < armed) {
            member.armed = Some(due);
            let life = member.life;
            self.queue.plan(due, Event::Timer { node, life });
        }
    }

    /// The same, when its clock has changed.
    pub(in crate::sim) fn arm_anew(&mut self, node: usize) {
        self.nodes[node].armed = None;
        self.arm(node);
    }

    /// Whatever a disk had taken so long to do, it goes on with now.
    pub(in crate::sim) fn hurry_disk(&mut self, node: usize) {
        self.nodes[node].busy = [false; 2];
        self.plan_disk(node);
    }

    /// Plans when what a disk has to do is done.
    pub(in crate::sim) fn plan_disk(&mut self, node: usize) {
        for queue in [DiskQueue::Log, DiskQueue::Aside] {
            let member = &mut self.nodes[node];
            let waits = member.disk().is_some_and(|disk| disk.pending(queue) > 0);
            if !waits || member.busy[place(queue)] {
                continue;
            }
            member.busy[place(queue)] = true;
            let (life, number) = (member.life, self.operations[node]);
            self.operations[node] += 1;
            let Pace { log, aside, stall_ppm, .. } = self.pace[node];
            let entity = node as u64;
            let mut nanos = match queue {
                DiskQueue::Log => self.random.between(LOG, entity, number, log),
                DiskQueue::Aside => self.random.between(ASIDE, entity, number, aside),
            };
            if self.random.chance(STALL, entity, number, stall_ppm) {
                nanos *= 1000 / self.random.between(HOW_LONG, entity, number, (1, 100));
            }
            self.queue
                .plan(self.queue.now() + Duration::from_nanos(nanos), Event::Disk { node, life, queue });
        }
    }
}

pub(in crate::sim) fn place(queue: DiskQueue) -> usize {
    match queue {
        DiskQueue::Log => 0,
        DiskQueue::Aside => 1,
    }
}
