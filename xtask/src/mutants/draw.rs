//! Some of the mutants, so that the same seed draws the same ones.

use serde::{Deserialize, Serialize};

/// How the mutants of a run were chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Drawn {
    /// Among how many.
    pub(super) of: usize,
    pub(super) sample: usize,
    /// None where all were taken.
    pub(super) seed: Option<u64>,
    /// The only file that was looked at.
    pub(super) file: Option<String>,
}

/// In whatever order the names come; all of them if there are no more.
pub(super) fn sample(mut names: Vec<String>, sample: u32, seed: u64) -> Vec<String> {
    names.sort_unstable();
    let mut state = seed;
    // Fisher and Yates, as far as is needed.
    let wanted = names.len().min(sample as usize);
    for at in 0..wanted {
        let left = (names.len() - at) as u64;
        let other = usize::try_from(next(&mut state) % left).unwrap_or(0);
        names.swap(at, at + other);
    }
    names.truncate(wanted);
    names
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_draws_the_same_in_any_order_of_the_list_and_each_once() {
        let names: Vec<String> = (0..2000).map(|name| format!("mutant {name}")).collect();
        let drawn = sample(names.clone(), 320, 1);
        assert_eq!(drawn, sample(names.iter().rev().cloned().collect(), 320, 1));
        assert_ne!(drawn, sample(names.clone(), 320, 2));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 320);
        assert_eq!(sample(names, 9999, 1).len(), 2000);
    }

    /// Each file has its share, whatever its place in the list.
    #[test]
    fn it_is_drawn_from_everywhere() {
        let names: Vec<String> = (0..2000).map(|name| format!("{name:04}")).collect();
        let mut of_each = [0; 10];
        for name in sample(names, 1000, 1) {
            of_each[name.parse::<usize>().unwrap() / 200] += 1;
        }
        assert!(of_each.iter().all(|count| (75..125).contains(count)), "{of_each:?}");
    }
}
