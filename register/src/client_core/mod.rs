//! The client without I/O: given the time and what happened, it decides what to send where.
//!
//! [`ClientCore::step`] takes one [`Event`]; then drain [`ClientCore::poll`]; [`ClientCore::deadline`]
//! says when it wants to be stepped with [`Event::Tick`]. The network client pumps it, and so does
//! the simulator: neither a clock nor randomness is in here, both come in.
//!
//! Outcomes. A write is *not applied* only if every attempt of it was refused; once an attempt is
//! left unanswered, or its leader lost the leadership, only an answer can make it certain: the same
//! serial is tried again, and the session gives the first attempt's answer. If the deadline passes or
//! the session expires before, the outcome is *unknown*.

mod answers;
mod endpoints;
mod op;
mod sending;
mod serials;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use raft::Timestamp;

use self::endpoints::Endpoints;
use self::op::{Op, State};
use self::serials::Serials;
use crate::command::{Answer, Command, Query};
use crate::outcome::{Doubt, Failure};
use crate::protocol::{Request, Response};

/// The first pause before another attempt; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_millis(320);

/// One request of the caller, named by the caller; a name is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// A node's client port; a number that stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub usize);

/// What the caller wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A linearizable read.
    Read(Query),
    /// A change, to take effect once.
    Write(Command),
}

/// Why a dial came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialError {
    /// Nobody there, or no answer in time.
    Unreachable,
    /// The node refused us, or we refused the node.
    NotAuthorised,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The caller wants something.
    Submit {
        /// Named in [`Action::Finish`].
        op: OpId,
        /// What.
        operation: Operation,
        /// Tried until then.
        deadline: Timestamp,
    },
    /// The caller no longer waits; no `Finish` follows.
    Abandon(OpId),
    /// A dial ended well: the node has accepted us.
    Connected(EndpointId),
    /// A dial ended badly.
    DialFailed(EndpointId, DialError),
    /// A connection is gone; what was sent on it and not answered may or may not have arrived.
    Disconnected(EndpointId),
    /// A node answered.
    Received {
        /// Who.
        endpoint: EndpointId,
        /// To which request.
        tag: u64,
        /// What.
        response: Response,
    },
    /// Nothing; time has passed.
    Tick,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial, then say [`Event::Connected`] or [`Event::DialFailed`], in bounded time.
    Dial {
        /// Named in the event.
        endpoint: EndpointId,
        /// `host:port`.
        address: String,
    },
    /// Close the connection, then say [`Event::Disconnected`].
    HangUp(EndpointId),
    /// Send a request. If that is not possible the connection is gone: say so.
    Send {
        /// To whom.
        endpoint: EndpointId,
        /// Repeated by the answer.
        tag: u64,
        /// What.
        request: Request,
    },
    /// Tell the caller.
    Finish {
        /// Which request.
        op: OpId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Carried out.
    Done(Answer),
    /// It did not take effect and never will.
    NotApplied(Failure),
    /// It may have taken effect, or may yet. Never the outcome of a read.
    Unknown(Doubt),
}

#[derive(Clone, Debug)]
enum Session {
    /// None, and none is asked for before then.
    None {
        retry_at: Timestamp,
    },
    /// Asked for, the last time under this tag.
    Opening {
        tag: u64,
    },
    Open(Serials),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Deadline(OpId),
    Resume(OpId),
}

/// The client's state.
#[derive(Clone, Debug)]
pub struct ClientCore {
    attempt_timeout: Duration,
    rng: fastrand::Rng,
    endpoints: Endpoints,
    session: Session,
    session_failures: u32,
    ops: BTreeMap<OpId, Op>,
    timers: BTreeSet<(Timestamp, Timer)>,
    /// Reads, and writes that have a serial, waiting to be sent. This queue and the next may name
    /// ops that have ended since.
    ready: VecDeque<OpId>,
    /// Writes that wait for a serial as well; a queue of their own, since those before them may be
    /// what holds the serials back.
    fresh: VecDeque<OpId>,
    /// When an endpoint or the session may be tried again, if something waits for that.
    wake: Option<Timestamp>,
    next_tag: u64,
    actions: VecDeque<Action>,
}

