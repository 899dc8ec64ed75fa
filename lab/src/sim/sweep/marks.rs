//! Which situations of [`raft::marks`] a sweep has seen: one that never arose was never tested.

use std::collections::BTreeMap;
use std::fmt;

use raft::marks::{ALL, Counts, Mark};
use serde::{Deserialize, Serialize};

/// How often each situation arose, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(BTreeMap<String, Seen>);

/// How often a situation arose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In all.
    pub times: u64,
    /// Seeds in which it did.
    pub seeds: u64,
}

impl Marks {
    /// A seed has reached these.
    pub fn add(&mut self, counts: &Counts) {
        for (mark, times) in ALL.iter().zip(counts).filter(|(_, times)| **times > 0) {
            *self.entry(mark.name) += Seen { times: *times, seeds: 1 };
        }
    }

    /// Names also those that never arose: for who reads what was written, and does not know them all.
    pub fn name_all(&mut self) {
        ALL.iter().for_each(|mark| *self.entry(mark.name) += Seen::default());
    }

    /// Adds what other seeds have reached.
    pub fn merge(&mut self, other: Marks) {
        for (name, seen) in other.0 {
            *self.entry(&name) += seen;
        }
    }

    /// How often one arose.
    #[must_use]
    pub fn of(&self, mark: &Mark) -> Seen {
        self.0.get(mark.name).copied().unwrap_or_default()
    }

    /// Those that never arose, although so many seeds should have seen them.
    pub fn missing(&self, seeds: u64) -> impl Iterator<Item = &'static Mark> {
        self.unseen().filter(move |mark| mark.within <= seeds)
    }

    /// Those that never arose.
    pub fn unseen(&self) -> impl Iterator<Item = &'static Mark> {
        ALL.iter().filter(|mark| self.of(mark).times == 0)
    }

    fn entry(&mut self, name: &str) -> &mut Seen {
        self.0.entry(name.to_owned()).or_default()
    }
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Seen) {
        self.times += other.times;
        self.seeds += other.seeds;
    }
}

/// A line for each.
impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40}{:>12}{:>10}", "situation", "times", "seeds")?;
        ALL.iter().try_for_each(|mark| {
            let Seen { times, seeds } = self.of(mark);
            writeln!(f, "{:<40}{times:>12}{seeds:>10}", mark.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(number: usize, times: u64) -> Counts {
        let mut counts = [0; ALL.len()];
        counts[number] = times;
        counts
    }

    #[test]
    fn marks_add_up_and_what_never_arose_is_named() {
        let mut marks = Marks::default();
        marks.add(&counts(0, 3));
        marks.add(&counts(0, 2));
        let mut others = Marks::default();
        for number in 2..ALL.len() {
            others.add(&counts(number, 1));
        }
        marks.merge(others);
        assert_eq!(marks.of(&ALL[0]), Seen { times: 5, seeds: 2 });
        assert_eq!(marks.unseen().collect::<Vec<_>>(), [&ALL[1]]);
        let text = serde_json::to_string(&marks).unwrap();
        assert_eq!(serde_json::from_str::<Marks>(&text).unwrap(), marks);
        assert!(!text.contains(ALL[1].name));
        marks.name_all();
        assert!(serde_json::to_string(&marks).unwrap().contains(ALL[1].name));
        assert_eq!((marks.of(&ALL[0]).times, marks.unseen().count()), (5, 1));
        assert_eq!(marks.to_string().lines().count(), 1 + ALL.len());
    }
}
