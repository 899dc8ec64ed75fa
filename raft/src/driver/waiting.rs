//! Who waits for what comes of a request, and how each is told.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::handle::{Applied, ApplyError, OutcomeError, ReadError};
use crate::consensus::io::{Refusal, Ticket};
use crate::consensus::types::LogId;
use crate::server::Reply;

type AcceptedSender = oneshot::Sender<Result<LogId, Refusal>>;
type OutcomeSender = oneshot::Sender<Result<Applied, OutcomeError>>;
type AppliedSender = oneshot::Sender<Result<Applied, ApplyError>>;
type ReadSender = oneshot::Sender<Result<Bytes, ReadError>>;

/// By ticket. Tickets are counted, so nobody chooses them, and they need no hash that withstands who does.
pub(super) type Waiters = HashMap<Ticket, Waiting, BuildHasherDefault<Counted>>;

/// One that waits. Dropped untold, it learns that the node has ended.
pub(super) enum Waiting {
    /// For the place in the log, until that is told, and then for the outcome.
    Write { accepted: Option<AcceptedSender>, outcome: OutcomeSender },
    /// For the outcome alone.
    Apply(AppliedSender),
    /// For an answer.
    Read(ReadSender),
    /// For the last word, where it is said.
    Then(Then),
}

impl Waiting {
    /// The command stands in the log.
    pub(super) fn accepted(&mut self, id: LogId) {
        if let Waiting::Write { accepted, .. } = self
            && let Some(accepted) = accepted.take()
        {
            // A caller who is gone has given up the answer, not the entry.
            let _ = accepted.send(Ok(id));
        }
    }

    /// The last word. Each `send` fails only if the caller is gone.
    pub(super) fn told(self, reply: Reply) {
        let _ = match (self, reply) {
            (Waiting::Then(then), reply) => {
                then.tell(reply);
                true
            }
            (Waiting::Write { accepted: Some(accepted), .. }, Reply::Refused(refusal)) => {
                accepted.send(Err(refusal)).is_ok()
            }
            (Waiting::Write { outcome, .. }, reply) => outcome.send(outcome_of(reply)).is_ok(),
            (Waiting::Apply(applied), Reply::Refused(refusal)) => applied.send(Err(refusal.into())).is_ok(),
            (Waiting::Apply(applied), reply) => {
                applied.send(outcome_of(reply).map_err(ApplyError::from)).is_ok()
            }
            (Waiting::Read(answer), Reply::Read(response)) => answer.send(Ok(response)).is_ok(),
            (Waiting::Read(answer), Reply::Refused(refusal)) => answer.send(Err(refusal.into())).is_ok(),
            (Waiting::Read(answer), Reply::ReadPanicked(panic)) => {
                answer.send(Err(ReadError::Panicked(panic))).is_ok()
            }
            (Waiting::Read(_), _) => false,
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

type Callback = Box<dyn FnOnce(Option<Reply>) + Send>;

/// Called once: with the last word or, where it is dropped before, with nothing.
pub(super) struct Then(Option<Callback>);

impl Then {
    pub(super) fn new(then: impl FnOnce(Option<Reply>) + Send + 'static) -> Then {
        Then(Some(Box::new(then)))
    }

    pub(super) fn tell(mut self, reply: Reply) {
        if let Some(then) = self.0.take() {
            then(Some(reply));
        }
    }
}

impl Drop for Then {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(None);
        }
    }
}

impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").finish_non_exhaustive()
    }
}

/// Spreads numbers that are counted (Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, 6.4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted(u64);

impl Hasher for Counted {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::consensus::types::LogIndex;

    #[test]
    fn a_callback_is_called_once_told_or_not() {
        let (said, heard) = channel();
        let then = |said: std::sync::mpsc::Sender<_>| Then::new(move |reply| said.send(reply).unwrap());
        Waiting::Then(then(said.clone())).told(Reply::OutOfWindow);
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Some(Reply::OutOfWindow)]);
        drop(then(said));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn a_write_is_told_its_place_once_and_then_its_outcome() {
        let (accepted, mut place) = oneshot::channel();
        let (outcome, mut end) = oneshot::channel();
        let mut waiting = Waiting::Write { accepted: Some(accepted), outcome };
        let id = LogId { index: LogIndex(3), ..LogId::default() };
        waiting.accepted(id);
        waiting.accepted(LogId::default());
        assert_eq!(place.try_recv().unwrap(), Ok(id));
        // What stands in the log may yet take effect, whatever is said of it.
        waiting.told(Reply::Refused(Refusal::Overloaded));
        assert_eq!(end.try_recv().unwrap(), Err(OutcomeError::Unknown));
    }

    #[test]
    fn a_write_that_is_refused_has_no_place() {
        let (accepted, mut place) = oneshot::channel();
        let (outcome, mut end) = oneshot::channel();
        Waiting::Write { accepted: Some(accepted), outcome }.told(Reply::Refused(Refusal::Overloaded));
        assert_eq!(place.try_recv().unwrap(), Err(Refusal::Overloaded));
        assert!(end.try_recv().is_err());
    }

    #[test]
    fn counted_numbers_are_spread_over_a_table() {
        let slot = |number: u64| {
            let mut hasher = Counted::default();
            hasher.write_u64(number);
            hasher.finish() >> 57
        };
        let mut of_each = [0; 128];
        (0..12_800).for_each(|number| of_each[usize::try_from(slot(number)).unwrap()] += 1);
        assert!(of_each.iter().all(|count| (90..110).contains(count)), "{of_each:?}");
    }
}
