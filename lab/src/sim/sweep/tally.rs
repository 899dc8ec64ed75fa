//! What many runs came to; tallies of different seeds add up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use raft::marks::{ALL, Mark};
use serde::{Deserialize, Serialize};

use super::marks::Marks;
use super::spread::Spread;
use crate::origin::Origin;
use crate::sim::cluster::links::Disturbed;
use crate::sim::world::Outcome;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How it came about, where that was told.
    #[serde(default)]
    pub origins: BTreeSet<Origin>,
    /// Which seeds, in order.
    pub ranges: Vec<Range<u64>>,
    /// Seeds that ran.
    pub seeds: u64,
    /// Of these, those that ran again in another process.
    pub twice: u64,
    /// Events that happened.
    pub events: u64,
    /// The time that passed in all worlds together, in nanoseconds.
    pub virtual_nanos: u64,
    /// The time that passed for whoever waited, in nanoseconds; of several tallies, the longest.
    pub wall_nanos: u64,
    /// The time that threads were busy, in nanoseconds.
    pub busy_nanos: u64,
    /// Operations that were carried out.
    pub done: u64,
    /// Operations that had certainly no effect.
    pub not_applied: u64,
    /// Operations of which nobody knows.
    pub unknown: u64,
    /// Events of a seed.
    #[serde(default)]
    pub events_of_seeds: Spread,
    /// Operations of a seed, however they ended.
    #[serde(default)]
    pub operations_of_seeds: Spread,
    /// Seeds of fewer than [`EVENTS`] events or [`OPERATIONS`] operations.
    #[serde(default)]
    pub quiet: u64,
    /// Episodes that began, by kind.
    pub landed: BTreeMap<String, u64>,
    /// Nodes that damage kept from starting for good.
    #[serde(default)]
    pub refused: u64,
    /// Frames that suffered something.
    pub disturbed: Disturbed,
    /// Which situations arose.
    #[serde(default)]
    pub marks: Marks,
    /// What must not be, by seed.
    pub failures: BTreeMap<u64, Failure>,
}

/// What was wrong with a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The rule that was broken.
    pub rule: String,
    /// When, and what was seen.
    pub what: String,
}

/// Two tallies cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// The same seeds would count twice.
    #[error("seeds {} to {} are in both", .0.start, .0.end - 1)]
    Overlap(Range<u64>),
    /// A sum of both would speak of neither.
    #[error("one is of commit {0}, the other of {1}")]
    Commits(String, String),
}

/// The rule that a seed breaks whose second run differs.
pub const DIFFERS: &str = "two runs of a seed are the same";

/// Events that all but the quiet seeds have.
pub const EVENTS: u64 = 20_000;
/// The operations that they have.
pub const OPERATIONS: u64 = 100;

impl Tally {
    /// Of these seeds, none of which has run yet.
    #[must_use]
    pub fn of(seeds: Range<u64>) -> Tally {
        Tally { ranges: if seeds.is_empty() { vec![] } else { vec![seeds] }, ..Tally::default() }
    }

    /// A seed has run, and a thread was busy with it for so long.
    pub fn add(&mut self, seed: u64, outcome: &Outcome, busy: Duration) {
        self.seeds += 1;
        self.events += outcome.events;
        self.virtual_nanos += crate::sim::nanos(outcome.time);
        self.busy_nanos += crate::sim::nanos(busy);
        self.done += outcome.summary.done as u64;
        self.not_applied += outcome.summary.not_applied as u64;
        self.unknown += outcome.summary.unknown as u64;
        let summary = &outcome.summary;
        let operations = (summary.done + summary.not_applied + summary.unknown) as u64;
        self.events_of_seeds.add(outcome.events);
        self.operations_of_seeds.add(operations);
        self.quiet += u64::from(outcome.events < EVENTS || operations < OPERATIONS);
        for (kind, count) in &outcome.landed {
            *self.landed.entry((*kind).to_owned()).or_default() += count;
        }
        self.refused += outcome.refused;
        self.disturbed += outcome.disturbed;
        self.marks.add(&outcome.marks);
        if let Some(violation) = &outcome.violation {
            let failure = Failure { rule: violation.rule.to_owned(), what: violation.to_string() };
            self.failures.insert(seed, failure);
        }
    }

    /// A seed ran again, and came to these hashes.
    pub fn add_second(&mut self, seed: u64, first: u64, second: u64) {
        self.twice += 1;
        if first != second {
            let what = format!("{DIFFERS}: one made {first:016x}, one in another process {second:016x}");
            let failure = Failure { rule: DIFFERS.to_owned(), what };
            self.failures.entry(seed).or_insert(failure);
        }
    }

