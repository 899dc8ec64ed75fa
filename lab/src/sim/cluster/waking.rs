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
    /// Whether an event is still what it was planned for. One of a life that has ended is not, nor is one whose
    /// node has another time in mind by now: it comes again then.
    pub(super) fn is_wanted(&mut self, event: &Event<L::Pass, X>) -> bool {
        let now = Some(self.queue.now());
        match event {
            Event::Frame { .. } | Event::Outside(_) => true,
            Event::Turn { node, .. } | Event::Timer { node, .. } if self.nodes[*node].paused => false,
            Event::Turn { node, life } => self.lives(*node, *life) && self.nodes[*node].turn == now,
            Event::Disk { node, life, queue } => {
                self.lives(*node, *life) && self.nodes[*node].busy[place(*queue)] == now
            }
            Event::Timer { node, life } => {
                self.lives(*node, *life)
                    && self.nodes[*node].armed.take_if(|at| Some(*at) == now).is_some()
                    && self.is_due(*node)
            }
        }
    }

    fn lives(&self, node: usize, life: u64) -> bool {
        self.nodes[node].life == life && self.running(node).is_some()
    }

    /// Whether a node that is woken has something to do; else it is woken later.
    fn is_due(&mut self, node: usize) -> bool {
        let (member, now) = (&self.nodes[node], self.queue.now());
        let due = member.running().is_some_and(|pump| member.clock.when(pump.deadline()) <= now);
        if !due {
            self.arm(node);
        }
        due
    }

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

    /// A node acts after so long on what it is given until then.
    pub(super) fn plan_turn(&mut self, node: usize, after: Duration) {
        let at = self.queue.now() + after;
        let member = &mut self.nodes[node];
        member.turn = Some(at);
        self.queue.plan(at, Event::Turn { node, life: member.life });
    }

    /// Whatever a disk had taken so long to do, it goes on with now, but for a queue that is held.
    pub(in crate::sim) fn hurry_disk(&mut self, node: usize) {
        self.nodes[node].busy = [None; 2];
        self.plan_disk(node);
    }

    /// Plans when what a disk has to do is done.
    pub(in crate::sim) fn plan_disk(&mut self, node: usize) {
        for queue in [DiskQueue::Log, DiskQueue::Aside] {
            let member = &mut self.nodes[node];
            let waits = member.disk().is_some_and(|disk| disk.pending(queue) > 0);
            if !waits || member.busy[place(queue)].is_some() || member.held[place(queue)] {
                continue;
            }
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
            let at = self.queue.now() + Duration::from_nanos(nanos);
            self.nodes[node].busy[place(queue)] = Some(at);
            self.queue.plan(at, Event::Disk { node, life, queue });
        }
    }
}

pub(in crate::sim) fn place(queue: DiskQueue) -> usize {
    match queue {
        DiskQueue::Log => 0,
        DiskQueue::Aside => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use raft::pump::Ask;
    use raft::storage::disk::{Disk, Op};

    use super::super::testing::{Nodes, leader, pass, started};
    use super::{DiskQueue, Event};

    /// After a while in which nobody asks anything: one for each node, and some that were put forward lately.
    fn timers(cluster: &mut Nodes) -> usize {
        pass(cluster, Duration::from_secs(1));
        cluster.queue.iter().filter(|event| matches!(event, Event::Timer { .. })).count()
    }

    #[test]
    fn a_timer_that_came_too_late_is_gone() {
        let mut cluster = started(3);
        for _ in 0..100 {
            // Its commit is told sooner than the next heartbeat would.
            let leader = leader(&cluster);
            cluster.ask(leader, Ask::OpenSession).unwrap();
            pass(&mut cluster, Duration::from_millis(7));
        }
        assert!(cluster.committed().0 > 100);
        assert!(timers(&mut cluster) <= 6);
    }

    #[test]
    fn a_clock_of_another_rate_leaves_no_second_timer() {
        let mut cluster = started(3);
        for ppm in (0..100).chain([0]) {
            (0..3).for_each(|node| cluster.drift(node, ppm));
        }
        assert!(timers(&mut cluster) <= 6);
    }

    #[test]
    fn a_node_that_is_woken_too_soon_is_not_counted() {
        let mut cluster = started(3);
        let before = cluster.events;
        pass(&mut cluster, Duration::from_secs(1));
        // Twenty heartbeats, each with its timer, to two nodes that answer; and the end of the second.
        let events = cluster.events - before;
        assert!((95..=105).contains(&events), "{events}");
    }

    #[test]
    fn a_disk_does_all_that_it_was_asked_though_its_node_does_not_look() {
        let mut cluster = started(1);
        let asked = |cluster: &Nodes| cluster.node(0).disk().unwrap().pending(DiskQueue::Log);
        // The log itself asks for one thing at a time; what another asked for comes first.
        cluster.nodes[0].disk_mut().unwrap().submit(Op::List { dir: String::new() });
        let command = Bytes::from_static(b"x");
        cluster.ask(0, Ask::Propose { tag: None, command }).unwrap();
        assert_eq!(asked(&cluster), 2);
        let before = cluster.committed();
        cluster.plan_turn(0, Duration::from_millis(10));
        pass(&mut cluster, Duration::from_millis(9));
        assert_eq!((asked(&cluster), cluster.committed()), (0, before));
        pass(&mut cluster, Duration::from_millis(2));
        assert_eq!(cluster.committed(), before.next());
    }
}
