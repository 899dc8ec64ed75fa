//! A figure that was measured several times, and what two of them are to each other.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Which way is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Throughput.
    Higher,
    /// Latency, cost, memory.
    Lower,
    /// Neither: a count that only explains.
    Neither,
}

/// One quantity, a sample for each round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As printed behind it: `/s`, `ms`, `MiB`.
    pub unit: String,
    /// Which way is an improvement.
    pub better: Better,
    /// In the order of the rounds: those of two subjects with the same number ran one after the other.
    pub samples: Vec<f64>,
}

/// A median, and between what it lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least sample.
    pub least: f64,
    /// The middle one (of an even number, the mean of the two in the middle).
    pub median: f64,
    /// The greatest sample.
    pub most: f64,
}

impl Figure {
    /// Of no samples yet.
    #[must_use]
    pub fn new(unit: &str, better: Better) -> Figure {
        Figure { unit: unit.to_owned(), better, samples: Vec::new() }
    }

    /// Of one sample.
    #[must_use]
    pub fn of(unit: &str, better: Better, sample: f64) -> Figure {
        Figure { samples: vec![sample], ..Figure::new(unit, better) }
    }

    /// None without samples.
    #[must_use]
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(&self.samples)
    }

    /// None without samples.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.spread().map(|spread| spread.median)
    }

    /// The sample that this share of the samples (0 to 1) does not exceed; none without samples.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let within = |rank: usize| rank as f64 >= share * sorted.len() as f64;
        let rank = (1..=sorted.len()).find(|rank| within(*rank))?;
        sorted.get(rank - 1).copied()
    }

    /// How many times `other` it is: round by round, for the machine changes between rounds and less within one. None
    /// where they have no round in common, or `other` is zero in one.
    #[must_use]
    pub fn ratio(&self, other: &Figure) -> Option<Spread> {
        let pairs = self.samples.iter().zip(&other.samples);
        let ratios: Option<Vec<f64>> =
            pairs.map(|(mine, theirs)| (*theirs != 0.0).then(|| mine / theirs)).collect();
        Spread::of(&ratios?)
    }
}

impl Better {
    /// Greater is better; of what is neither, nothing is.
    #[must_use]
    pub fn compare(self, a: f64, b: f64) -> Ordering {
        match self {
            Better::Higher => a.total_cmp(&b),
            Better::Lower => b.total_cmp(&a),
            Better::Neither => Ordering::Equal,
        }
    }
}

impl Spread {
    /// None without samples, or where one is no number.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Spread> {
        if samples.is_empty() || samples.iter().any(|sample| !sample.is_finite()) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
        Some(Spread { least: sorted[0], median, most: sorted[sorted.len() - 1] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(samples: &[f64]) -> Figure {
        Figure { samples: samples.to_vec(), ..Figure::new("/s", Better::Higher) }
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(figure(&[4.0, 1.0, 3.0]).median(), Some(3.0));
        assert_eq!(
            figure(&[4.0, 1.0, 3.0, 2.0]).spread(),
            Some(Spread { least: 1.0, median: 2.5, most: 4.0 })
        );
        assert_eq!(figure(&[]).median(), None);
    }

    #[test]
    fn quantiles_are_samples() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|share| figure(&samples).quantile(share)),
            [1.0, 100.0, 198.0, 200.0].map(Some)
        );
        assert_eq!(figure(&[]).quantile(0.5), None);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The machine was half as fast in the second round: that is no spread of the ratio.
        let ratio = figure(&[200.0, 100.0]).ratio(&figure(&[100.0, 50.0, 70.0])).unwrap();
        assert_eq!(ratio, Spread { least: 2.0, median: 2.0, most: 2.0 });
        assert_eq!(figure(&[1.0]).ratio(&figure(&[0.0])), None);
        assert_eq!(figure(&[1.0]).ratio(&figure(&[])), None);
    }
}