    /// Adds what other seeds came to, run elsewhere at the same time.
    pub fn merge(&mut self, other: Tally) -> Result<(), Unlike> {
        for one in &self.ranges {
            for two in &other.ranges {
                let both = one.start.max(two.start)..one.end.min(two.end);
                if !both.is_empty() {
                    return Err(Unlike::Overlap(both));
                }
            }
        }
        if !self.ranges.is_empty() && !other.ranges.is_empty() && self.commits() != other.commits() {
            return Err(Unlike::Commits(self.commits(), other.commits()));
        }
        self.origins.extend(other.origins);
        self.ranges.extend(other.ranges);
        self.ranges.sort_by_key(|range| range.start);
        self.ranges.dedup_by(|next, before| {
            let joins = before.end == next.start;
            if joins {
                before.end = next.end;
            }
            joins
        });
        self.seeds += other.seeds;
        self.twice += other.twice;
        self.events += other.events;
        self.virtual_nanos += other.virtual_nanos;
        self.wall_nanos = self.wall_nanos.max(other.wall_nanos);
        self.busy_nanos += other.busy_nanos;
        self.done += other.done;
        self.not_applied += other.not_applied;
        self.unknown += other.unknown;
        self.events_of_seeds.merge(other.events_of_seeds);
        self.operations_of_seeds.merge(other.operations_of_seeds);
        self.quiet += other.quiet;
        for (kind, count) in other.landed {
            *self.landed.entry(kind).or_default() += count;
        }
        self.refused += other.refused;
        self.disturbed += other.disturbed;
        self.marks.merge(other.marks);
        self.failures.extend(other.failures);
        Ok(())
    }
}

impl Tally {
    fn commits(&self) -> String {
        let commits: BTreeSet<&str> = self.origins.iter().map(|origin| origin.commit.as_str()).collect();
        if commits.is_empty() { "unknown".to_owned() } else { Vec::from_iter(commits).join(", ") }
    }

    /// Situations that never arose, although there were seeds enough. With a seeded bug some may be out of reach.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static Mark> {
        if cfg!(seeded_bugs) { Vec::new() } else { self.marks.missing(self.seeds).collect() }
    }

    /// Whether nothing was wrong and nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.missing().is_empty()
    }
}

impl std::ops::AddAssign for Disturbed {
    fn add_assign(&mut self, other: Disturbed) {
        let Disturbed { lost, cut, doubled, replayed, late } = other;
        self.lost += lost;
        self.cut += cut;
        self.doubled += doubled;
        self.replayed += replayed;
        self.late += late;
    }
}

/// The table at the end of a sweep.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.marks)?;
        let ranges: Vec<String> =
            self.ranges.iter().map(|range| format!("{} to {}", range.start, range.end - 1)).collect();
        row(f, "seeds", &format!("{} ({})", self.seeds, ranges.join(", ")))?;
        row(f, "run twice", &self.twice.to_string())?;
        row(f, "events", &self.events.to_string())?;
        row(f, "virtual time", &time(self.virtual_nanos))?;
        row(f, "wall time", &time(self.wall_nanos))?;
        let rate = self.events as f64 / seconds(self.busy_nanos).max(1e-9);
        row(f, "events/s and core", &format!("{rate:.0}"))?;
        let Tally { done, not_applied, unknown, .. } = self;
        row(f, "operations", &format!("{done} done, {not_applied} not applied, {unknown} unknown"))?;
        row(f, "events of a seed", &spread(&self.events_of_seeds))?;
        row(f, "operations of a seed", &spread(&self.operations_of_seeds))?;
        let share = 100.0 * self.quiet as f64 / self.seeds.max(1) as f64;
        let quiet = format!("{} ({share:.1} %) below {EVENTS} events or {OPERATIONS} operations", self.quiet);
        row(f, "quiet seeds", &quiet)?;
        let landed: u64 = self.landed.values().sum();
        row(f, "landed faults", &landed.to_string())?;
        for (kind, count) in &self.landed {
            row(f, &format!("  {kind}"), &count.to_string())?;
        }
        row(f, "refused for good", &self.refused.to_string())?;
        let Disturbed { lost, cut, doubled, replayed, late } = self.disturbed;
        row(
            f,
            "frames",
            &format!("{lost} lost, {cut} cut, {doubled} doubled, {replayed} replayed, {late} late"),
        )?;
        let unseen = self.marks.unseen().count();
        row(f, "situations", &format!("{} seen, {unseen} not", ALL.len() - unseen))?;
        write!(f, "{:<22}{}", "failures", self.failures.len())
    }
}

