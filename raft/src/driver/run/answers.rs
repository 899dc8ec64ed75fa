//! What a node wants told, and to whom.

use std::collections::BTreeMap;

use crate::consensus::io::{Misdeed, Ticket};
use crate::consensus::message::Message;
use crate::consensus::types::NodeId;
use crate::driver::outside::Outside;
use crate::driver::waiting::Waiters;
use crate::pump::{Outlet, Told};
use crate::transport::Transport;

pub(super) struct Answers<'a, T> {
    pub(super) outside: &'a mut Outside<T>,
    pub(super) waiting: &'a mut Waiters,
}

impl<T: Transport> Outlet for Answers<'_, T> {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        self.outside.send(messages);
    }

    fn tell(&mut self, ticket: Ticket, told: Told) {
        match told {
            Told::Accepted(id) => {
                if let Some(waiting) = self.waiting.get_mut(&ticket) {
                    waiting.accepted(id);
                }
            }
            Told::Reply(reply) => {
                if let Some(waiting) = self.waiting.remove(&ticket) {
                    waiting.told(reply);
                }
            }
        }
    }

    fn disconnect(&mut self, peer: NodeId, misdeed: &Misdeed) {
        self.outside.transport.disconnect(peer, &misdeed.to_string());
    }
}
