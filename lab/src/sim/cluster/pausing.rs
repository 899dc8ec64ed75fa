//! A process that is stopped, as by SIGSTOP, and goes on later. Its disk does what it was asked; what comes to it waits
//! in the system's buffers, in order.

use std::time::Duration;

use raft::StateMachine;

use super::links::Links;
use super::{Cluster, Event};
use crate::sim::random::Stream;

const CLOCK_FIRST: Stream = Stream::named("node.clock-first");

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Stops a process.
    pub(in crate::sim) fn pause(&mut self, node: usize) {
        self.trace.note(self.queue.now(), Some(node), || "is paused".to_owned());
        self.nodes[node].paused = true;
    }

    /// Something of the driver's own has come to a node that is paused: it comes again when the node goes on, and
    /// never if that life ends first.
    pub(in crate::sim) fn put_off(&mut self, node: usize, event: X) {
        self.put_off[node].push(Event::Outside(event));
    }

    /// Lets it go on. It may look at its clock before it looks at what has come; that it takes together.
    pub(in crate::sim) fn go_on(&mut self, node: usize) {
        self.trace.note(self.queue.now(), Some(node), || "goes on".to_owned());
        self.nodes[node].paused = false;
        self.nodes[node].turn = None;
        if self.random.chance(CLOCK_FIRST, node as u64, self.events, 500_000) {
            self.pass(node);
        }
        for event in std::mem::take(&mut self.put_off[node]) {
            if let Event::Frame { from, .. } = event {
                self.nodes[from].is_heard_at(self.queue.now());
            }
            self.queue.plan(self.queue.now(), event);
        }
        self.arm_anew(node);
        self.plan_turn(node, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use raft::consensus::io::RoleName;
    use raft::pump::Ask;

    use super::super::testing::{Nodes, leader, pass, started};
    use super::*;

    fn role(cluster: &Nodes, node: usize) -> RoleName {
        cluster.running(node).unwrap().server().raft().role()
    }

    #[test]
    fn what_comes_to_a_paused_node_costs_nothing_until_it_goes_on() {
        let mut cluster = started(3);
        let follower = (leader(&cluster) + 1) % 3;
        cluster.pause(follower);
        let before = cluster.events;
        pass(&mut cluster, Duration::from_secs(1));
        // Twenty heartbeats, each with its timer and one answer.
        assert!((75..=85).contains(&(cluster.events - before)), "{}", cluster.events - before);
        assert_eq!(cluster.put_off[follower].len(), 20);
        cluster.go_on(follower);
        assert!(cluster.put_off[follower].is_empty());
        pass(&mut cluster, Duration::from_secs(1));
    }

    #[test]
    fn what_waited_comes_in_order() {
        let mut cluster = started(3);
        let leader = leader(&cluster);
        let follower = (leader + 1) % 3;
        cluster.pause(follower);
        for _ in 0..5 {
            cluster.ask(leader, Ask::OpenSession).unwrap();
            pass(&mut cluster, Duration::from_millis(20));
        }
        let last = |cluster: &Nodes, node| cluster.running(node).unwrap().server().raft().last_log();
        assert!(last(&cluster, follower) < last(&cluster, leader));
        cluster.go_on(follower);
        // All of it at once, the first entries first: none is refused for want of those before it.
        pass(&mut cluster, Duration::from_nanos(1));
        assert_eq!(last(&cluster, follower), last(&cluster, leader));
    }

    #[test]
    fn a_paused_node_does_nothing() {
        let mut cluster = started(3);
        let leader = leader(&cluster);
        // It is stopped between what it is asked and what it does about it.
        cluster.ask_together(leader, Ask::OpenSession).unwrap();
        cluster.pause(leader);
        let sent = cluster.events;
        pass(&mut cluster, Duration::from_nanos(1));
        assert_eq!(cluster.events - sent, 1, "only time passes");
        assert!(cluster.said.is_empty());
        pass(&mut cluster, Duration::from_secs(3));
        assert!(cluster.said.is_empty());
        assert_eq!(role(&cluster, leader), RoleName::Leader, "as far as it knows");
        cluster.go_on(leader);
        pass(&mut cluster, Duration::from_secs(1));
        assert!(!cluster.said.is_empty());
        assert_eq!(role(&cluster, leader), RoleName::Follower);
    }

    #[test]
    fn what_waits_for_a_life_ends_with_it() {
        let mut cluster = started(3);
        let follower = (leader(&cluster) + 1) % 3;
        cluster.pause(follower);
        pass(&mut cluster, Duration::from_secs(1));
        cluster.kill(follower);
        assert!(cluster.put_off[follower].is_empty());
    }
}
