//! One request of the caller on its way.

use bytes::Bytes;
use raft::{SessionId, Timestamp};

use super::{EndpointId, Operation};
use crate::outcome::{Failure, Invalid};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In a queue, to be sent as soon as there is somebody to send it to.
    Ready,
    /// Waiting until a refusal is worth another attempt.
    Paused,
    /// The last attempt has this tag.
    Sent { tag: u64 },
}

#[derive(Clone, Debug)]
pub(super) struct Op {
    /// The encoded query or command.
    pub(super) content: Bytes,
    is_write: bool,
    pub(super) deadline: Timestamp,
    pub(super) state: State,
    /// The number under which a write takes effect once, and the session that it belongs to.
    pub(super) serial: Option<(SessionId, u64)>,
    /// Attempts neither answered nor refused, on connections that live.
    pub(super) attempts: Vec<(EndpointId, u64)>,
    /// An attempt will never be answered, and was not refused.
    unanswered: bool,
    /// What to say if it comes to nothing.
    pub(super) failure: Failure,
    pub(super) retries: u32,
    /// Hints followed since the last pause.
    pub(super) redirects: u32,
}

impl Op {
    pub(super) fn new(operation: Operation, deadline: Timestamp) -> Result<Op, Invalid> {
        let (content, is_write) = match operation {
            Operation::Read(query) => {
                query.check()?;
                (query.encode(), false)
            }
            Operation::Write(command) => {
                command.check()?;
                (command.encode(), true)
            }
        };
        Ok(Op {
            content,
            is_write,
            deadline,
            state: State::Ready,
            serial: None,
            attempts: Vec::new(),
            unanswered: false,
            failure: Failure::Unavailable,
            retries: 0,
            redirects: 0,
        })
    }

    pub(super) fn needs_serial(&self) -> bool {
        self.is_write && self.serial.is_none()
    }

    /// Whether it may have taken effect, or may yet, for all that the answers say.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_write && (self.unanswered || !self.attempts.is_empty())
    }

    pub(super) fn sent(&mut self, endpoint: EndpointId, tag: u64) {
        self.state = State::Sent { tag };
        self.attempts.push((endpoint, tag));
    }

    /// This attempt certainly did nothing.
    pub(super) fn refused(&mut self, tag: u64) {
        self.attempts.retain(|(_, sent)| *sent != tag);
    }

    /// This attempt will not be answered any more, or not in a way that helps.
    pub(super) fn unanswered(&mut self, tag: u64) {
        self.refused(tag);
        self.unanswered = true;
    }

    /// Whether the last attempt is this one: what becomes of it decides what to do next.
    pub(super) fn waits_for(&self, tag: u64) -> bool {
        self.state == State::Sent { tag }
    }
}
