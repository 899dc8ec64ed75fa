//! The same cluster without an order of events: whoever explores it picks what happens next, and time passes on a
//! node only when it is woken.

use std::hash::Hasher;
use std::time::Duration;

use raft::StateMachine;
use raft::storage::memory::Queue as DiskQueue;

use super::links::Links;
use super::{Cluster, Encoded, Event};
use crate::sim::invariants::Violation;

impl<M: StateMachine, L: Links<Pass = ()>, X> Cluster<M, L, X> {
    /// A frame arrives, if there is one like this. Of equal ones one does.
    pub(in crate::sim) fn arrive(&mut self, from: usize, to: usize, content: &Encoded) {
        let wanted = |event: &Event<(), X>| matches!(event, Event::Frame { from: f, to: t, frame, .. } if (*f, *t, frame) == (from, to, content));
        let place = self.queue.iter().position(wanted);
        if let Some(frame) = place.and_then(|place| self.queue.remove(place)) {
            self.happen(frame);
        }
    }

    /// A frame arrives that another cluster sent.
    pub(in crate::sim) fn arrive_from_outside(&mut self, from: usize, to: usize, frame: Encoded) {
        self.deliver(from, to, self.nodes[from].incarnation, (), frame);
    }

    /// The node's clock goes on to whatever it waits for, or by so much beyond it.
    pub(in crate::sim) fn wake(&mut self, node: usize, late: Duration) {
        let now = self.queue.now();
        let member = &mut self.nodes[node];
        let Some(pump) = member.running() else { return };
        let due = pump.deadline().max(member.clock.read(now)) + late;
        member.clock.jump(now, due);
        self.pass(node);
    }

    /// Its disk does the first thing that it was asked.
    pub(in crate::sim) fn let_disk(&mut self, node: usize, queue: DiskQueue) {
        self.run_disk(node, self.nodes[node].life, queue);
    }

    pub(in crate::sim) fn disk_waits(&self, node: usize, queue: DiskQueue) -> bool {
        let up = self.running(node).is_some();
        up && self.nodes[node].disk().is_some_and(|disk| disk.pending(queue) > 0)
    }

    /// What is due now is no choice; nor is what `at_once` says of its disk's queues.
    pub(in crate::sim) fn settle(&mut self, node: usize, at_once: &[DiskQueue]) {
        loop {
            let now = self.nodes[node].clock.read(self.queue.now());
            if let Some(queue) = at_once.iter().find(|queue| self.disk_waits(node, **queue)) {
                self.let_disk(node, *queue);
            } else if self.running(node).is_some_and(|pump| pump.deadline() <= now) {
                self.pass(node);
            } else {
                break;
            }
        }
        // Who explores has its own idea of when.
        self.queue.retain(|event| matches!(event, Event::Frame { .. }));
        (self.nodes[node].armed, self.nodes[node].busy) = (None, [None; 2]);
    }

    /// What is on its way, which then is not; of each frame where it goes.
    pub(in crate::sim) fn take_frames(&mut self) -> Vec<(usize, Encoded)> {
        let of = |event| if let Event::Frame { to, frame, .. } = event { Some((to, frame)) } else { None };
        self.queue.take_all().into_iter().filter_map(of).collect()
    }

    /// The violation, which then is forgotten.
    pub(in crate::sim) fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }
}

/// A hash whose every bit depends on all that went in.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct Digest(pub(in crate::sim) u64);

impl Digest {
    pub(in crate::sim) fn mix(&mut self, word: u64) {
        // SplitMix64's finaliser, chained.
        let mut x = self.0.rotate_left(23) ^ word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = x ^ (x >> 31);
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, word: u8) {
        self.mix(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }
}
