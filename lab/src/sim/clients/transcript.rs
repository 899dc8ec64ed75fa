//! What clients of any state machine asked and were told, in order.

use bytes::Bytes;
use raft::Timestamp;

use super::workload::Summary;

/// What a client wants of the replicated state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Apply this command, once.
    Write(Bytes),
    /// Answer this query, linearizably.
    Read(Bytes),
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out; the state machine's answer.
    Done(Bytes),
    /// It had no effect and never will.
    NotApplied,
    /// Nobody knows. Never the outcome of a read.
    Unknown,
}

/// One operation, from its beginning to what is known of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who asked.
    pub client: u64,
    /// What.
    pub operation: Operation,
    /// When, for people.
    pub at: Timestamp,
    /// When, among all beginnings and ends.
    pub begun: usize,
    /// When and how it ended, if it has.
    pub ended: Option<(usize, Outcome)>,
}

impl Told {
    /// The answer, if it was carried out.
    #[must_use]
    pub fn answer(&self) -> Option<&Bytes> {
        match &self.ended {
            Some((_, Outcome::Done(answer))) => Some(answer),
            _ => None,
        }
    }

    /// Whether it had ended before another began: in real time, and so in every order that explains
    /// the answers.
    #[must_use]
    pub fn is_before(&self, other: &Told) -> bool {
        self.ended.as_ref().is_some_and(|(ended, _)| *ended < other.begun)
    }
}

/// What all clients of a run asked and were told.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    told: Vec<Told>,
    events: usize,
}

impl Transcript {
    /// An operation begins; its place among all.
    pub fn begin(&mut self, at: Timestamp, client: u64, operation: Operation) -> usize {
        self.told.push(Told { client, operation, at, begun: self.events, ended: None });
        self.events += 1;
        self.told.len() - 1
    }

    /// The operation at this place has ended.
    pub fn end(&mut self, place: usize, outcome: Outcome) {
        self.told[place].ended = Some((self.events, outcome));
        self.events += 1;
    }

    /// Every operation, in the order of their beginnings.
    #[must_use]
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// How many ended how.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for told in &self.told {
            match told.ended {
                Some((_, Outcome::Done(_))) => summary.done += 1,
                Some((_, Outcome::NotApplied)) => summary.not_applied += 1,
                Some((_, Outcome::Unknown)) | None => summary.unknown += 1,
            }
        }
        summary
    }
}
