//! The nodes that a client knows: which are connected, which to try next, which one leads.

use std::collections::BTreeMap;
use std::time::Duration;

use raft::Timestamp;

use super::{DialError, EndpointId, OpId};

/// Endpoints, given and learned, at most: hints come from nodes, but must not fill the memory.
const MAX_ENDPOINTS: usize = 64;
/// The first pause after a failed dial; it doubles up to [`REDIAL_MAX`].
const REDIAL_MIN: Duration = Duration::from_millis(50);
const REDIAL_MAX: Duration = Duration::from_secs(1);
/// How long a dial may take before another endpoint is tried beside it: a handshake takes two round
/// trips, and a superfluous one costs little.
const DIAL_PATIENCE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down { retry_at: Timestamp },
    Dialling { since: Timestamp },
    Up,
}

/// What an attempt was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Session,
    Op(OpId),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) purpose: Purpose,
    sent_at: Timestamp,
}

#[derive(Clone, Debug)]
struct Endpoint {
    address: String,
    link: Link,
    failures: u32,
    not_authorised: bool,
    last_heard: Timestamp,
    /// Since when it is suspected: it was silent for too long and has said nothing since. It is
    /// asked only if there is no other.
    suspected: Option<Timestamp>,
    /// It was hung up on, and its connection has not ended yet.
    hung_up: bool,
    /// What it owes an answer to, by tag; tags grow with time.
    attempts: BTreeMap<u64, Attempt>,
    /// Attempts with tags below this were given up: their answers still count, their silence no
    /// longer does.
    suspected_below: u64,
}

impl Endpoint {
    fn new(address: String) -> Endpoint {
        Endpoint {
            address,
            link: Link::Down { retry_at: Timestamp::default() },
            failures: 0,
            not_authorised: false,
            last_heard: Timestamp::default(),
            suspected: None,
            hung_up: false,
            attempts: BTreeMap::new(),
            suspected_below: 0,
        }
    }

    /// When to give it up for what it owes longest: after `patience` without a word, and after four
    /// times that whatever else it said.
    fn suspect_at(&self, patience: Duration) -> Option<Timestamp> {
        let (_, oldest) = self.attempts.range(self.suspected_below..).next()?;
        let silent = self.last_heard.max(oldest.sent_at) + patience;
        Some(silent.min(oldest.sent_at + patience * 4))
    }

    /// When to hang up on a suspect: a node that was killed and started again knows nothing of the
    /// connection and would be silent on it until the idle timeout, though it may lead by now.
    fn hang_up_at(&self, patience: Duration) -> Option<Timestamp> {
        self.suspected.filter(|_| self.link == Link::Up && !self.hung_up).map(|since| since + patience)
    }

    fn backoff(&mut self, now: Timestamp, jitter: f64) {
        let pause = REDIAL_MAX.min(REDIAL_MIN * (1 << self.failures.min(8)));
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down { retry_at: now + pause.mul_f64(0.5 + jitter / 2.0) };
    }
}

/// Where to send a request now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Up(EndpointId),
    Dial(EndpointId, String),
    Wait(Timestamp),
}

#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    all: Vec<Endpoint>,
    /// The best guess.
    leader: usize,
}

impl Endpoints {
    pub(super) fn new(addresses: Vec<String>, first: usize) -> Endpoints {
        let all: Vec<Endpoint> = addresses.into_iter().take(MAX_ENDPOINTS).map(Endpoint::new).collect();
        let leader = first % all.len().max(1);
        Endpoints { all, leader }
    }

    /// The first of the guess and those after it that is connected or may be dialled now; a
    /// suspected one only if there is no other.
    pub(super) fn target(&self, now: Timestamp) -> Target {
        let mut wake = now + REDIAL_MAX;
        let mut last_resort = None;
        for step in 0..self.all.len() {
            let at = (self.leader + step) % self.all.len();
            let endpoint = &self.all[at];
            match endpoint.link {
                Link::Up if endpoint.suspected.is_none() => return Target::Up(EndpointId(at)),
                Link::Up => last_resort = last_resort.or(Some(at)),
                Link::Down { retry_at } if retry_at <= now => {
                    return Target::Dial(EndpointId(at), endpoint.address.clone());
                }
                Link::Down { retry_at } => wake = wake.min(retry_at),
                Link::Dialling { since } if now < since + DIAL_PATIENCE => {
                    return Target::Wait(since + DIAL_PATIENCE);
                }
                Link::Dialling { .. } => {}
            }
        }
        last_resort.map_or(Target::Wait(wake), |at| Target::Up(EndpointId(at)))
    }

    pub(super) fn dialling(&mut self, now: Timestamp, at: EndpointId) {
        if let Some(endpoint) = self.all.get_mut(at.0) {
            endpoint.link = Link::Dialling { since: now };
        }
    }

    pub(super) fn connected(&mut self, now: Timestamp, at: EndpointId) {
        if let Some(endpoint) = self.all.get_mut(at.0) {
            endpoint.link = Link::Up;
            endpoint.failures = 0;
            endpoint.not_authorised = false;
            endpoint.last_heard = now;
        }
    }

