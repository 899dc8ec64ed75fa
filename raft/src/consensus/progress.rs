//! What a leader knows of one peer's log, and how fast it sends.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::Config;
use super::types::{LogIndex, Timestamp};

/// One AppendEntries that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InFlight {
    id: u64,
    /// The last index that it carries.
    last: LogIndex,
    sent: Timestamp,
}

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Where the logs agree is not known: one request at a time.
    Probe {
        /// The peer has been silent since a request was lost: heartbeats only, until it answers.
        silent: bool,
    },
    /// The logs agree: requests are pipelined.
    Replicate,
}

/// A leader's view of one peer, for one term.
///
/// Invariant: `match_index < next_index <=` the leader's last index + 1.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The highest index known to be durable there and equal to the leader's.
    pub match_index: LogIndex,
    /// The next index to send.
    pub next_index: LogIndex,
    /// How entries are sent.
    pub mode: Mode,
    in_flight: VecDeque<InFlight>,
    next_id: u64,
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
}

impl Progress {
    /// At the start of a term, of a leader whose log then ends before `next_index`.
    #[must_use]
    pub fn new(now: Timestamp, next_index: LogIndex) -> Progress {
        Progress {
            match_index: LogIndex(0),
            next_index,
            mode: Mode::Probe { silent: false },
            in_flight: VecDeque::new(),
            next_id: 0,
            response_time: None,
            last_heard: now,
            heartbeat_due: now,
            commit_told: LogIndex(0),
            round: 0,
        }
    }

    /// Whether another request may go out.
    #[must_use]
    pub fn may_send(&self, config: &Config) -> bool {
        match self.mode {
            Mode::Probe { silent } => !silent && self.in_flight.is_empty(),
            Mode::Replicate => self.in_flight.len() < config.max_in_flight,
        }
    }

    /// A request with entries up to `last` goes out; returns its id.
    pub fn sent(&mut self, now: Timestamp, last: LogIndex) -> u64 {
        self.next_id += 1;
        self.in_flight.push_back(InFlight { id: self.next_id, last, sent: now });
        if self.mode == Mode::Replicate {
            self.next_index = last.next();
        }
        self.next_id
    }

    /// The peer answered something.
    pub fn heard(&mut self, now: Timestamp) {
        self.last_heard = self.last_heard.max(now);
        if let Mode::Probe { silent } = &mut self.mode {
            *silent = false;
        }
    }

