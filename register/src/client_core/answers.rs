//! What becomes of an attempt: answered, refused, or lost with its connection.

use bytes::Bytes;
use raft::Timestamp;

use super::endpoints::Purpose;
use super::serials::Serials;
use super::{ClientCore, DialError, EndpointId, OpId, Outcome, Session};
use crate::command::Answer;
use crate::outcome::{Doubt, Failure, Invalid};
use crate::protocol::{LeaderHint, Refused, Response};

/// Hints followed without a pause: more than that is two nodes that point at each other.
const MAX_REDIRECTS: u32 = 3;

impl ClientCore {
    pub(super) fn dial_failed(&mut self, now: Timestamp, endpoint: EndpointId, why: DialError) {
        let jitter = self.rng.f64();
        self.endpoints.dial_failed(now, endpoint, why, jitter);
        if self.endpoints.all_refuse_us() {
            let all: Vec<OpId> = self.ops.keys().copied().collect();
            for id in all {
                self.give_up(id, Failure::NotAuthorised, Doubt::Unanswered);
            }
        }
    }

    pub(super) fn disconnected(&mut self, now: Timestamp, endpoint: EndpointId) {
        let jitter = self.rng.f64();
        for (tag, purpose) in self.endpoints.disconnected(now, endpoint, jitter) {
            match purpose {
                Purpose::Session => self.session_not_opened(now, tag),
                Purpose::Op(id) => {
                    let Some(op) = self.ops.get_mut(&id) else { continue };
                    let current = op.waits_for(tag);
                    op.unanswered(tag);
                    if current {
                        self.enqueue(id);
                    }
                }
            }
        }
    }

    pub(super) fn received(&mut self, now: Timestamp, endpoint: EndpointId, tag: u64, response: Response) {
        match self.endpoints.answered(now, endpoint, tag) {
            Some(Purpose::Session) => self.session_answered(now, endpoint, tag, response),
            Some(Purpose::Op(id)) => self.op_answered(now, id, (endpoint, tag), response),
            None => {}
        }
    }

    fn op_answered(&mut self, now: Timestamp, id: OpId, attempt: (EndpointId, u64), response: Response) {
        match response {
            Response::Applied { answer, .. } | Response::ReadAnswer(answer) => {
                self.endpoints.leads(attempt.0);
                self.answered(id, &answer);
            }
            Response::Refused(refused) => self.refused(now, id, attempt, refused),
            // A node that answers something else than was asked has not answered.
            Response::Welcome(_) | Response::SessionOpened(_) | Response::Status(_) => {
                self.refused(now, id, attempt, Refused::Unknown);
            }
        }
    }

    fn answered(&mut self, id: OpId, answer: &Bytes) {
        let outcome = match Answer::decode(answer) {
            Ok(Answer::Malformed) => Outcome::NotApplied(Invalid::Malformed.into()),
            Ok(answer) => Outcome::Done(answer),
            // Carried out, but how, a newer program than this one would know.
            Err(_) => return self.give_up(id, Invalid::Malformed.into(), Doubt::Unanswered),
        };
        self.finish(id, outcome);
    }

    /// The attempt did nothing, except after `Refused::Unknown`. What to do next, only the last
    /// attempt decides; an earlier one just no longer casts doubt.
    fn refused(&mut self, now: Timestamp, id: OpId, (endpoint, tag): (EndpointId, u64), refused: Refused) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let current = op.waits_for(tag);
        if refused == Refused::Unknown {
            op.unanswered(tag);
        } else {
            op.refused(tag);
        }
        op.failure = match refused {
            Refused::Overloaded => Failure::Overloaded,
            Refused::DiskFull => Failure::DiskFull,
            // Where the disks are full nobody leads for long; the reason is worth more than the symptom.
            Refused::NotLeader { .. } if op.failure == Failure::DiskFull => Failure::DiskFull,
            _ => Failure::Unavailable,
        };
        match refused {
            Refused::Malformed => self.give_up(id, Invalid::Malformed.into(), Doubt::Unanswered),
            Refused::SessionExpired => self.session_expired(id, current),
            Refused::NotLeader { hint } => {
                let redirected = self.redirected(now, endpoint, hint.as_ref());
                if current {
                    self.follow(now, id, redirected);
                }
            }
            Refused::Stopping | Refused::Unknown | Refused::DiskFull => {
                self.redirected(now, endpoint, None);
                if current {
                    self.pause(now, id);
                }
            }
            Refused::Overloaded | Refused::OutOfWindow if current => self.pause(now, id),
            Refused::Overloaded | Refused::OutOfWindow => {}
        }
    }

    fn follow(&mut self, now: Timestamp, id: OpId, redirected: bool) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if redirected && op.redirects < MAX_REDIRECTS {
            op.redirects += 1;
            self.enqueue(id);
        } else {
            self.pause(now, id);
        }
    }

    fn redirected(&mut self, now: Timestamp, endpoint: EndpointId, hint: Option<&LeaderHint>) -> bool {
        self.endpoints.does_not_lead(now, endpoint, hint.map(|hint| hint.address.as_str()))
    }

    /// This attempt had no effect, since its session was gone. If no earlier one can have had any,
    /// the command starts afresh in a new session.
    fn session_expired(&mut self, id: OpId, current: bool) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if op.is_in_doubt() {
            self.leave_session(id);
            self.finish(id, Outcome::Unknown(Doubt::SessionExpired));
        } else if current {
            self.leave_session(id);
            self.enqueue(id);
        }
    }

    fn leave_session(&mut self, id: OpId) {
        let left = self.ops.get_mut(&id).and_then(|op| op.serial.take());
        if let (Session::Open(serials), Some((session, _))) = (&self.session, left)
            && serials.session() == session
        {
            self.session = Session::None { retry_at: Timestamp::default() };
        }
    }

    fn session_answered(&mut self, now: Timestamp, endpoint: EndpointId, tag: u64, response: Response) {
        match response {
            Response::SessionOpened(session) => {
                self.endpoints.leads(endpoint);
                self.session_failures = 0;
                // After a retry a second may come: the first is as good, and the other expires.
                if !matches!(self.session, Session::Open(_)) {
                    self.session = Session::Open(Serials::new(session));
                }
            }
            Response::Refused(Refused::NotLeader { hint }) => {
                let redirected = self.redirected(now, endpoint, hint.as_ref());
                self.session_not_opened(now, tag);
                if let Session::None { retry_at } = &mut self.session
                    && redirected
                    && self.session_failures <= MAX_REDIRECTS
                {
                    *retry_at = now;
                }
            }
            Response::Refused(refused) => {
                // The commands that wait for the session are refused with it.
                if refused == Refused::DiskFull {
                    self.ops.values_mut().for_each(|op| op.failure = Failure::DiskFull);
                }
                self.redirected(now, endpoint, None);
                self.session_not_opened(now, tag);
            }
            Response::Welcome(_)
            | Response::Applied { .. }
            | Response::ReadAnswer(_)
            | Response::Status(_) => {
                self.redirected(now, endpoint, None);
                self.session_not_opened(now, tag);
            }
        }
    }

    fn session_not_opened(&mut self, now: Timestamp, tag: u64) {
        if matches!(self.session, Session::Opening { tag: last } if last == tag) {
            let retry_at = now + self.backoff(self.session_failures);
            self.session_failures = self.session_failures.saturating_add(1);
            self.session = Session::None { retry_at };
        }
    }
}
