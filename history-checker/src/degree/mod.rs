//! How wrong a register is that is not linearizable: by how much its reads were late, and which weaker promise it
//! still keeps.

mod accesses;
mod in_effect;
mod regular;
mod sequential;
mod sequential_search;
mod stale;

use std::fmt;

use serde::Serialize;

use crate::check::Options;
use crate::engine::search::Budget;
use crate::history::History;
use crate::register_history::RegisterHistory;
use accesses::Accesses;

/// What is left of consistency in one register's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Degree {
    /// Observations that saw what had been replaced before they were invoked.
    pub stale: Staleness,
    /// Whether one order explains every answer when real time is left out, and only each process's own operations keep
    /// their order (Lamport, 1979). An operation of unknown outcome may take effect at any time after those that its
    /// process had completed before, or never. Of this register alone: several keys that are each sequentially
    /// consistent need not be so together.
    pub sequentially_consistent: Holds,
    /// Whether every observation, taken by itself, can be explained together with all writes: some order of the
    /// writes and this one observation respects real time and has a write of what was seen as the last before it. In
    /// other words, the value comes from a write that was invoked before the observation returned, and no second
    /// write lies wholly between the two; or it is the initial one, and no write was over.
    ///
    /// This is `MWRegWeak`, the weakest of the multi-writer definitions of Shao, Welch, Pierce and Lee (SIAM J. Comput.
    /// 40, 2011); with one writer it is Lamport's (1986). A CAS that swapped counts as a write of what it set, and
    /// what it expected as an observation; one that only says what it did not see needs any write of another value.
    pub regular: bool,
}

/// Answers that came too late, or out of nowhere.
///
/// A write is *in effect* from its return on, or from the first return of a trusted observation of its value. It is
/// *known to follow* another write if it, or a trusted observation of its value, was invoked when that other one was in
/// effect. An observation is stale by `k` versions if, when it was invoked, `k` writes were in effect that were known
/// to follow the write of what it saw. An observation is trusted unless it is stale itself, or saw what was never
/// written or only later. A value with several writers is evidence for none of them, and an observation of it is
/// charged to the writer that makes it least stale.
///
/// With unique values and without CAS, a register is linearizable exactly when none of these counts is above zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Staleness {
    /// How many observations there were: reads, CAS that swapped, CAS that said what they saw.
    pub observations: usize,
    /// How many of them were stale.
    pub stale: usize,
    /// How many saw a value that was only written after they had returned.
    pub from_the_future: usize,
    /// How many saw a value that nobody wrote.
    pub never_written: usize,
    /// By how many versions, at most.
    pub most_versions: usize,
    /// For how long, at most: nanoseconds on the recorder's clock.
    pub longest_ns: u64,
    /// The worst few, by versions, then by time.
    pub worst: Vec<StaleRead>,
}

/// One stale observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaleRead {
    /// Its index in [`History::operations`].
    pub operation: usize,
    /// The lines of its invocation and its return.
    pub lines: [usize; 2],
    /// How many writes had replaced what it saw.
    pub versions: usize,
    /// Since the first of them was in effect, until the observation was invoked: nanoseconds on the recorder's clock.
    pub age_ns: u64,
    /// The operation whose return put that first write into effect: the write itself, or an observation of it.
    pub replaced_by: usize,
}

/// An answer to a question that may be too hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The budget was spent before either was found.
    Unknown,
}

/// What the search for a sequentially consistent order may cost, where no faster method is exact: a second or two.
const SEARCH: Budget = Budget { configurations: 50_000, bytes: 256_000_000 };

/// Measures the operations of one register, named by their indices in the history in the order of invocation.
///
/// Staleness and regularity cost O(n log n). So does sequential consistency where every observed value has one writer;
/// elsewhere it takes a search, within `options.budget` and at most 50 000 configurations.
///
/// ```
/// use history_checker::degree::{Holds, degree};
/// use history_checker::{Options, Recorder, Value};
///
/// let recorder = Recorder::in_memory();
/// let client = recorder.process().write(None, Value::from("old"), 1).ok(2);
/// let client = client.write(None, Value::from("new"), 3).ok(4);
/// let _other = recorder.process().read(None, 9).ok(Value::from("old"), 10);
///
/// let found = degree(&recorder.history(), &[0, 1, 2], &Options::default());
/// assert_eq!((found.stale.stale, found.stale.most_versions, found.stale.longest_ns), (1, 1, 5));
/// assert_eq!(found.sequentially_consistent, Holds::Yes); // the reader lags, that is all
/// assert!(!found.regular);
/// ```
#[must_use]
pub fn degree(history: &History, indices: &[usize], options: &Options) -> Degree {
    measure(&RegisterHistory::new(history, indices, &options.initial, options.failed_cas), options.budget)
}

pub(crate) fn measure(register: &RegisterHistory<'_>, budget: Budget) -> Degree {
    let accesses = Accesses::new(register);
    let budget = Budget {
        configurations: budget.configurations.min(SEARCH.configurations),
        bytes: budget.bytes.min(SEARCH.bytes),
    };
    Degree {
        stale: stale::measure(&accesses, register),
        sequentially_consistent: sequential::decide(&accesses, budget),
        regular: regular::holds(&accesses),
    }
}

impl fmt::Display for Degree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let regular = if self.regular { "yes" } else { "no" };
        let Degree { stale, sequentially_consistent, .. } = self;
        write!(f, "{stale}; sequentially consistent: {sequentially_consistent}; regular: {regular}")?;
        let worst: Vec<String> = stale.worst.iter().map(ToString::to_string).collect();
        let more = if stale.stale > worst.len() { "; …" } else { "" };
        if worst.is_empty() { Ok(()) } else { write!(f, "\n      {}{more}", worst.join("; ")) }
    }
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = if self.stale == 1 { "read" } else { "reads" };
        write!(f, "{} stale {reads}", self.stale)?;
        if self.stale > 0 {
            write!(f, ", worst {}{}", versions(self.most_versions), Age(" and ", self.longest_ns))?;
        }
        if self.from_the_future > 0 {
            write!(f, ", {} from the future", self.from_the_future)?;
        }
        if self.never_written > 0 {
            write!(f, ", {} of values never written", self.never_written)?;
        }
        Ok(())
    }
}

impl fmt::Display for StaleRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, last] = self.lines;
        write!(f, "lines {first}–{last}: {}{}", versions(self.versions), Age(", ", self.age_ns))
    }
}

/// How long ago, behind a word; nothing where the history has no clock.
struct Age(&'static str, u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Age(word, ns) = *self;
        if ns == 0 { Ok(()) } else { write!(f, "{word}{}", Duration(ns)) }
    }
}

fn versions(count: usize) -> String {
    format!("{count} {}", if count == 1 { "version" } else { "versions" })
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Holds::Yes => "yes",
            Holds::No => "no",
            Holds::Unknown => "unknown",
        })
    }
}

/// Nanoseconds, for people: two digits or more in a unit that fits.
pub(crate) struct Duration(pub(crate) u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} ns", self.0),
            1_000..1_000_000 => write!(f, "{:.1} µs", ns / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} ms", ns / 1e6),
            _ => write!(f, "{:.1} s", ns / 1e9),
        }
    }
}
