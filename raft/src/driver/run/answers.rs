//! What a node wants told, and to whom.

use std::collections::{BTreeMap, HashMap};

use super::Waiting;
use crate::consensus::io::{Misdeed, Ticket};
use crate::consensus::message::Message;
use crate::consensus::types::NodeId;
use crate::driver::handle::{Applied, OutcomeError, ReadError};
use crate::driver::outside::Outside;
use crate::pump::{Outlet, Told};
use crate::server::Reply;
use crate::transport::Transport;

pub(super) struct Answers<'a, T> {
    pub(super) outside: &'a mut Outside<T>,
    pub(super) waiting: &'a mut HashMap<Ticket, Waiting>,
}

impl<T: Transport> Outlet for Answers<'_, T> {
    fn send(&mut self, messages: BTreeMap<NodeId, Vec<Message>>) {
        self.outside.send(messages);
    }

    fn tell(&mut self, ticket: Ticket, told: Told) {
        match told {
            Told::Accepted(id) => {
                if let Some(Waiting::Acceptance { accepted, outcome }) = self.waiting.remove(&ticket) {
                    // A caller who is gone has given up the answer, not the entry.
                    let _ = accepted.send(Ok(id));
                    self.waiting.insert(ticket, Waiting::Outcome(outcome));
                }
            }
            Told::Reply(reply) => self.reply(ticket, reply),
        }
    }

    fn disconnect(&mut self, peer: NodeId, misdeed: &Misdeed) {
        self.outside.transport.disconnect(peer, &misdeed.to_string());
    }
}

impl<T> Answers<'_, T> {
    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        // Each `send` below fails only if the caller is gone.
        let _ = match (self.waiting.remove(&ticket), reply) {
            (Some(Waiting::Acceptance { accepted, .. }), Reply::Refused(refusal)) => {
                accepted.send(Err(refusal)).is_ok()
            }
            (Some(Waiting::Outcome(outcome)), reply) => outcome.send(outcome_of(reply)).is_ok(),
            (Some(Waiting::Read(answer)), Reply::Read(response)) => answer.send(Ok(response)).is_ok(),
            (Some(Waiting::Read(answer)), Reply::Refused(refusal)) => {
                answer.send(Err(refusal.into())).is_ok()
            }
            (Some(Waiting::Read(answer)), Reply::ReadPanicked(panic)) => {
                answer.send(Err(ReadError::Panicked(panic))).is_ok()
            }
            (Some(Waiting::Acceptance { .. } | Waiting::Read(_)) | None, _) => false,
        };
    }
}

fn outcome_of(reply: Reply) -> Result<Applied, OutcomeError> {
    match reply {
        Reply::Applied { index, response } => Ok(Applied { index, response }),
        Reply::SessionExpired => Err(OutcomeError::SessionExpired),
        Reply::OutOfWindow => Err(OutcomeError::OutOfWindow),
        Reply::Unknown | Reply::Refused(_) | Reply::Read(_) | Reply::ReadPanicked(_) => {
            Err(OutcomeError::Unknown)
        }
    }
}
