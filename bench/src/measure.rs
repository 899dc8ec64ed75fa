//! Latencies by kind of operation, outcomes, and gaps without an acknowledged write.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The one clock of a run. Everything is in nanoseconds since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The same as a duration.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the commands' own names")]
pub enum Kind {
    Get,
    Put,
    Cas,
    Delete,
}

impl Kind {
    /// In the order of the report.
    pub const ALL: [Kind; 4] = [Kind::Get, Kind::Put, Kind::Cas, Kind::Delete];

    /// As the report names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Get => "get",
            Kind::Put => "put",
            Kind::Cas => "cas",
            Kind::Delete => "delete",
        }
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered; a write among them is acknowledged.
    Done,
    /// A compare-and-set that found something else.
    NotSwapped,
    /// Refused: certainly without effect.
    NotApplied,
    /// Nobody knows.
    Unknown,
}

/// The operations of one kind.
#[derive(Clone, Debug)]
pub struct KindMeasure {
    /// Microseconds from invocation to answer, of those that were answered.
    latency: Histogram<u64>,
    /// Answered as asked.
    pub done: u64,
    /// Compare-and-sets that found something else.
    pub not_swapped: u64,
    /// Refused.
    pub not_applied: u64,
    /// Unknown.
    pub unknown: u64,
}

/// What one client, or all of them, did.
#[derive(Clone, Debug)]
pub struct Measured {
    kinds: [KindMeasure; 4],
    /// When writes were acknowledged.
    acknowledged: Vec<u64>,
    /// Since when operations were wanted, and when they were answered.
    answered: Vec<(u64, u64)>,
}

impl Default for KindMeasure {
    fn default() -> KindMeasure {
        // Three significant digits; grows with the largest value, so that no latency is clipped.
        let latency = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 is a valid precision"));
        KindMeasure { latency, done: 0, not_swapped: 0, not_applied: 0, unknown: 0 }
    }
}

impl Default for Measured {
    fn default() -> Measured {
        let kinds = std::array::from_fn(|_| KindMeasure::default());
        Measured { kinds, acknowledged: Vec::new(), answered: Vec::new() }
    }
}

impl KindMeasure {
    /// All of this kind.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.answered() + self.not_applied + self.unknown
    }

    /// Those that were answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.done + self.not_swapped
    }

    /// The latency in milliseconds that this share (0 to 1) of the answered operations did not
    /// exceed; none if there were none.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        (!self.latency.is_empty()).then(|| to_ms(self.latency.value_at_quantile(share)))
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> Option<f64> {
        (!self.latency.is_empty()).then(|| to_ms(self.latency.max()))
    }
}

impl Measured {
    /// Notes an operation that was invoked (in an open loop: wanted) and ended at these times.
    pub fn note(&mut self, kind: Kind, ending: Ending, invoked: u64, ended: u64) {
        let measure = &mut self.kinds[kind as usize];
        match ending {
            Ending::Done => measure.done += 1,
            Ending::NotSwapped => measure.not_swapped += 1,
            Ending::NotApplied => measure.not_applied += 1,
            Ending::Unknown => measure.unknown += 1,
        }
        if matches!(ending, Ending::Done | Ending::NotSwapped) {
            // An auto-resizing histogram takes every value.
            let _ = measure.latency.record(ended.saturating_sub(invoked) / 1000);
            self.answered.push((invoked, ended));
        }
        if ending == Ending::Done && kind != Kind::Get {
            self.acknowledged.push(ended);
        }
    }

    /// Adds another client's.
    pub fn add(&mut self, other: &Measured) {
        self.add_all([other]);
    }

