//! How a figure is spread over seeds, in a form that adds up and stays small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The least of all, exactly.
    pub least: Option<u64>,
    /// How many seeds had about so much: two digits are kept.
    counts: BTreeMap<u64, u64>,
}

impl Spread {
    /// One more seed, with this figure.
    pub fn add(&mut self, figure: u64) {
        self.least = Some(self.least.map_or(figure, |least| least.min(figure)));
        *self.counts.entry(two_digits(figure)).or_default() += 1;
    }

    /// Adds other seeds.
    pub fn merge(&mut self, other: Spread) {
        self.least = self.least.into_iter().chain(other.least).min();
        for (figure, count) in other.counts {
            *self.counts.entry(figure).or_default() += count;
        }
    }

    /// What half of the seeds have at least, in two digits.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        let all: u64 = self.counts.values().sum();
        let mut below = 0;
        self.counts.iter().find_map(|(figure, count)| {
            below += count;
            (below * 2 > all).then_some(*figure)
        })
    }
}

fn two_digits(figure: u64) -> u64 {
    let unit = 10_u64.pow(figure.checked_ilog10().unwrap_or(0).saturating_sub(1));
    figure / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_exact_and_the_median_has_two_digits() {
        let (mut odd, mut even) = (Spread::default(), Spread::default());
        assert_eq!((odd.least, odd.median()), (None, None));
        for figure in (0..1000).map(|number| 20_017 + 31 * number) {
            if figure % 2 == 0 { even.add(figure) } else { odd.add(figure) }
        }
        odd.merge(even);
        assert_eq!((odd.least, odd.median()), (Some(20_017), Some(35_000)));
        let figures = [0, 7, 10, 99, 100, 119, 123_456, u64::MAX].map(two_digits);
        assert_eq!(figures, [0, 7, 10, 99, 100, 110, 120_000, 18_000_000_000_000_000_000]);
    }
}