    pub(super) fn dial_failed(&mut self, now: Timestamp, at: EndpointId, why: DialError, jitter: f64) {
        if let Some(endpoint) = self.all.get_mut(at.0) {
            endpoint.not_authorised = why == DialError::NotAuthorised;
            endpoint.backoff(now, jitter);
        }
        self.leave(at);
    }

    /// Returns what it owed an answer to.
    pub(super) fn disconnected(
        &mut self,
        now: Timestamp,
        at: EndpointId,
        jitter: f64,
    ) -> impl Iterator<Item = (u64, Purpose)> + use<> {
        let owed = self.all.get_mut(at.0).map(|endpoint| {
            endpoint.backoff(now, jitter);
            // Whatever is dialled next deserves no suspicion.
            endpoint.suspected = None;
            endpoint.hung_up = false;
            std::mem::take(&mut endpoint.attempts)
        });
        self.leave(at);
        owed.into_iter().flatten().map(|(tag, attempt)| (tag, attempt.purpose))
    }

    pub(super) fn all_refuse_us(&self) -> bool {
        self.all.iter().all(|e| e.not_authorised)
    }

    pub(super) fn sent(&mut self, now: Timestamp, at: EndpointId, tag: u64, purpose: Purpose) {
        if let Some(endpoint) = self.all.get_mut(at.0) {
            endpoint.attempts.insert(tag, Attempt { purpose, sent_at: now });
        }
    }

    /// An answer came; what it is to, unless nobody waits for it any more.
    pub(super) fn answered(&mut self, now: Timestamp, at: EndpointId, tag: u64) -> Option<Purpose> {
        let endpoint = self.all.get_mut(at.0)?;
        endpoint.last_heard = now;
        endpoint.suspected = None;
        endpoint.attempts.remove(&tag).map(|a| a.purpose)
    }

    pub(super) fn forget(&mut self, at: EndpointId, tag: u64) {
        if let Some(endpoint) = self.all.get_mut(at.0) {
            endpoint.attempts.remove(&tag);
        }
    }

    /// It carried out a request: it leads.
    pub(super) fn leads(&mut self, at: EndpointId) {
        self.leader = at.0;
    }

    /// It does not lead. Whether it is known who does, and that node can be asked at once.
    pub(super) fn does_not_lead(&mut self, now: Timestamp, at: EndpointId, hint: Option<&str>) -> bool {
        // If the guess is another by now, somebody was quicker, with news no older than this; unless
        // that one cannot be reached: then any other news is better.
        let guess = &self.all[self.leader];
        if self.leader == at.0 || guess.link != Link::Up || guess.suspected.is_some() {
            let hinted = hint.and_then(|address| self.find_or_learn(address));
            match hinted.filter(|hinted| *hinted != at.0 && self.all[*hinted].suspected.is_none()) {
                Some(hinted) => self.leader = hinted,
                None if self.leader == at.0 => {
                    self.leave(at);
                    return false;
                }
                None => {}
            }
        }
        self.all.get(self.leader).is_some_and(|leader| match leader.link {
            Link::Up => leader.suspected.is_none(),
            Link::Down { retry_at } => retry_at <= now,
            Link::Dialling { since } => now < since + DIAL_PATIENCE,
        })
    }

    /// The next endpoint that has owed an answer for too long, and what it owes.
    pub(super) fn suspect(&mut self, now: Timestamp, patience: Duration) -> Option<Vec<(u64, Purpose)>> {
        let at = self.all.iter().position(|e| e.suspect_at(patience).is_some_and(|at| at <= now))?;
        let endpoint = &mut self.all[at];
        let owed = endpoint.attempts.range(endpoint.suspected_below..);
        let owed = owed.map(|(tag, attempt)| (*tag, attempt.purpose)).collect();
        endpoint.suspected.get_or_insert(now);
        endpoint.suspected_below = endpoint.attempts.last_key_value().map_or(0, |(tag, _)| tag + 1);
        self.leave(EndpointId(at));
        Some(owed)
    }

    /// The next endpoint whose connection has been silent for so long that a new one is better.
    pub(super) fn hang_up(&mut self, now: Timestamp, patience: Duration) -> Option<EndpointId> {
        let at = self.all.iter().position(|e| e.hang_up_at(patience).is_some_and(|at| at <= now))?;
        self.all[at].hung_up = true;
        Some(EndpointId(at))
    }

    pub(super) fn next_suspicion(&self, patience: Duration) -> Option<Timestamp> {
        let due = |e: &Endpoint| [e.suspect_at(patience), e.hang_up_at(patience)].into_iter().flatten().min();
        self.all.iter().filter_map(due).min()
    }

    fn leave(&mut self, at: EndpointId) {
        if self.leader == at.0 {
            self.leader = (self.leader + 1) % self.all.len().max(1);
        }
    }

    fn find_or_learn(&mut self, address: &str) -> Option<usize> {
        if let Some(known) = self.all.iter().position(|e| e.address == address) {
            return Some(known);
        }
        if self.all.len() >= MAX_ENDPOINTS {
            return None;
        }
        self.all.push(Endpoint::new(address.into()));
        Some(self.all.len() - 1)
    }
}
