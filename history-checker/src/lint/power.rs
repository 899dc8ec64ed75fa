//! Power figures: how many chances the store had to be caught.

use serde::Serialize;

use super::keys::{Keys, observes};
use super::rules::{Findings, Rule};
use super::walk::Walk;
use crate::history::{History, Outcome};
use crate::report::counted;

/// How hard the store was tried.
///
/// An operation counts as in flight from its invocation to its completion; one without a completion only at its
/// invocation, as nobody knows for how long. Shares are between 0 and 1; those of nothing are 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Power {
    /// The weakest of the [verdicts](Power::verdicts): a test is as strong as its weakest side.
    pub grade: Grade,
    /// What each grade is made of.
    pub verdicts: Vec<Graded>,
    /// Everything that was invoked.
    pub operations: usize,
    /// Answered.
    pub completed: usize,
    /// Of unknown outcome.
    pub unknown: usize,
    /// Recorded as failed: without effect.
    pub failed: usize,
    /// Process ids.
    pub processes: usize,
    /// Nanoseconds from the earliest time to the latest.
    pub duration_ns: u64,
    /// Operations in flight, averaged over all invocations: what a client finds when it asks, itself included.
    pub in_flight_mean: f64,
    /// The most operations that were in flight at once.
    pub in_flight_peak: usize,
    /// Share of the operations that may have taken effect and overlapped another one on the same key.
    pub overlapped: f64,
    /// Answered operations that observe: reads, dequeues, CAS that did not swap.
    pub reads: usize,
    /// Those that overlapped a change of the same key.
    pub reads_beside_writes: usize,
    /// Operations that change something and may have taken effect.
    pub writes: usize,
    /// Reads per write; 0 without writes.
    pub reads_per_write: f64,
    /// Share of the acknowledged writes of values that somebody saw.
    pub writes_seen: f64,
    /// Different values written, averaged over the keys that were written to.
    pub distinct_values: f64,
    /// How the operations are spread over keys.
    pub keys: KeySpread,
    /// Faults in the order of their begins.
    pub faults: Vec<FaultBand>,
    /// Reads that overlapped a fault, or were invoked within as much time again after its end, until the next began.
    pub reads_near_faults: usize,
}

/// How strong one side of a test is. From which figure on a side is fair or strong, and why, says the table under
/// *Power* in `docs/checker.md`.
///
/// The numbers of chances follow the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983): 30 exclude errors that
/// are more frequent than 1 in 10, 300 those more frequent than 1 in 100. What is rarer takes more tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// A good verdict says little.
    Weak,
    /// It says something.
    Fair,
    /// As much as can be asked of a test.
    Strong,
}

/// One side of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graded {
    /// Which side.
    pub side: &'static str,
    /// How strong.
    pub grade: Grade,
    /// The figure that it is judged by, in words.
    pub figure: String,
    /// What the grade is judged by.
    pub rule: &'static str,
}

/// Operations per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct KeySpread {
    /// How many keys.
    pub keys: usize,
    /// Keys with a single operation.
    pub single: usize,
    /// The fewest operations on a key.
    pub least: usize,
    /// Half of the keys have at most this many.
    pub median: usize,
    /// The most operations on a key.
    pub most: usize,
}

/// A fault from its begin to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultBand {
    /// As it was recorded.
    pub name: String,
    /// Its first and last line.
    pub lines: [usize; 2],
    /// Its begin and end: nanoseconds on the recorder's clock.
    pub times: [u64; 2],
    /// The last line that follows it: within as much time again as it lasted, and before the next fault.
    pub followed_until: usize,
    /// Operations that were in flight while it was in force.
    pub operations: usize,
    /// Those that were answered while it was in force.
    pub answered: usize,
    /// Reads that overlapped it or followed it.
    pub reads: usize,
}

/// The rule of three: see [`Grade`].
fn by_chances(chances: usize) -> Grade {
    by_figure(chances as f64, 30.0, 300.0)
}

