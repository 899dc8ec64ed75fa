//! The same cluster without an order of events: whoever explores it picks what happens next, and time passes on a
//! node only when it is woken.

use std::fmt::{self, Debug, Write as _};

use raft::StateMachine;
use raft::storage::memory::Queue as DiskQueue;

use super::links::Links;
use super::{Cluster, Event};

/// Something that may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Pending {
    /// The frame with this digest arrives at a node.
    Frame { to: usize, digest: u64 },
    /// A disk does what it was asked first.
    Disk { node: usize, aside: bool },
}

impl<M: StateMachine + Debug, L: Links, X> Cluster<M, L, X> {
    /// What may happen next, each once, in an order that does not depend on how it came about.
    pub(in crate::sim) fn pending(&self) -> Vec<Pending> {
        let mut pending: Vec<Pending> = self.queue.iter().filter_map(|event| self.named(event)).collect();
        pending.sort_unstable();
        pending.dedup();
        pending
    }

    fn named(&self, event: &Event<L::Pass, X>) -> Option<Pending> {
        match event {
            Event::Frame { from, to, frame, .. } => {
                let mut digest = Digest::default();
                digest.bytes(&[*from as u64, *to as u64]);
                frame.digest(&mut digest);
                Some(Pending::Frame { to: *to, digest: digest.0 })
            }
            Event::Disk { node, life, queue } if self.nodes[*node].life == *life => {
                Some(Pending::Disk { node: *node, aside: *queue == DiskQueue::Aside })
            }
            Event::Disk { .. } | Event::Timer { .. } | Event::Turn { .. } | Event::Outside(_) => None,
        }
    }

    /// Lets it happen. Of equal frames one arrives.
    pub(in crate::sim) fn let_happen(&mut self, pending: Pending) {
        let Some(event) = self.take_pending(pending) else { return };
        self.happen(event);
        self.forget_timers();
    }

    /// It never happens.
    pub(in crate::sim) fn lose(&mut self, pending: Pending) {
        drop(self.take_pending(pending));
    }

    fn take_pending(&mut self, pending: Pending) -> Option<Event<L::Pass, X>> {
        let place = self.queue.iter().position(|event| self.named(event) == Some(pending))?;
        self.queue.remove(place)
    }

    /// The node's clock goes on to whatever it waits for.
    pub(in crate::sim) fn wake(&mut self, node: usize) {
        let now = self.queue.now();
        let member = &mut self.nodes[node];
        let Some(pump) = member.running() else { return };
        let due = pump.deadline().max(member.clock.read(now));
        member.clock.jump(now, due);
        self.pass(node);
        self.forget_timers();
    }

    /// Nothing is woken but by [`Cluster::wake`].
    pub(in crate::sim) fn forget_timers(&mut self) {
        self.queue.retain(|event| matches!(event, Event::Frame { .. } | Event::Disk { .. }));
        self.nodes.iter_mut().for_each(|node| node.armed = None);
    }

    /// A digest of all that a node's future depends on.
    pub(in crate::sim) fn digest_of(&self, node: usize) -> u64 {
        let member = &self.nodes[node];
        let mut digest = Digest::default();
        digest.bytes(&[member.life, u64::from(member.running().is_some())]);
        // Digests have no way to fail.
        let _ = write!(digest, "{:?}", member.clock.read(self.queue.now()));
        if let Some(pump) = member.running() {
            let _ = write!(digest, "{:?}", pump.server());
        }
        let _ = write!(digest, "{:?}", self.durable[node]);
        digest.0
    }

    /// A digest of what is between the nodes, and of what was seen of them.
    pub(in crate::sim) fn digest_between(&self) -> u64 {
        let mut digest = Digest::default();
        let mut frames: Vec<_> = self.queue.iter().filter_map(|event| self.named(event)).collect();
        frames.sort_unstable();
        for frame in frames {
            match frame {
                Pending::Frame { digest: frame, .. } => digest.bytes(&[frame]),
                Pending::Disk { node, aside } => digest.bytes(&[node as u64, u64::from(aside)]),
            }
        }
        let _ = write!(digest, "{:?}", self.invariants.seen());
        digest.0
    }
}

/// A hash of words and text.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct Digest(pub(in crate::sim) u64);

impl Digest {
    pub(in crate::sim) fn bytes(&mut self, words: &[u64]) {
        for word in words {
            self.mix(*word);
        }
    }

    pub(in crate::sim) fn mix(&mut self, word: u64) {
        // SplitMix64's finaliser, chained.
        let mut x = self.0.rotate_left(23) ^ word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = x ^ (x >> 31);
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
        Ok(())
    }
}