    /// Adds those of many clients.
    pub fn add_all<'a>(&mut self, others: impl IntoIterator<Item = &'a Measured>) {
        for other in others {
            for (mine, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
                // Both have the same precision and resize.
                let _ = mine.latency.add(&theirs.latency);
                mine.done += theirs.done;
                mine.not_swapped += theirs.not_swapped;
                mine.not_applied += theirs.not_applied;
                mine.unknown += theirs.unknown;
            }
            self.acknowledged.extend(&other.acknowledged);
            self.answered.extend(&other.answered);
        }
        self.acknowledged.sort_unstable();
    }

    /// Latencies and throughput of what was under way in these spans of time, be it in part only: who waited through a
    /// stall waited in it, whenever the answer came.
    #[must_use]
    pub fn touching(&self, spans: &[(u64, u64)]) -> Window {
        let touches =
            |(began, ended): (u64, u64)| spans.iter().any(|(from, to)| began < *to && ended >= *from);
        self.window(spans, touches)
    }

    /// Of what lay in these spans of time as a whole.
    #[must_use]
    pub fn inside(&self, spans: &[(u64, u64)]) -> Window {
        let lies = |(began, ended): (u64, u64)| spans.iter().any(|(from, to)| began >= *from && ended < *to);
        self.window(spans, lies)
    }

    fn window(&self, spans: &[(u64, u64)], wanted: impl Fn((u64, u64)) -> bool) -> Window {
        let mut window = Window::default();
        for (began, ended) in self.answered.iter().copied() {
            if wanted((began, ended)) {
                // An auto-resizing histogram takes every value.
                let _ = window.latency.record(ended.saturating_sub(began) / 1000);
            }
            if spans.iter().any(|(from, to)| (*from..*to).contains(&ended)) {
                window.answered += 1;
            }
        }
        window.nanos = spans.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        window
    }

    /// Operations answered in each second from the start of the clock.
    #[must_use]
    pub fn answered_per_second(&self) -> Vec<u64> {
        const SECOND: u64 = 1_000_000_000;
        let seconds = self.answered.iter().map(|(_, ended)| ended / SECOND + 1).max().unwrap_or(0);
        let mut counts = vec![0; usize::try_from(seconds).unwrap_or(0)];
        for second in self.answered.iter().filter_map(|(_, ended)| usize::try_from(ended / SECOND).ok()) {
            counts[second] += 1;
        }
        counts
    }

    /// Of one kind.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> &KindMeasure {
        &self.kinds[kind as usize]
    }

    /// A sum over all kinds.
    pub fn sum(&self, part: impl Fn(&KindMeasure) -> u64) -> u64 {
        self.kinds.iter().map(part).sum()
    }

    /// The longest time between `from` and `to` without an acknowledged write, in nanoseconds. A
    /// gap that is under way at `to` counts until it ends.
    #[must_use]
    pub fn longest_gap(&self, from: u64, to: u64) -> u64 {
        let mut longest = 0;
        let mut last = from;
        let first = self.acknowledged.partition_point(|at| *at < from);
        for at in &self.acknowledged[first..] {
            if last >= to {
                return longest;
            }
            longest = longest.max(at - last);
            last = *at;
        }
        longest.max(to.saturating_sub(last))
    }

    /// As [`Measured::longest_gap`], but what is under way at `to` counts only until then.
    #[must_use]
    pub fn gap_within(&self, from: u64, to: u64) -> u64 {
        let mut longest = 0;
        let mut last = from;
        for at in self.acknowledged.iter().filter(|at| (from..to).contains(at)) {
            longest = longest.max(at - last);
            last = *at;
        }
        longest.max(to.saturating_sub(last))
    }

    /// Acknowledged writes in each slice of `width` nanoseconds from the start of the clock.
    #[must_use]
    pub fn acknowledged_per(&self, width: u64) -> Vec<u64> {
        let slices = self.acknowledged.last().map_or(0, |last| last / width + 1);
        let mut counts = vec![0; usize::try_from(slices).unwrap_or(0)];
        for slice in self.acknowledged.iter().filter_map(|at| usize::try_from(at / width).ok()) {
            counts[slice] += 1;
        }
        counts
    }
}

