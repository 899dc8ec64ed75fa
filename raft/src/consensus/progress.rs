//! What a leader knows of one peer's log, and how fast it sends.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::Config;
use super::transfer::Transfer;
use super::types::{LogIndex, Timestamp};
use crate::marks::mark;

/// Losses in a row beyond which the patience grows no more: 16 times the usual one.
const MAX_DOUBLINGS: u32 = 5;

/// Entries of so many bytes may fill a link when they are repeated. What is smaller does not, even every election timeout.
const LARGE: usize = 16 << 10;

/// Requests that may be unanswered after a loss, until one is answered: what was lost, and what is new.
const AFTER_LOSS: usize = 2;

/// One AppendEntries that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct InFlight {
    id: u64,
    /// The last index that it carries.
    last: LogIndex,
    /// Whether repeating it may fill a link.
    large: bool,
    sent: Timestamp,
}

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Where the logs agree is not known: one request at a time.
    Probe {
        /// The peer has been silent since a request was lost: heartbeats only, until it answers.
        silent: bool,
    },
    /// The logs agree: requests are pipelined.
    Replicate,
    /// What the peer needs next is no longer in the log: a snapshot is on its way.
    Snapshot,
}

/// A leader's view of one peer, for one term.
///
/// Invariant: `match_index < next_index <=` the leader's last index + 1.
#[derive(Clone, Debug, Hash)]
pub struct Progress {
    /// The highest index known to be durable there and equal to the leader's.
    pub match_index: LogIndex,
    /// The next index to send.
    pub next_index: LogIndex,
    /// How entries are sent.
    pub mode: Mode,
    /// The snapshot on its way, in that mode.
    pub sending: Option<Transfer>,
    in_flight: VecDeque<InFlight>,
    next_id: u64,
    /// Requests lost in a row, without any answer of use; each doubles the patience (RFC 6298 §5.5) with what is large, so that a
    /// link slower than the estimate is not filled with repetitions.
    lost: u32,
    /// Smoothed time from sending a request to its answer: the round trip and the peer's sync.
    response_time: Option<Duration>,
    /// When the peer last answered anything in this term.
    pub last_heard: Timestamp,
    /// When it is next due a sign of life.
    pub heartbeat_due: Timestamp,
    /// The highest commit index that it was told.
    pub commit_told: LogIndex,
    /// The highest read round that it confirmed.
    pub round: u64,
    /// The newest request that matched.
    matched_by: u64,
    /// Its disk had no room for the entries that it was sent last.
    pub full: bool,
}

impl Progress {
    /// At the start of a term, of a leader whose log then ends before `next_index`.
    #[must_use]
    pub fn new(now: Timestamp, next_index: LogIndex) -> Progress {
        Progress {
            match_index: LogIndex(0),
            next_index,
            mode: Mode::Probe { silent: false },
            sending: None,
            in_flight: VecDeque::new(),
            next_id: 0,
            lost: 0,
            response_time: None,
            last_heard: now,
            heartbeat_due: now,
            commit_told: LogIndex(0),
            round: 0,
            matched_by: 0,
            full: false,
        }
    }

    /// Whether another request may go out.
    #[must_use]
    pub fn may_send(&self, config: &Config) -> bool {
        match self.mode {
            Mode::Probe { silent } => !silent && self.in_flight.is_empty(),
            Mode::Replicate if self.lost > 0 => self.in_flight.len() < config.max_in_flight.min(AFTER_LOSS),
            Mode::Replicate => self.in_flight.len() < config.max_in_flight,
            Mode::Snapshot => false,
        }
    }

    /// A request with entries up to `last`, of so many bytes, goes out; returns its id.
    pub fn sent(&mut self, now: Timestamp, last: LogIndex, bytes: usize) -> u64 {
        self.next_id += 1;
        self.in_flight.push_back(InFlight { id: self.next_id, last, large: bytes >= LARGE, sent: now });
        if self.mode == Mode::Replicate {
            self.next_index = last.next();
        }
        self.next_id
    }

    /// The peer answered something.
    pub fn heard(&mut self, now: Timestamp) {
        self.last_heard = self.last_heard.max(now);
        self.ask_again();
    }

    /// The peer is there, so what was lost is sent again.
    fn ask_again(&mut self) {
        if self.mode == (Mode::Probe { silent: true }) {
            // A loss says nothing against what matched before: what follows it is sent again, and
            // what is new need not wait for the answer.
            let agrees = self.match_index > LogIndex(0) && self.next_index == self.match_index.next();
            self.mode = if agrees { Mode::Replicate } else { Mode::Probe { silent: false } };
        }
    }

    /// The peer holds everything up to `index`, durably. However late the answer, it is true:
    /// `match_index` rises and never falls.
    pub fn matched(&mut self, now: Timestamp, id: u64, index: LogIndex) {
        self.measure(now, id);
        self.lost = 0;
        self.matched_by = self.matched_by.max(id);
        self.full = self.full && index <= self.match_index;
        self.match_index = self.match_index.max(index);
        self.next_index = self.next_index.max(self.match_index.next());
        self.in_flight.retain(|r| r.id != id && r.last > self.match_index);
        if self.mode == Mode::Snapshot {
            // Late news; the leader sees whether the log can go on from there.
            return;
        }
        self.mode = Mode::Replicate;
        if self.in_flight.is_empty() {
            self.next_index = self.match_index.next();
        }
    }