fn spread(spread: &Spread) -> String {
    format!("{} at least, median {}", spread.least.unwrap_or(0), spread.median().unwrap_or(0))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<22}{value}")
}

fn time(nanos: u64) -> String {
    let seconds = seconds(nanos);
    if seconds < 600.0 { format!("{seconds:.1} s") } else { format!("{:.1} h", seconds / 3600.0) }
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::case::Case;

    fn tally(seeds: Range<u64>) -> Tally {
        let mut tally = Tally::of(seeds.clone());
        for seed in seeds {
            let mut case = Case::drawn(seed);
            case.plan.events = 500;
            tally.add(seed, &case.run(), Duration::from_millis(1));
        }
        tally
    }

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let mut parts = tally(7..9);
        for range in [3..4, 4..7] {
            parts.merge(tally(range)).unwrap();
        }
        assert_eq!(parts, tally(3..9));
        assert!(parts.done > 0 && !parts.landed.is_empty() && parts.disturbed != Disturbed::default());
    }

    #[test]
    fn a_large_sweep_without_a_situation_is_not_good() {
        let mark = &ALL[7];
        let mut tally = Tally::of(0..mark.within);
        let mut outcome = Case { plan: shortest(), load: Default::default() }.run();
        outcome.marks = [1; ALL.len()];
        outcome.marks[7] = 0;
        for seed in 0..mark.within {
            assert!(tally.is_good(), "{seed} seeds are too few to tell");
            tally.add(seed, &outcome, Duration::ZERO);
        }
        assert_eq!((tally.is_good(), tally.missing()), (false, vec![mark]));
        outcome.marks[7] = 1;
        tally.add(mark.within, &outcome, Duration::ZERO);
        assert!(tally.is_good());
    }

    #[test]
    fn no_seed_counts_twice() {
        let mut tally = Tally::of(0..10);
        assert_eq!(tally.merge(Tally::of(20..30)), Ok(()));
        assert_eq!(tally.merge(Tally::of(9..21)), Err(Unlike::Overlap(9..10)));
        assert_eq!(tally.merge(Tally::of(25..26)), Err(Unlike::Overlap(25..26)));
        assert_eq!(tally.ranges, [0..10, 20..30]);
        assert_eq!(tally.merge(Tally::of(10..20)), Ok(()));
        assert_eq!((tally.ranges.len(), &tally.ranges[0]), (1, &(0..30)));
    }

    #[test]
    fn only_results_of_one_commit_are_added() {
        let of = |commit: &str, command: &str, seeds| {
            let text = |text: &str| text.to_owned();
            let (commit, command) = (text(commit), text(command));
            let origin = Origin { commit, date: text(""), command, machine: text("") };
            Tally { origins: [origin].into(), ..Tally::of(seeds) }
        };
        let mut tally = Tally::default();
        assert_eq!(tally.merge(of("a", "one", 0..5)), Ok(()));
        assert_eq!(tally.merge(of("a", "two", 5..9)), Ok(()));
        assert_eq!(tally.origins.len(), 2);
        let other = Unlike::Commits("a".to_owned(), "b".to_owned());
        assert_eq!(tally.merge(of("b", "one", 9..12)), Err(other));
        let unknown = Unlike::Commits("a".to_owned(), "unknown".to_owned());
        assert_eq!(tally.merge(Tally::of(9..12)), Err(unknown));
        assert_eq!((tally.ranges.len(), &tally.ranges[0]), (1, &(0..9)));
    }

    #[test]
    fn a_failure_and_a_difference_name_their_seed_and_survive_the_file() {
        let mut tally = Tally::of(0..10);
        let mut outcome = Case { plan: shortest(), load: Default::default() }.run();
        outcome.violation = Some(crate::sim::invariants::Violation {
            at: raft::Timestamp::from_millis(1),
            rule: "one leader a term",
            what: "two".to_owned(),
        });
        tally.add(3, &outcome, Duration::ZERO);
        tally.add_second(4, 1, 1);
        tally.add_second(5, 1, 2);
        assert_eq!(tally.failures.keys().copied().collect::<Vec<_>>(), [3, 5]);
        assert_eq!((tally.failures[&5].rule.as_str(), tally.twice), (DIFFERS, 2));
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
    }

    fn shortest() -> crate::sim::plan::swarm::Plan {
        let plan = crate::sim::plan::swarm::Plan::drawn(0);
        crate::sim::plan::swarm::Plan { events: 1, clients: 0, episodes: vec![], ..plan }
    }
}