    /// The peer holds everything up to `index`, durably. However late the answer, it is true:
    /// `match_index` rises and never falls.
    pub fn matched(&mut self, now: Timestamp, id: u64, index: LogIndex) {
        self.measure(now, id);
        self.match_index = self.match_index.max(index);
        self.next_index = self.next_index.max(self.match_index.next());
        self.in_flight.retain(|r| r.id != id && r.last > self.match_index);
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
            return;
        }
        self.measure(now, id);
        self.in_flight.clear();
        self.next_index = next;
        self.mode = Mode::Probe { silent: false };
    }

    /// If a request has been unanswered for too long, frees the window and goes back to probing.
    pub fn give_up_lost(&mut self, now: Timestamp, config: &Config) {
        if self.lost_at(config).is_some_and(|at| at <= now) {
            self.in_flight.clear();
            // A lost probe is asked again where it was; where nothing matched yet, the log's
            // beginning would be a bad guess.
            if self.mode == Mode::Replicate {
                self.next_index = self.match_index.next();
            }
            self.mode = Mode::Probe { silent: true };
        }
    }

    /// When the oldest unanswered request counts as lost: after several of the usual response
    /// times, and two heartbeats at least.
    #[must_use]
    pub fn lost_at(&self, config: &Config) -> Option<Timestamp> {
        let oldest = self.in_flight.front()?;
        let patience = (config.heartbeat * 2).max(self.response_time.unwrap_or_default() * 4);
        Some(oldest.sent + patience)
    }

    /// Smooths as RFC 6298 does: an eighth of the new measurement.
    fn measure(&mut self, now: Timestamp, id: u64) {
        let Some(request) = self.in_flight.iter().find(|r| r.id == id) else { return };
        let took = now - request.sent;
        self.response_time = Some(self.response_time.map_or(took, |usual| usual - usual / 8 + took / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicating() -> Progress {
        let mut p = Progress::new(Timestamp::default(), LogIndex(5));
        let id = p.sent(Timestamp::default(), LogIndex(5));
        p.matched(Timestamp::default(), id, LogIndex(5));
        p
    }

    #[test]
    fn the_window_fills_and_frees() {
        let config = Config { max_in_flight: 2, ..Config::lan() };
        let mut p = replicating();
        let first = p.sent(Timestamp::default(), LogIndex(6));
        p.sent(Timestamp::default(), LogIndex(7));
        assert!(!p.may_send(&config));
        p.matched(Timestamp::default(), first, LogIndex(6));
        assert!(p.may_send(&config));
        assert_eq!((p.match_index, p.next_index), (LogIndex(6), LogIndex(8)));
    }

    #[test]
    fn a_lost_request_frees_the_window_and_waits_for_a_sign_of_life() {
        let config = Config::lan();
        let mut p = replicating();
        p.sent(Timestamp::default(), LogIndex(6));
        p.give_up_lost(Timestamp::from_millis(99), &config);
        assert_eq!(p.mode, Mode::Replicate);
        p.give_up_lost(Timestamp::from_millis(100), &config);
        assert_eq!((p.mode, p.next_index), (Mode::Probe { silent: true }, LogIndex(6)));
        assert!(!p.may_send(&config));
        p.heard(Timestamp::from_millis(101));
        assert!(p.may_send(&config));
    }

    #[test]
    fn a_late_success_counts_and_a_late_rejection_does_not() {
        let mut p = replicating();
        let lost = p.sent(Timestamp::default(), LogIndex(8));
        p.give_up_lost(Timestamp::from_millis(1000), &Config::lan());
        p.rejected(Timestamp::from_millis(1001), lost, LogIndex(2));
        assert_eq!(p.next_index, LogIndex(6));
        p.matched(Timestamp::from_millis(1002), lost, LogIndex(8));
        assert_eq!((p.match_index, p.next_index, p.mode), (LogIndex(8), LogIndex(9), Mode::Replicate));
    }

    #[test]
    fn a_match_is_never_taken_back_by_an_earlier_answer() {
        let mut p = replicating();
        let earlier = p.sent(Timestamp::default(), LogIndex(6));
        let later = p.sent(Timestamp::default(), LogIndex(7));
        p.matched(Timestamp::default(), later, LogIndex(7));
        p.matched(Timestamp::default(), earlier, LogIndex(6));
        assert_eq!((p.match_index, p.next_index), (LogIndex(7), LogIndex(8)));
    }

    #[test]
    fn a_probe_that_was_given_up_is_still_answered() {
        let config = Config::lan();
        let mut p = Progress::new(Timestamp::default(), LogIndex(50));
        let slow = p.sent(Timestamp::default(), LogIndex(50));
        p.give_up_lost(Timestamp::from_millis(100), &config);
        p.heard(Timestamp::from_millis(101));
        p.sent(Timestamp::from_millis(101), LogIndex(50));
        p.rejected(Timestamp::from_millis(150), slow, LogIndex(20));
        assert_eq!(p.next_index, LogIndex(20));
        assert!(p.may_send(&config), "the next probe need not wait for the one at 50");
        p.sent(Timestamp::from_millis(150), LogIndex(20));
        p.rejected(Timestamp::from_millis(160), slow, LogIndex(20));
        assert!(!p.may_send(&config), "the same again is no news");
    }

    #[test]
    fn a_rejection_never_goes_below_what_matched() {
        let mut p = replicating();
        let id = p.sent(Timestamp::default(), LogIndex(6));
        p.rejected(Timestamp::default(), id, LogIndex(1));
        assert_eq!((p.next_index, p.mode), (LogIndex(6), Mode::Probe { silent: false }));
    }
}
