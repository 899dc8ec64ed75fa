//! What is due now: deadlines, pauses that are over, silent nodes; and sending what is ready.

use raft::Timestamp;

use super::endpoints::{Purpose, Target};
use super::{Action, ClientCore, EndpointId, OpId, Session, State, Timer};
use crate::outcome::{Doubt, Failure};
use crate::protocol::Request;

impl ClientCore {
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((at, timer)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            match timer {
                Timer::Deadline(id) => {
                    let failure = self.ops.get(&id).map_or(Failure::Unavailable, |op| op.failure);
                    self.give_up(id, failure, Doubt::Unanswered);
                }
                Timer::Resume(id) => {
                    if self.ops.get(&id).is_some_and(|op| op.state == State::Paused) {
                        self.enqueue(id);
                    }
                }
            }
        }
        self.suspect_the_silent(now);
    }

    /// What a silent node owes is asked of another; its own answer still counts, should it come. One
    /// that stays silent is hung up on.
    fn suspect_the_silent(&mut self, now: Timestamp) {
        while let Some(endpoint) = self.endpoints.hang_up(now, self.attempt_timeout) {
            self.actions.push_back(Action::HangUp(endpoint));
        }
        while let Some(owed) = self.endpoints.suspect(now, self.attempt_timeout) {
            for (tag, purpose) in owed {
                match purpose {
                    Purpose::Op(id) => {
                        if self.ops.get(&id).is_some_and(|op| op.waits_for(tag)) {
                            self.enqueue(id);
                        }
                    }
                    Purpose::Session => {
                        if matches!(self.session, Session::Opening { tag: last } if last == tag) {
                            self.session = Session::None { retry_at: now };
                        }
                    }
                }
            }
        }
    }

    pub(super) fn dispatch(&mut self, now: Timestamp) {
        self.wake = None;
        self.drop_ended();
        while !self.ready.is_empty() || !self.fresh.is_empty() {
            match self.endpoints.target(now) {
                Target::Dial(endpoint, address) => {
                    self.endpoints.dialling(now, endpoint);
                    self.actions.push_back(Action::Dial { endpoint, address });
                }
                Target::Wait(until) => {
                    self.wake = Some(until);
                    return;
                }
                Target::Up(endpoint) => {
                    self.send_ready(now, endpoint);
                    self.send_fresh(now, endpoint);
                    return;
                }
            }
        }
    }

    /// For what has ended nobody needs to be dialled.
    fn drop_ended(&mut self) {
        for queue in [&mut self.ready, &mut self.fresh] {
            while queue.front().is_some_and(|id| !self.ops.contains_key(id)) {
                queue.pop_front();
            }
        }
    }

    fn send_ready(&mut self, now: Timestamp, endpoint: EndpointId) {
        while let Some(id) = self.ready.pop_front() {
            let Some(op) = self.ops.get_mut(&id) else { continue };
            if op.state != State::Ready {
                continue;
            }
            let content = op.content.clone();
            let request = match (op.serial, &self.session) {
                (None, _) => Request::Read { query: content },
                (Some((session, serial)), Session::Open(serials)) if serials.session() == session => {
                    Request::Propose { session: serials.tag(serial), command: content }
                }
                (Some(_), _) => {
                    // Its session has expired while it waited.
                    if op.is_in_doubt() {
                        self.give_up(id, Failure::Unavailable, Doubt::SessionExpired);
                    } else {
                        op.serial = None;
                        self.fresh.push_back(id);
                    }
                    continue;
                }
            };
            self.send_op(now, endpoint, id, request);
        }
    }

    fn send_fresh(&mut self, now: Timestamp, endpoint: EndpointId) {
        while let Some(id) = self.fresh.front().copied() {
            let Some(op) = self.ops.get_mut(&id).filter(|op| op.state == State::Ready) else {
                self.fresh.pop_front();
                continue;
            };
            let serials = match &mut self.session {
                Session::Open(serials) => serials,
                Session::Opening { .. } => return,
                Session::None { retry_at } if *retry_at > now => {
                    self.wake = Some(*retry_at);
                    return;
                }
                Session::None { .. } => return self.open_session(now, endpoint),
            };
            // None is free: whatever frees one comes back here.
            let Some(serial) = serials.assign() else { return };
            self.fresh.pop_front();
            op.serial = Some((serials.session(), serial));
            let request = Request::Propose { session: serials.tag(serial), command: op.content.clone() };
            self.send_op(now, endpoint, id, request);
        }
    }

    fn open_session(&mut self, now: Timestamp, endpoint: EndpointId) {
        let tag = self.send(now, endpoint, Purpose::Session, Request::OpenSession);
        self.session = Session::Opening { tag };
    }

    fn send_op(&mut self, now: Timestamp, endpoint: EndpointId, id: OpId, request: Request) {
        let tag = self.send(now, endpoint, Purpose::Op(id), request);
        if let Some(op) = self.ops.get_mut(&id) {
            op.sent(endpoint, tag);
        }
    }

    fn send(&mut self, now: Timestamp, endpoint: EndpointId, purpose: Purpose, request: Request) -> u64 {
        let tag = self.next_tag;
        self.next_tag += 1;
        self.endpoints.sent(now, endpoint, tag, purpose);
        self.actions.push_back(Action::Send { endpoint, tag, request });
        tag
    }
}
