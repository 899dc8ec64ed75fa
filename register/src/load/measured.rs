//! Quantiles and sums of what was measured.

use std::time::Duration;

use super::Measured;

/// Where a curve of latencies has its points.
const SHARES: [f64; 16] =
    [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 1.0];

impl Measured {
    /// Answered per second; 0 if there was no time.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate of that many digits nobody reads")]
    pub fn rate(&self) -> f64 {
        if self.nanos == 0 { 0.0 } else { self.done as f64 * 1e9 / self.nanos as f64 }
    }

    /// The latency that this share (0 to 1) of the answers did not exceed; none if there were none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.latencies.iter().map(|(_, count)| count).sum();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the number of answers, of which fewer than 2^53 are ever counted"
        )]
        let rank = ((share * all as f64).ceil() as u64).clamp(1, all.max(1));
        let mut before = 0;
        for (nanos, count) in &self.latencies {
            before += count;
            if before >= rank {
                return Some(Duration::from_nanos(*nanos));
            }
        }
        None
    }

    /// Shares, and the latency in milliseconds that so many did not exceed. Shares that too few answers speak for are
    /// left out.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a number of answers, to be compared with a share")]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let all: u64 = self.latencies.iter().map(|(_, count)| count).sum();
        let spoken_for = |share: f64| share == 1.0 || (1.0 - share) * all as f64 >= 1.0;
        let shares = SHARES.into_iter().filter(|share| spoken_for(*share));
        shares.filter_map(|share| Some((share, self.quantile(share)?.as_secs_f64() * 1000.0))).collect()
    }

    /// Answered in each whole second: that part of one at the end would look like a stall.
    #[must_use]
    pub fn whole_seconds(&self) -> Vec<u64> {
        let whole = usize::try_from(self.nanos / 1_000_000_000).unwrap_or(usize::MAX);
        let seconds = self.per_second.iter().copied();
        // Behind the last answer there may be seconds without one.
        seconds.chain(std::iter::repeat(0)).take(whole).collect()
    }

    /// Adds what was measured at another time, after this.
    pub fn merge(&mut self, later: &Measured) {
        let mut latencies: std::collections::BTreeMap<u64, u64> = self.latencies.drain(..).collect();
        for (nanos, count) in &later.latencies {
            *latencies.entry(*nanos).or_default() += count;
        }
        self.latencies = latencies.into_iter().collect();
        self.per_second.extend(&later.per_second);
        self.nanos += later.nanos;
        self.done += later.done;
        self.not_applied += later.not_applied;
        self.unknown += later.unknown;
        self.cpu_nanos += later.cpu_nanos;
        self.unfinished += later.unfinished;
        self.late += later.late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(latencies: &[(u64, u64)]) -> Measured {
        let done = latencies.iter().map(|(_, count)| count).sum();
        Measured { nanos: 1_000_000_000, done, latencies: latencies.to_vec(), ..Measured::default() }
    }

    #[test]
    fn a_quantile_is_a_latency_that_was_seen() {
        let measured = of(&[(10, 50), (20, 49), (1000, 1)]);
        let nanos = |share| measured.quantile(share).unwrap().as_nanos();
        assert_eq!([0.0, 0.5, 0.51, 0.99, 0.991, 1.0].map(nanos), [10, 10, 20, 20, 1000, 1000]);
        assert_eq!(Measured::default().quantile(0.5), None);
    }

    #[test]
    fn a_curve_says_no_more_than_there_were_answers() {
        let shares: Vec<f64> = of(&[(10, 100)]).curve().into_iter().map(|(share, _)| share).collect();
        assert_eq!(shares.last(), Some(&1.0));
        assert!(shares.contains(&0.98) && !shares.contains(&0.995), "{shares:?}");
        assert_eq!(Measured::default().curve(), []);
    }

    #[test]
    fn a_second_without_an_answer_is_one_and_a_part_of_one_is_none() {
        let measured = |nanos, per_second: &[u64]| Measured {
            nanos,
            per_second: per_second.to_vec(),
            ..Measured::default()
        };
        assert_eq!(measured(2_100_000_000, &[7, 8, 1]).whole_seconds(), [7, 8]);
        assert_eq!(measured(3_000_000_000, &[7]).whole_seconds(), [7, 0, 0]);
    }

    #[test]
    fn merged_latencies_stay_in_order() {
        let mut measured = of(&[(10, 1), (30, 1)]);
        measured.merge(&of(&[(20, 2), (30, 5)]));
        assert_eq!(measured.latencies, [(10, 1), (20, 2), (30, 6)]);
        assert_eq!((measured.done, measured.nanos), (9, 2_000_000_000));
        assert!((measured.rate() - 4.5).abs() < 1e-9);
    }
}
