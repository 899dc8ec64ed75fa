//! Majorities: the arithmetic, decided here and nowhere else.

/// How many of `voters` make a majority: any two majorities share a voter.
#[must_use]
pub fn majority(voters: usize) -> usize {
    if crate::seeded_bug!("majority-is-half") {
        return (voters / 2).max(1);
    }
    if crate::seeded_bug!("majority-rounded-up") {
        return voters.div_ceil(2);
    }
    voters / 2 + 1
}

/// The largest value that a majority has reached, given each voter's own. Reorders `values`.
/// Nothing is reached by an empty cluster.
pub fn reached_by_majority<T: Ord + Copy + Default>(values: &mut [T]) -> T {
    values.sort_unstable();
    let Some(place) = values.len().checked_sub(majority(values.len())) else { return T::default() };
    values.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_majorities_always_meet() {
        for voters in 1..=9 {
            assert!(2 * majority(voters) > voters, "{voters}");
            assert!(2 * (majority(voters) - 1) <= voters, "{voters}: no smaller set would do");
        }
    }

    #[test]
    fn a_value_counts_once_a_majority_is_at_or_beyond_it() {
        assert_eq!(reached_by_majority(&mut [7_u64]), 7);
        assert_eq!(reached_by_majority(&mut [9_u64, 3]), 3);
        assert_eq!(reached_by_majority(&mut [9_u64, 3, 5]), 5);
        assert_eq!(reached_by_majority(&mut [1_u64, 9, 8, 2]), 2);
        assert_eq!(reached_by_majority(&mut [1_u64, 9, 8, 2, 8]), 8);
        assert_eq!(reached_by_majority::<u64>(&mut []), 0);
    }
}