impl ClientCore {
    /// A client that knows these `host:port`s. `attempt_timeout`: how long a node may be silent
    /// while it owes an answer. `seed` decides where to begin and how pauses are drawn.
    #[must_use]
    pub fn new(endpoints: Vec<String>, attempt_timeout: Duration, seed: u64) -> ClientCore {
        let mut rng = fastrand::Rng::with_seed(seed);
        let first = rng.usize(..);
        ClientCore {
            attempt_timeout,
            rng,
            endpoints: Endpoints::new(endpoints, first),
            session: Session::None { retry_at: Timestamp::default() },
            session_failures: 0,
            ops: BTreeMap::new(),
            timers: BTreeSet::new(),
            ready: VecDeque::new(),
            fresh: VecDeque::new(),
            wake: None,
            next_tag: 1,
            actions: VecDeque::new(),
        }
    }

    /// Takes in one event. `now` never goes back.
    pub fn step(&mut self, now: Timestamp, event: Event) {
        self.take(now, event);
        self.expire(now);
        self.dispatch(now);
    }

    /// As so many times [`ClientCore::step`], of answers that came together: what is due is looked at once.
    pub fn received_all(
        &mut self,
        now: Timestamp,
        endpoint: EndpointId,
        all: impl IntoIterator<Item = (u64, Response)>,
    ) {
        for (tag, response) in all {
            self.received(now, endpoint, tag, response);
        }
        self.expire(now);
        self.dispatch(now);
    }

    fn take(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Submit { op, operation, deadline } => self.submit(op, operation, deadline),
            Event::Abandon(op) => self.remove(op),
            Event::Connected(endpoint) => self.endpoints.connected(now, endpoint),
            Event::DialFailed(endpoint, why) => self.dial_failed(now, endpoint, why),
            Event::Disconnected(endpoint) => self.disconnected(now, endpoint),
            Event::Received { endpoint, tag, response } => self.received(now, endpoint, tag, response),
            Event::Tick => {}
        }
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to step with [`Event::Tick`] if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let suspicion = self.endpoints.next_suspicion(self.attempt_timeout);
        [timer, suspicion, self.wake].into_iter().flatten().min()
    }

    /// Requests that have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.ops.len()
    }

    fn submit(&mut self, id: OpId, operation: Operation, deadline: Timestamp) {
        match Op::new(operation, deadline) {
            Ok(op) => {
                self.timers.insert((deadline, Timer::Deadline(id)));
                self.ops.insert(id, op);
                self.enqueue(id);
            }
            Err(invalid) => {
                let outcome = Outcome::NotApplied(invalid.into());
                self.actions.push_back(Action::Finish { op: id, outcome });
            }
        }
    }

    /// Puts an op that waits for nothing else into its queue.
    fn enqueue(&mut self, id: OpId) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.state = State::Ready;
        if op.needs_serial() {
            self.fresh.push_back(id);
        } else {
            self.ready.push_back(id);
        }
    }

    /// Tries again after a while.
    fn pause(&mut self, now: Timestamp, id: OpId) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.state = State::Paused;
        op.redirects = 0;
        let retries = op.retries;
        op.retries = retries.saturating_add(1);
        let resume = now + self.backoff(retries);
        self.timers.insert((resume, Timer::Resume(id)));
    }

    /// Between half of the pause and all of it, so that clients that were refused together do not
    /// come back together.
    fn backoff(&mut self, retries: u32) -> Duration {
        let pause = RETRY_MAX.min(RETRY_MIN * (1 << retries.min(8)));
        pause.mul_f64(0.5 + self.rng.f64() / 2.0)
    }

    /// Ends an op that has no answer.
    fn give_up(&mut self, id: OpId, failure: Failure, doubt: Doubt) {
        let Some(op) = self.ops.get(&id) else { return };
        let outcome = if op.is_in_doubt() { Outcome::Unknown(doubt) } else { Outcome::NotApplied(failure) };
        self.finish(id, outcome);
    }

    fn finish(&mut self, id: OpId, outcome: Outcome) {
        self.remove(id);
        self.actions.push_back(Action::Finish { op: id, outcome });
    }

    fn remove(&mut self, id: OpId) {
        let Some(op) = self.ops.remove(&id) else { return };
        self.timers.remove(&(op.deadline, Timer::Deadline(id)));
        for (endpoint, tag) in &op.attempts {
            self.endpoints.forget(*endpoint, *tag);
        }
        if let (Session::Open(serials), Some((session, serial))) = (&mut self.session, op.serial)
            && serials.session() == session
        {
            serials.resolve(serial);
        }
    }
}

#[cfg(test)]
mod tests;
