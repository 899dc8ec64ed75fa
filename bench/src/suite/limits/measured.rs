//! Latencies of one limit, and rows of one sample each that become rows of several.

use std::time::Duration;

use super::GROUP;
use crate::suite::figure::Better;
use crate::suite::results::{Row, figures};

/// Latencies, and the time that they took.
#[derive(Debug, Default)]
pub(super) struct Measured {
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    pub(super) fn note(&mut self, took: Duration) {
        self.latencies.push(took);
    }

    /// All of it took so long.
    pub(super) fn within(self, elapsed: Duration) -> Measured {
        Measured { elapsed, ..self }
    }

    /// What another thread measured at the same time.
    pub(super) fn add(&mut self, other: &Measured) {
        self.latencies.extend(&other.latencies);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// What so many of them did not exceed; no number if there are none.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and their number"
        )]
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }

    /// A row with one sample of each figure.
    pub(super) fn row(&self, what: &str) -> Row {
        let mut row = row(what);
        let count = self.latencies.len() as f64;
        row.sample(figures::RATE, "/s", Better::Higher, count / self.elapsed.as_secs_f64());
        row.sample(figures::P50, "ms", Better::Lower, self.quantile_ms(0.5));
        row.sample(figures::P99, "ms", Better::Lower, self.quantile_ms(0.99));
        row
    }
}

/// A row of this group without figures.
pub(super) fn row(what: &str) -> Row {
    Row {
        group: GROUP.to_owned(),
        what: what.to_owned(),
        subject: "this machine".to_owned(),
        durability: "none".to_owned(),
        tls: "none".to_owned(),
        client: "none".to_owned(),
        ..Row::default()
    }
}

/// A row of a speed.
pub(super) fn speed(what: &str, unit: &str, sample: f64) -> Row {
    let mut row = row(what);
    row.sample(figures::RATE, unit, Better::Higher, sample);
    row
}

/// Adds the samples of one more round.
pub(super) fn add_round(rows: &mut Vec<Row>, round: Vec<Row>) {
    for new in round {
        let Some(row) = rows.iter_mut().find(|row| row.key() == new.key()) else {
            rows.push(new);
            continue;
        };
        for (name, figure) in new.figures {
            match row.figures.get_mut(&name) {
                Some(old) => old.samples.extend(figure.samples),
                None => drop(row.figures.insert(name, figure)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_threads_add_up() {
        let of = |millis: u64| {
            let mut measured = Measured::default();
            for _ in 0..10 {
                measured.note(Duration::from_millis(millis));
            }
            measured.within(Duration::from_secs(millis))
        };
        let mut both = of(1);
        both.add(&of(2));
        let row = both.row("sync");
        assert_eq!(row.median(figures::RATE), Some(10.0), "20 within 2 s");
        assert_eq!(row.median(figures::P50), Some(1.0), "half of them");
        assert_eq!(row.median(figures::P99), Some(2.0));
        assert!(Measured::default().quantile_ms(0.5).is_nan());
    }

    #[test]
    fn rounds_become_samples_of_the_same_rows() {
        let mut rows = Vec::new();
        for round in [1.0, 2.0] {
            add_round(&mut rows, vec![speed("a", "M/s", round), speed("b", "M/s", 10.0 * round)]);
        }
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].figures[figures::RATE].samples, [10.0, 20.0]);
    }
}
