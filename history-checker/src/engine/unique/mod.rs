//! Engine B: a register whose observed values each have exactly one writer, decided exactly in O(n log n).
//!
//! A value with one writer is held during one stretch of time. Its writer and its readers form a cluster; a CAS ties
//! the cluster of what it wrote to the cluster of what it expected, with nothing in between, and so clusters form
//! chains. All that remains is whether the chains can be put in a row (after Gibbons and Korach, 1997, who had no
//! CAS and no open operations).

mod chains;
mod clusters;
mod maybe;

use crate::models::{RegisterOp, ValueId};
use crate::timeline::Timeline;

/// What the engine makes of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This order explains it.
    Linearizable {
        /// Entries in the order of their effects; open ones that are not needed are left out.
        order: Vec<usize>,
    },
    /// No order explains it.
    NotLinearizable(Clash),
    /// The engine would not be exact here.
    NotApplicable(Obstacle),
}

/// Why the engine does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// An observed value has two writers.
    TwoWriters {
        /// The value.
        value: ValueId,
        /// One entry; `None` is the initial value.
        first: Option<usize>,
        /// Another entry.
        second: usize,
    },
    /// A failed CAS says only what the register did not hold.
    ObservedDifference {
        /// The CAS.
        entry: usize,
    },
}

/// Entries that exclude each other. `None` stands for the initial value where a writer is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// An answer that no register gives.
    Absurd {
        /// The operation with that answer.
        entry: usize,
    },
    /// A value was observed that nobody wrote.
    NeverWritten {
        /// The operation that depends on the value.
        observer: usize,
        /// The value.
        value: ValueId,
    },
    /// A value was observed, and the observation was over before the writer was invoked.
    FromTheFuture {
        /// The observation.
        reader: usize,
        /// The only writer of what it saw.
        writer: usize,
    },
    /// Two CAS replaced one and the same write.
    ReplacedTwice {
        /// The writer of the value that both expected.
        writer: Option<usize>,
        /// The two CAS.
        swaps: [usize; 2],
    },
    /// A CAS expected a value that only exists because of this CAS.
    Circle {
        /// The CAS operations, each expecting what the one before it wrote, and the first what the last wrote.
        swaps: Vec<usize>,
    },
    /// Something that depends on a CAS was over before something that the CAS had replaced was invoked.
    LateInChain {
        /// The entry that was over.
        early: usize,
        /// The CAS that had replaced `value` by then.
        swap: usize,
        /// The entry that was invoked too late.
        late: usize,
        /// The value that `late` still depends on.
        value: ValueId,
    },
    /// Two chains of values must each come before the other.
    Entangled {
        /// Both chains.
        chains: Box<[Extremes; 2]>,
    },
}

impl Clash {
    /// Everything that is named.
    #[must_use]
    pub fn entries(&self) -> Vec<usize> {
        match self {
            Clash::Absurd { entry: one } | Clash::NeverWritten { observer: one, .. } => vec![*one],
            Clash::FromTheFuture { reader, writer } => vec![*reader, *writer],
            Clash::ReplacedTwice { writer, swaps } => writer.iter().chain(swaps).copied().collect(),
            Clash::Circle { swaps } => swaps.clone(),
            Clash::LateInChain { early, swap, late, .. } => vec![*early, *swap, *late],
            Clash::Entangled { chains } => {
                let ends = chains.iter().flat_map(|chain| [chain.earliest_return, chain.latest_invocation]);
                ends.flat_map(|end| [end.entry, end.writer]).flatten().collect()
            }
        }
    }
}

/// The two entries of a chain that say the most about its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extremes {
    /// Of the earliest return: the chain has begun by then. `None`: the initial value, which was always there.
    pub earliest_return: Extreme,
    /// Of the latest invocation: the chain goes on after it.
    pub latest_invocation: Extreme,
}

/// One such entry and the write that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extreme {
    /// The entry; `None` is the virtual writer of the initial value.
    pub entry: Option<usize>,
    /// The writer of the value that `entry` wrote or saw.
    pub writer: Option<usize>,
}

/// Decides a register's timeline, or says why this engine cannot.
#[must_use]
pub fn decide(timeline: &Timeline<RegisterOp>, initial: ValueId) -> Decision {
    match attempt(timeline, initial) {
        Ok(order) => Decision::Linearizable { order },
        Err(Stop::Clash(clash)) => Decision::NotLinearizable(clash),
        Err(Stop::Obstacle(obstacle)) => Decision::NotApplicable(obstacle),
    }
}

fn attempt(timeline: &Timeline<RegisterOp>, initial: ValueId) -> Result<Vec<usize>, Stop> {
    let clusters = clusters::build(timeline, initial)?;
    chains::arrange(timeline, &clusters)
}

/// Why no order is produced.
enum Stop {
    Clash(Clash),
    Obstacle(Obstacle),
}

impl From<Clash> for Stop {
    fn from(clash: Clash) -> Stop {
        Stop::Clash(clash)
    }
}

impl From<Obstacle> for Stop {
    fn from(obstacle: Obstacle) -> Stop {
        Stop::Obstacle(obstacle)
    }
}
