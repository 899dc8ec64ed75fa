//! What a node is given, what it does about it, and what leaves it: checked before it leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use raft::consensus::io::{Misdeed, Ticket};
use raft::consensus::message::Message;
use raft::pump::{Ask, Outlet, StopCause, Told};
use raft::server::Reply;
use raft::storage::memory::Queue as DiskQueue;
use raft::wire::{self, PREFIX, Prefix};
use raft::{NodeId, StateMachine, Timestamp};

use super::deeds::{Deed, Stood};
use super::links::Links;
use super::node::{Running, State};
use super::{Cluster, Encoded, Event, Pace, Said, view};
use crate::carrier::seat_of;
use crate::sim::invariants::Broken;
use crate::sim::random::Stream;

const TURN: Stream = Stream::named("node.turn");
const TURN_LENGTH: Stream = Stream::named("node.turn.length");

/// Collects what a node wants done.
#[derive(Default)]
pub(in crate::sim) struct Outbox {
    messages: Vec<(NodeId, Message)>,
    told: Vec<(Ticket, Told)>,
    /// Who was found to misbehave, and how.
    alarms: Vec<(NodeId, Misdeed)>,
}

impl Outlet for Outbox {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        for (to, messages) in messages {
            self.messages.extend(messages.into_iter().map(|message| (to, message)));
        }
    }

    fn tell(&mut self, ticket: Ticket, told: Told) {
        self.told.push((ticket, told));
    }

    fn disconnect(&mut self, peer: NodeId, misdeed: &Misdeed) {
        self.alarms.push((peer, *misdeed));
    }
}

impl<M: StateMachine, L: Links, X> Cluster<M, L, X> {
    /// Somebody asks a node that is up; the answer will be in [`Cluster::said`] under its life and the ticket.
    pub(in crate::sim) fn ask(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let asked = self.hand_ask(node, ask);
        self.act_soon(node);
        asked
    }

    /// The same, but the node acts when all that happens at this moment has happened: it takes together what
    /// is asked together.
    pub(in crate::sim) fn ask_together(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let asked = self.hand_ask(node, ask);
        if asked.is_some() && self.nodes[node].turn.is_none() {
            self.plan_turn(node, Duration::ZERO);
        }
        asked
    }

    fn hand_ask(&mut self, node: usize, ask: Ask) -> Option<(u64, Ticket)> {
        let life = self.nodes[node].life;
        let view = view(&self.nodes, &self.durable, &self.damaged, node)?;
        let promise = self.invariants.asked(&view, &ask);
        let mut ticket = None;
        self.hand(node, |pump, now, _| {
            ticket = Some(pump.ask(now, ask)?);
            Ok(())
        });
        self.promises[node].insert(ticket?, promise);
        Some((life, ticket?))
    }

    /// Gives a node something, and lets it act on it, now or together with what follows.
    pub(in crate::sim) fn give(
        &mut self,
        node: usize,
        input: impl FnOnce(&mut Running<M>, Timestamp, &mut Outbox) -> Result<(), StopCause>,
    ) {
        self.hand(node, input);
        self.act_soon(node);
    }

