//! Latencies on their way from the clients to their sum. A client keeps some of its own and hands them over together:
//! one histogram for all is small enough for the processor's caches, and is locked once for many operations.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::{Ending, Measured};

/// Operations that a client keeps.
const KEPT: usize = 64;
/// Not yet.
const NEVER: u64 = u64::MAX;

/// The time that is measured, and what ended in it.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    /// Nanoseconds since the origin.
    begin: AtomicU64,
    end: AtomicU64,
    sums: Mutex<Sums>,
}

#[derive(Debug)]
struct Sums {
    latencies: Histogram<u64>,
    per_second: Vec<u64>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    not_applied: u64,
    unknown: u64,
    unfinished: u64,
    late: u64,
}

/// What one client notes its operations in, one after the other.
#[derive(Debug)]
pub(super) struct Recorder {
    window: Arc<Window>,
    /// Since when an operation is under way, or was to be.
    since: Option<Instant>,
    /// When it was answered, after the begin of the window, and its latency, in nanoseconds.
    kept: Vec<(u64, u64)>,
    counts: Counts,
}

impl Window {
    /// Not yet begun.
    pub(super) fn new() -> Window {
        // Three significant digits; grows with the largest value, so that no latency is clipped.
        let latencies = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 is a valid precision"));
        let sums = Sums { latencies, per_second: Vec::new(), counts: Counts::default() };
        Window {
            origin: Instant::now(),
            begin: AtomicU64::new(NEVER),
            end: AtomicU64::new(NEVER),
            sums: Mutex::new(sums),
        }
    }

    /// From now on is measured.
    pub(super) fn begin(&self) {
        self.begin.store(self.nanos(Instant::now()), Relaxed);
    }

    /// Up to now was measured.
    pub(super) fn end(&self) {
        self.end.store(self.nanos(Instant::now()), Relaxed);
    }

    /// Begun, and not over.
    fn is_open(&self) -> bool {
        self.begin.load(Relaxed) != NEVER && self.end.load(Relaxed) == NEVER
    }

    /// Were due in time, and never begun.
    pub(super) fn never_begun(&self, operations: u64) {
        self.sums().counts.unfinished += operations;
    }

    /// What came of it, when every recorder is gone.
    pub(super) fn measured(&self) -> Measured {
        let sums = self.sums();
        let latencies = sums.latencies.iter_recorded();
        Measured {
            nanos: self.end.load(Relaxed).saturating_sub(self.begin.load(Relaxed)),
            done: sums.latencies.len(),
            not_applied: sums.counts.not_applied,
            unknown: sums.counts.unknown,
            latencies: latencies.map(|at| (at.value_iterated_to(), at.count_at_value())).collect(),
            per_second: sums.per_second.clone(),
            unfinished: sums.counts.unfinished,
            late: sums.counts.late,
            ..Measured::default()
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(self.origin, at)
    }
}

impl Recorder {
    /// With nothing noted.
    pub(super) fn new(window: Arc<Window>) -> Recorder {
        Recorder { window, since: None, kept: Vec::with_capacity(KEPT), counts: Counts::default() }
    }

    /// An operation begins; its latency counts since then, which may lie in the past.
    pub(super) fn begin(&mut self, since: Instant) {
        self.since = Some(since);
    }

    /// It could not begin in time.
    pub(super) fn late(&mut self) {
        self.counts.late += u64::from(self.window.is_open());
    }

    /// It has ended. Before and after the window nothing is noted.
    pub(super) fn end(&mut self, ending: Ending) {
        let Some(since) = self.since.take() else { return };
        let now = Instant::now();
        let at = self.window.nanos(now);
        let begin = self.window.begin.load(Relaxed);
        if at < begin || at >= self.window.end.load(Relaxed) {
            return;
        }
        match ending {
            Ending::Done => self.kept.push((at - begin, nanos(since, now))),
            Ending::NotApplied => self.counts.not_applied += 1,
            Ending::Unknown => self.counts.unknown += 1,
        }
        if self.kept.len() == KEPT {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let mut sums = self.window.sums();
        for (at, latency) in self.kept.drain(..) {
            sums.note(at, latency);
        }
        let counts = std::mem::take(&mut self.counts);
        sums.counts.not_applied += counts.not_applied;
        sums.counts.unknown += counts.unknown;
        sums.counts.unfinished += counts.unfinished;
        sums.counts.late += counts.late;
    }
}

/// A client may be ended in the middle of an operation.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.counts.unfinished += u64::from(self.since.is_some());
        self.hand_over();
    }
}

impl Sums {
    fn note(&mut self, at: u64, latency: u64) {
        // An auto-resizing histogram takes every value.
        let _ = self.latencies.record(latency);
        let second = usize::try_from(at / 1_000_000_000).unwrap_or(usize::MAX - 1);
        if self.per_second.len() <= second {
            self.per_second.resize(second + 1, 0);
        }
        self.per_second[second] += 1;
    }
}

fn nanos(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}