fn by_figure(figure: f64, fair: f64, strong: f64) -> Grade {
    match figure {
        figure if figure >= strong => Grade::Strong,
        figure if figure >= fair => Grade::Fair,
        _ => Grade::Weak,
    }
}

impl Power {
    pub(super) fn new(history: &History, walk: Walk, keys: &Keys, findings: &mut Findings) -> Power {
        let operations = history.operations();
        let count = |kind: fn(&Outcome) -> bool| operations.iter().filter(|one| kind(&one.outcome)).count();
        let unknown = count(|outcome| matches!(outcome, Outcome::Unknown { .. }));
        let mut faults = walk.bands;
        let mut power = Power {
            grade: Grade::Weak,
            verdicts: Vec::new(),
            operations: operations.len(),
            completed: count(|outcome| matches!(outcome, Outcome::Ok { .. })),
            unknown,
            failed: count(|outcome| matches!(outcome, Outcome::NotApplied { .. })),
            processes: walk.processes,
            duration_ns: walk.duration_ns,
            in_flight_mean: share(walk.in_flight_sum, operations.len()),
            in_flight_peak: walk.in_flight_peak,
            overlapped: share(keys.overlapped, keys.effective),
            reads: keys.reads,
            reads_beside_writes: keys.reads_beside_writes,
            writes: keys.writes,
            reads_per_write: share(keys.reads, keys.writes),
            writes_seen: share(keys.values.seen, keys.values.acknowledged),
            distinct_values: share(keys.values.distinct, keys.values.written_keys),
            keys: spread(&keys.sizes),
            reads_near_faults: reads_near(history, &mut faults),
            faults,
        };
        power.verdicts = power.judge(keys);
        power.grade = power.verdicts.iter().map(|side| side.grade).min().unwrap_or(Grade::Weak);
        power.find(history, keys, findings);
        power
    }

    fn judge(&self, keys: &Keys) -> Vec<Graded> {
        let mut sides = Vec::new();
        let mut side = |side, grade, figure, rule| sides.push(Graded { side, grade, figure, rule });
        side(
            "concurrency",
            by_figure(self.in_flight_mean, 2.0, 4.0),
            format!(
                "{:.1} operations in flight on average, {} at most",
                self.in_flight_mean, self.in_flight_peak
            ),
            "fair from 2 in flight (below, most operations run alone), strong from 4 (several orders to choose from)",
        );
        side(
            "overlap on a key",
            by_figure(self.overlapped, 0.05, 0.2),
            format!("{} of the operations overlapped another on their key", percent(self.overlapped)),
            "fair from 5 %, strong from 20 %: the others are in an order that real time dictates, and only plain staleness shows in them",
        );
        side(
            "reads beside writes",
            by_chances(self.reads_beside_writes),
            format!("{} of {} reads overlapped a write of their key", self.reads_beside_writes, self.reads),
            "fair from 30, strong from 300: none bad of n means no more than 3 in n, with 95 % confidence",
        );
        if keys.values.acknowledged > 0 {
            side(
                "writes seen",
                by_figure(self.writes_seen, 0.2, 0.4),
                format!("{} of the acknowledged writes were seen by somebody", percent(self.writes_seen)),
                "fair from 20 %, strong from 40 % (of half reads and half writes about half): a write that nobody saw may have been lost without a trace",
            );
            side(
                "distinct values",
                by_figure(self.distinct_values, 5.0, 20.0),
                format!("{:.1} different values per key", self.distinct_values),
                "fair from 5, strong from 20: of d values drawn at random, a wrong one looks right once in d times",
            );
        }
        side(
            "known outcomes",
            by_figure(1.0 - share(self.unknown, self.operations), 0.8, 0.95),
            format!("{} of the outcomes are known", percent(1.0 - share(self.unknown, self.operations))),
            "fair from 80 %, strong from 95 %: each unknown outcome may explain what is wrong",
        );
        side(
            "operations per key",
            by_figure(self.keys.median as f64, 10.0, 100.0),
            match &self.keys {
                KeySpread { keys: 1, most, .. } => {
                    format!("1 key, {}", counted(*most, "operation", "operations"))
                }
                KeySpread { keys, least, most, median, .. } => {
                    format!("{keys} keys, {least} to {most} operations each, {median} in the middle")
                }
            },
            "fair from 10 in the middle, strong from 100: each key is judged by its own operations alone",
        );
        self.judge_faults(&mut side);
        sides
    }