    fn hand(
        &mut self,
        node: usize,
        input: impl FnOnce(&mut Running<M>, Timestamp, &mut Outbox) -> Result<(), StopCause>,
    ) {
        let now = self.nodes[node].clock.read(self.queue.now());
        let State::Up(pump) = &mut self.nodes[node].state else { return };
        let mut outbox = Outbox::default();
        let given = input(pump, now, &mut outbox);
        self.carry_out(node, outbox, given);
        if let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node)
            && let Err((rule, what)) = self.invariants.passed(&view, now)
        {
            self.broken(rule, what);
        }
    }

    fn act_soon(&mut self, node: usize) {
        if self.nodes[node].turn.is_some() || self.running(node).is_none() {
            return;
        }
        let Pace { turn, turn_ppm, .. } = self.pace[node];
        self.inputs[node] += 1;
        let (entity, number) = (node as u64, self.inputs[node]);
        if self.random.chance(TURN, entity, number, turn_ppm) {
            let wait = self.random.between(TURN_LENGTH, entity, number, turn);
            self.plan_turn(node, Duration::from_nanos(wait));
        } else {
            self.act(node);
        }
    }

    pub(in crate::sim) fn act(&mut self, node: usize) {
        let now = self.nodes[node].clock.read(self.queue.now());
        let State::Up(pump) = &mut self.nodes[node].state else { return };
        let mut outbox = Outbox::default();
        let acted = pump.act(|| now, &mut outbox);
        let goes_on = acted.is_ok();
        self.carry_out(node, outbox, acted);
        if goes_on {
            self.nodes[node].has_looked();
            // Of a file that failed its core hears when it is removed.
            if self.nodes[node].disk().is_some_and(|disk| disk.pending(DiskQueue::Aside) == 0) {
                self.invariants.has_looked(node);
            }
        }
        self.arm(node);
        self.plan_disk(node);
    }

    fn carry_out(&mut self, node: usize, outbox: Outbox, result: Result<(), StopCause>) {
        let Outbox { messages, told, alarms } = outbox;
        let now = self.now();
        if let Some(pump) = self.nodes[node].running() {
            self.trace.state(now, node, pump.server().raft());
        }
        self.landed.extend(self.nodes[node].spoil());
        let checked = self.check(node, &messages);
        if let Err((rule, what)) = checked {
            self.broken(rule, what);
        }
        for (peer, misdeed) in alarms {
            if matches!(misdeed, Misdeed::CorruptEntry { .. })
                && self.nodes[seat_of(peer)].may_have_sent_spoilt(now)
            {
                continue;
            }
            self.broken("correct nodes do nothing wrong", format!("node {node} says of {peer}: {misdeed}"));
        }
        for (to, message) in messages {
            self.send(node, seat_of(to), &message);
        }
        for (ticket, told) in told {
            self.tell(node, ticket, told);
        }
        if let Err(cause) = result {
            self.stop(node, &cause);
        }
    }

    /// A node's account of itself, for people.
    pub(in crate::sim) fn describe(&self, node: usize) -> String {
        let Some(pump) = self.running(node) else { return format!("{node} is down") };
        let raft = pump.server().raft();
        format!(
            "{node}: {:?} of term {}, leader {:?}, log to {}, commit {}, repair {:?}, room {:?}",
            raft.role(),
            raft.term(),
            raft.leader(),
            raft.last_log(),
            raft.commit_index(),
            raft.repair(),
            raft.room()
        )
    }

    fn check(&mut self, node: usize, messages: &[(NodeId, Message)]) -> Result<(), Broken> {
        let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node) else { return Ok(()) };
        if let Some(deeds) = &mut self.deeds {
            let messages: Vec<_> =
                messages.iter().map(|(to, message)| (seat_of(*to), message.clone())).collect();
            let stood = Stood::new(&view);
            let beliefs = self.invariants.stepped_alone(&view, &messages)?;
            deeds.push(Deed::Acted { stood, messages, beliefs });
            return Ok(());
        }
        self.invariants.stepped(&view)?;
        for (to, message) in messages {
            self.invariants.leaves(&view, seat_of(*to), message)?;
        }
        Ok(())
    }

    fn send(&mut self, from: usize, to: usize, message: &Message) {
        let frame = wire::encode(message);
        let whole = Bytes::from(frame.to_vec());
        let prefix = whole.first_chunk::<PREFIX>().map(Prefix::parse);
        let Some(Ok(Prefix { kind, header_len, .. })) = prefix else {
            return self.broken("a frame is read as it was written", format!("{prefix:?} of {message:?}"));
        };
        let encoded = Encoded { kind, header_len, payload: whole.slice(PREFIX..) };
        self.links.leaves(from, to, message, (kind, whole.len()));
        let (now, incarnation) = (self.now(), self.nodes[from].incarnation);
        let copies = self.links.send(now, from, to, kind);
        self.trace.sent(now, from, to, message, copies.first().map(|(delay, _)| *delay));
        for (delay, pass) in copies {
            if self.nodes[from].spoilt {
                self.nodes[from].is_heard_at(now + delay);
            }
            let frame = encoded.clone();
            self.queue.plan(now + delay, Event::Frame { from, to, incarnation, pass, frame });
        }
    }

    fn tell(&mut self, node: usize, ticket: Ticket, told: Told) {
        let life = self.nodes[node].life;
        if let Told::Reply(reply) = &told
            && let Err((rule, what)) = self.check_reply(node, ticket, reply)
        {
            self.broken(rule, what);
        }
        self.said.push(Said { node, life, ticket, told });
    }

    fn check_reply(&mut self, node: usize, ticket: Ticket, reply: &Reply) -> Result<(), Broken> {
        let Some(view) = view(&self.nodes, &self.durable, &self.damaged, node) else { return Ok(()) };
        if let Some(deeds) = &mut self.deeds {
            deeds.push(Deed::Told { stood: Stood::new(&view), ticket, reply: reply.clone() });
            return Ok(());
        }
        match self.promises[node].remove(&ticket) {
            Some(promise) => self.invariants.told(&view, promise, reply),
            None => Ok(()),
        }
    }
}