/// What happened in some spans of time.
#[derive(Clone, Debug)]
pub struct Window {
    /// Microseconds, of what was answered.
    latency: Histogram<u64>,
    /// Answers that came in these spans.
    pub answered: u64,
    /// Their length.
    pub nanos: u64,
}

impl Default for Window {
    fn default() -> Window {
        Window { latency: KindMeasure::default().latency, answered: 0, nanos: 0 }
    }
}

impl Window {
    /// Answers per second; none where there was no time.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> Option<f64> {
        let seconds = Duration::from_nanos(self.nanos).as_secs_f64();
        (seconds > 0.0).then(|| self.answered as f64 / seconds)
    }

    /// The latency in milliseconds that this share (0 to 1) did not exceed; none if nothing was answered.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        (!self.latency.is_empty()).then(|| to_ms(self.latency.value_at_quantile(share)))
    }

    /// Adds what happened in another run's.
    pub fn add(&mut self, other: &Window) {
        // Both have the same precision and resize.
        let _ = self.latency.add(&other.latency);
        self.answered += other.answered;
        self.nanos += other.nanos;
    }
}

fn to_ms(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_acks(acks: &[u64]) -> Measured {
        let mut measured = Measured::default();
        for at in acks {
            measured.note(Kind::Put, Ending::Done, 0, *at);
        }
        measured
    }

    #[test]
    fn the_longest_gap_starts_no_earlier_than_the_window() {
        let measured = with_acks(&[10, 20, 90, 100, 200]);
        assert_eq!(measured.longest_gap(25, 100), 65);
        assert_eq!(measured.longest_gap(10, 20), 10);
    }

    #[test]
    fn a_gap_that_is_under_way_counts_until_it_ends() {
        let measured = with_acks(&[10, 20, 200]);
        assert_eq!(measured.longest_gap(25, 100), 175);
        assert_eq!(measured.longest_gap(205, 300), 95);
    }

    #[test]
    fn a_window_may_cut_its_last_gap_off() {
        assert_eq!(with_acks(&[10, 20, 200]).gap_within(5, 50), 30);
    }

    #[test]
    fn unknown_operations_have_no_latency_and_acknowledge_nothing() {
        let mut measured = Measured::default();
        measured.note(Kind::Put, Ending::Unknown, 0, 5_000_000);
        measured.note(Kind::Cas, Ending::NotSwapped, 0, 2_000_000);
        assert_eq!(measured.kind(Kind::Put).quantile_ms(0.5), None);
        assert_eq!(measured.kind(Kind::Cas).max_ms(), Some(2.0));
        assert_eq!(measured.longest_gap(0, 10), 10);
        assert_eq!(measured.sum(KindMeasure::count), 2);
    }

    #[test]
    fn who_waited_through_a_fault_waited_in_it() {
        const MS: u64 = 1_000_000;
        let mut measured = Measured::default();
        for (began, ended) in [(0, 5), (8, 40), (12, 14), (19, 21), (30, 31)] {
            measured.note(Kind::Get, Ending::Done, began * MS, ended * MS);
        }
        let (fault, calm) = ([(10 * MS, 20 * MS)], [(0, 10 * MS)]);
        let during = measured.touching(&fault);
        assert_eq!((during.latency.len(), during.answered), (3, 1));
        assert!(during.quantile_ms(1.0).is_some_and(|longest| longest >= 32.0));
        assert_eq!(during.rate(), Some(100.0));
        let undisturbed = measured.inside(&calm);
        assert_eq!((undisturbed.latency.len(), undisturbed.answered), (1, 1));
    }

    #[test]
    fn measures_of_clients_add_up() {
        let mut all = with_acks(&[30]);
        all.add(&with_acks(&[10, 20]));
        assert_eq!(all.kind(Kind::Put).done, 3);
        assert_eq!(all.longest_gap(0, 30), 10);
        assert_eq!(all.acknowledged_per(15), [1, 1, 1]);
    }
}