    fn judge_faults(&self, side: &mut impl FnMut(&'static str, Grade, String, &'static str)) {
        if self.faults.is_empty() {
            let rule =
                "fair at most without faults: what usually goes wrong, goes wrong when something fails";
            return side("faults", Grade::Fair, "no faults in the history".to_owned(), rule);
        }
        side(
            "reads near faults",
            by_chances(self.reads_near_faults),
            format!(
                "{} reads overlapped or followed one of {} faults",
                self.reads_near_faults,
                self.faults.len()
            ),
            "fair from 30, strong from 300: none bad of n means no more than 3 in n, with 95 % confidence",
        );
        let (operations, answered) = self.faults.iter().fold((0, 0), |(operations, answered), band| {
            (operations + band.operations, answered + band.answered)
        });
        side(
            "answers under faults",
            by_figure(share(answered, operations), 0.1, 0.5),
            format!("{answered} of {operations} operations during faults were answered meanwhile"),
            "fair from 10 %, strong from 50 %: a store that only waits for the end of a fault cannot be caught in it",
        );
    }

    /// What follows from the sums.
    fn find(&self, history: &History, keys: &Keys, findings: &mut Findings) {
        if self.reads == 0 {
            findings
                .add(Rule::NothingRead, &[], || format!("{} operations, no answered read", self.operations));
        }
        if self.writes == 0 {
            findings.add(Rule::NothingWritten, &[], || format!("{} operations, no write", self.operations));
        }
        let values = &keys.values;
        if values.register_reads > 0 && values.other_than_initial == 0 && self.writes > 0 {
            findings.add(Rule::OnlyInitialSeen, &[], || format!("{} reads", values.register_reads));
        }
        if self.unknown * 5 > self.operations {
            findings.add(Rule::ManyUnknown, &[], || {
                format!("{} of {} operations", self.unknown, self.operations)
            });
        }
        for operation in history.operations().iter().filter(|operation| operation.completed_at().is_none()) {
            findings.add(Rule::NeverAnswered, &[operation.invoked.line], || operation.to_string());
        }
    }
}

/// Counts the reads near each fault, and those near any.
fn reads_near(history: &History, bands: &mut [FaultBand]) -> usize {
    let reads: Vec<[usize; 2]> = history
        .operations()
        .iter()
        .filter(|operation| observes(operation))
        .filter_map(|operation| Some([operation.invoked.line, operation.completed_at()?.line]))
        .collect();
    let mut ends: Vec<usize> = reads.iter().map(|&[_, end]| end).collect();
    ends.sort_unstable();
    for band in &mut *bands {
        let invoked = reads.partition_point(|&[start, _]| start <= band.followed_until);
        band.reads = invoked - ends.partition_point(|&end| end < band.lines[0]);
    }
    // The latest line that belongs to any of the bands so far; they are in the order of their begins.
    let mut latest = 0;
    let reach: Vec<usize> = bands
        .iter()
        .map(|band| {
            latest = latest.max(band.followed_until);
            latest
        })
        .collect();
    let near = |&&[start, end]: &&[usize; 2]| {
        let begun = bands.partition_point(|band| band.lines[0] < end);
        begun.checked_sub(1).is_some_and(|last| reach[last] >= start)
    };
    reads.iter().filter(near).count()
}

fn spread(sizes: &[usize]) -> KeySpread {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    KeySpread {
        keys: sizes.len(),
        single: sizes.partition_point(|&size| size <= 1),
        least: sizes.first().copied().unwrap_or(0),
        median: sizes.get(sizes.len() / 2).copied().unwrap_or(0),
        most: sizes.last().copied().unwrap_or(0),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