    /// Request `id` was rejected; the peer may agree before `next`. A probe's answer may come after
    /// it was given up; it is still true, since in this term only this leader writes that log, and
    /// over a slow link there may never be one in time. Other late answers change nothing.
    pub fn rejected(&mut self, now: Timestamp, id: u64, next: LogIndex) {
        let next = next.min(self.next_index).max(self.match_index.next());
        let awaited = self.in_flight.iter().any(|r| r.id == id);
        let late_news = matches!(self.mode, Mode::Probe { .. }) && next < self.next_index;
        if !awaited && !late_news {
            mark!("rejection-ignored");
            return;
        }
        mark!("rejection-counted-late" if !awaited);
        self.measure(now, id);
        self.lost = 0;
        self.in_flight.clear();
        self.next_index =
            if crate::seeded_bug!("rejection-does-not-back-up") { self.next_index } else { next };
        self.mode = Mode::Probe { silent: false };
    }

    /// The peer's disk had no room for a request. An answer that a later match overtook is no news.
    pub fn had_no_room(&mut self, id: u64) {
        self.full = self.full || id > self.matched_by;
    }

    /// The peer lost what it held at and behind `from`: the one thing that lowers `match_index`. What
    /// was committed by counting it stays so, since such a peer helps no log to win that lacks it. An
    /// answer that a later match overtook is no news.
    pub fn repairing(&mut self, id: u64, from: LogIndex) {
        if id > self.matched_by {
            self.lost_what_it_held(from);
        }
    }

    /// The peer is repaired, and lacks `from` and what stands behind it. That is news where it had matched, and no
    /// request is under way whose answer says the same.
    pub fn lacks(&mut self, from: LogIndex) {
        if from <= self.match_index && self.in_flight.is_empty() && self.mode != Mode::Snapshot {
            self.lost_what_it_held(from);
        }
    }

    fn lost_what_it_held(&mut self, from: LogIndex) {
        mark!("leader-learns-what-was-lost" if from <= self.match_index);
        let from = from.min(self.next_index);
        if !crate::seeded_bug!("repair-match-kept") {
            self.match_index = self.match_index.min(from.previous());
        }
        self.forget_requests();
        self.sending = None;
        self.next_index = from.max(self.match_index.next());
        self.mode = Mode::Probe { silent: false };
    }

    /// Nothing that was sent before is waited for.
    pub(super) fn forget_requests(&mut self) {
        self.in_flight.clear();
        self.lost = 0;
    }

    /// If a request has been unanswered for too long, frees the window and goes back to probing.
    pub fn give_up_lost(&mut self, now: Timestamp, config: &Config) {
        if self.lost_at(config).is_some_and(|at| at <= now) && !crate::seeded_bug!("window-never-freed") {
            mark!("request-given-up");
            // A peer that said something since then is there, and need not be waited for.
            let there = self.in_flight.front().is_some_and(|oldest| self.last_heard > oldest.sent);
            self.in_flight.clear();
            // A lost probe is asked again where it was; where nothing matched yet, the log's
            // beginning would be a bad guess.
            if self.mode == Mode::Replicate {
                self.next_index = self.match_index.next();
            }
            self.mode = Mode::Probe { silent: true };
            self.lost = (self.lost + 1).min(MAX_DOUBLINGS);
            if there {
                self.ask_again();
            }
        }
    }

    /// When the oldest unanswered request counts as lost: after several of the usual response times, two heartbeats at least, and
    /// an election timeout at most. Where answers are delayed at random, several usual times can be longer than anybody waits; what
    /// is repeated too early costs one request, and its late answer still counts. Losses in a row make more patient, but with what
    /// is small never beyond an election timeout: an unlucky peer would wait longer than it takes to elect another leader.
    #[must_use]
    pub fn lost_at(&self, config: &Config) -> Option<Timestamp> {
        let oldest = self.in_flight.front()?;
        let usual = self.response_time.unwrap_or_default() * 4;
        let patience = usual.min(config.election_min).max(config.heartbeat * 2);
        let patient = patience * (1 << self.lost.saturating_sub(1));
        Some(
            oldest.sent + if oldest.large { patient } else { patient.min(patience.max(config.election_min)) },
        )
    }

    /// Smooths as RFC 6298 does: an eighth of the new measurement. Of a request that was given up nothing is learned,
    /// however late its answer.
    fn measure(&mut self, now: Timestamp, id: u64) {
        let Some(request) = self.in_flight.iter().find(|r| r.id == id) else { return };
        let took = now - request.sent;
        self.response_time = Some(self.response_time.map_or(took, |usual| usual - usual / 8 + took / 8));
    }
}

#[cfg(test)]
mod tests;
