//! One event after the other, and what each comes to.

use std::sync::Arc;

use raft::consensus::message::Message;
use raft::storage::memory::Queue as DiskQueue;
use raft::transport::Received;
use raft::wire;
use raft::{Incarnation, StateMachine};

use super::links::Links;
use super::waking::place;
use super::{Cluster, Encoded, Event, view};
use crate::carrier::id_of;

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Takes the next event; one of the driver's own is handed to it. None: there is no event left.
    pub(in crate::sim) fn step(&mut self) -> Option<Option<X>> {
        loop {
            let event = self.queue.take()?;
            if self.is_wanted(&event) {
                return Some(self.happen(event));
            }
        }
    }

    /// An event happens; one of the driver's own is handed to it.
    pub(in crate::sim) fn happen(&mut self, event: Event<L::Pass, X>) -> Option<X> {
        self.events += 1;
        match event {
            Event::Outside(event) => return Some(event),
            Event::Frame { from, to, incarnation, pass, frame } => {
                self.deliver(from, to, incarnation, pass, frame);
            }
            Event::Timer { node, .. } => self.timer(node),
            Event::Turn { node, life } => self.turn(node, life),
            Event::Disk { node, life, queue } => self.run_disk(node, life, queue),
        }
        None
    }

    pub(super) fn deliver(
        &mut self,
        from: usize,
        to: usize,
        incarnation: Incarnation,
        pass: L::Pass,
        frame: Encoded,
    ) {
        if !self.links.lets_in(from, to, &pass) || self.nodes[to].running().is_none() {
            return;
        }
        if self.nodes[to].paused {
            return self.put_off[to].push(Event::Frame { from, to, incarnation, pass, frame });
        }
        self.trace.frame(self.queue.now(), from, to, frame.kind, &frame.payload);
        let Encoded { kind, header_len, payload } = frame;
        match wire::decode(kind, header_len, &payload) {
            Ok(message) => {
                self.trace.message(self.queue.now(), from, to, &message);
                self.arrives(from, to, &message);
                self.give(to, |pump, now, outbox| {
                    pump.receive(now, Received { from: id_of(from), incarnation, message }, outbox)
                });
                self.taken(to);
            }
            Err(error) => self.broken("a frame is read as it was written", error.to_string()),
        }
    }

    fn arrives(&mut self, from: usize, to: usize, message: &Message) {
        // Entries that bad memory spoilt are no word of a leader.
        let spoilt =
            self.nodes[from].may_have_sent_spoilt(self.now()) && matches!(message, Message::AppendEntries(_));
        if spoilt {
            return;
        }
        let now = self.nodes[to].clock.read(self.queue.now());
        if let Some(view) = view(&self.nodes, &self.durable, &self.damaged, to) {
            self.invariants.arrives(&view, now, from, message);
        }
    }

    fn taken(&mut self, node: usize) {
        if let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node)
            && let Err((rule, what)) = self.invariants.taken(&view)
        {
            self.broken(rule, what);
        }
    }

    fn timer(&mut self, node: usize) {
        self.trace.timer(self.queue.now(), node);
        self.pass(node);
    }

    /// Time has passed on a node.
    pub(in crate::sim) fn pass(&mut self, node: usize) {
        self.give(node, |pump, now, _| pump.pass(now));
    }

    fn turn(&mut self, node: usize, life: u64) {
        if self.nodes[node].life == life && self.nodes[node].turn.take().is_some() {
            self.act(node);
        }
    }

    pub(super) fn run_disk(&mut self, node: usize, life: u64, queue: DiskQueue) {
        let member = &self.nodes[node];
        if member.life != life || member.running().is_none() {
            return;
        }
        self.nodes[node].busy[place(queue)] = None;
        if self.is_met_before(node, queue) {
            return;
        }
        let tampered = self.tamper(node, queue);
        let Some(disk) = self.nodes[node].disk_mut() else { return };
        let Some(ran) = disk.run_next(queue) else { return };
        Arc::make_mut(&mut self.durable[node]).ran(&ran, disk);
        self.landed.extend(tampered.filter(|_| ran.done));
        if !ran.done {
            self.invariants.disk_failed(node);
        }
        self.trace.disk(self.queue.now(), node, &ran);
        self.was_read_again(node, &ran);
        if self.is_met_after(node, queue, &ran.op) {
            return;
        }
        // It goes on, whether or not its node has looked.
        self.plan_disk(node);
        if !self.nodes[node].paused {
            self.pass(node);
        }
        if queue == DiskQueue::Aside {
            self.check_files(node);
        }
    }
}
