//! Many seeds on many threads; each runs on one.
//!
//! | file | what |
//! |---|---|
//! | [`tally`] | what seeds came to |
//! | [`marks`] | which situations they have seen |
//! | [`spread`] | how a figure is spread over them |
//! | [`own`] | seeds for a state machine of one's own |
//! | [`shrink`] | the smallest case that breaks the same rule |

pub mod marks;
pub mod own;
pub mod shrink;
pub mod spread;
pub mod tally;

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::tally::Tally;
use crate::sim::world::Outcome;

/// A share of the seeds, so that several machines can take part in a sweep: `2/8` is the third of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// Its seeds: all shards together have each seed once, and about as many as one another.
    #[must_use]
    pub fn of(self, seeds: &Range<u64>) -> Range<u64> {
        let count = u128::from(seeds.end.saturating_sub(seeds.start));
        let at = |shard: u64| {
            let offset = count * u128::from(shard) / u128::from(self.of);
            seeds.start + u64::try_from(offset).unwrap_or(0)
        };
        at(self.index)..at(self.index + 1)
    }
}

/// Why a shard cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shard is written as I/K with I from 0 to K - 1, for example 2/8")]
pub struct InvalidShard;

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Shard, InvalidShard> {
        let (index, of) = text.split_once('/').ok_or(InvalidShard)?;
        let shard = Shard {
            index: index.parse().map_err(|_| InvalidShard)?,
            of: of.parse().map_err(|_| InvalidShard)?,
        };
        if shard.index < shard.of { Ok(shard) } else { Err(InvalidShard) }
    }
}

/// Whether a seed is among so many of a hundred.
#[must_use]
pub fn is_in_share(seed: u64, percent: u64) -> bool {
    seed % 100 * percent % 100 < percent
}

/// Runs these seeds with `run` on so many threads, and tells `progress` now and then what they have come to. Also
/// answers the hashes of those seeds that `keeps`.
pub fn sweep(
    seeds: Range<u64>,
    jobs: usize,
    keeps: impl Fn(u64) -> bool + Sync,
    run: impl Fn(u64) -> Outcome + Sync,
    progress: impl Fn(&Tally) + Sync,
) -> (Tally, BTreeMap<u64, u64>) {
    let began = now();
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new((Tally::of(seeds.clone()), BTreeMap::new(), began));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let before = busy();
            let outcome = run(seed);
            let (busy, ended) = (busy().saturating_sub(before), now());
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let (tally, hashes, told) = &mut *found;
            tally.add(seed, &outcome, busy);
            if keeps(seed) {
                hashes.insert(seed, outcome.hash);
            }
            if ended.saturating_duration_since(*told) >= Duration::from_secs(1) {
                *told = ended;
                progress(tally);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    let (mut tally, hashes, _) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.wall_nanos = crate::sim::nanos(began.elapsed());
    (tally, hashes)
}

/// How long this thread has been on a processor: what others do on the machine does not count. Where no file tells,
/// it is what the clock says.
fn busy() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| FIRST.get_or_init(now).elapsed(), Duration::from_nanos)
}

#[allow(clippy::disallowed_methods, reason = "how fast it was is shown, and nothing follows from it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::case::Case;

    fn run(seed: u64) -> Outcome {
        let mut case = Case::drawn(seed);
        case.plan.events = 300;
        case.run()
    }

    #[test]
    fn threads_do_not_change_what_comes_out() {
        let whole = |jobs| {
            let (tally, hashes) = sweep(5..25, jobs, |seed| seed % 2 == 0, run, |_| {});
            (Tally { wall_nanos: 0, busy_nanos: 0, ..tally }, hashes)
        };
        let (tally, hashes) = whole(1);
        assert_eq!((tally.seeds, hashes.len()), (20, 10));
        assert_eq!(whole(3), (tally, hashes));
    }

    #[test]
    fn shards_have_each_seed_once() {
        for of in 1..30 {
            let shards = (0..of).map(|index| format!("{index}/{of}").parse::<Shard>().unwrap());
            let parts: Vec<Range<u64>> = shards.map(|shard| shard.of(&(7..27))).collect();
            assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (7..27).collect::<Vec<_>>());
            let lengths = parts.iter().map(|part| part.end - part.start);
            assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }
        assert_eq!(Shard::WHOLE.of(&(7..27)), 7..27);
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "1", "1/", "/1", "1/1", "2/1", "0/0", "a/b", "-1/2"] {
            assert_eq!(text.parse::<Shard>(), Err(InvalidShard), "{text}");
        }
    }

    #[test]
    fn a_share_is_so_many_of_a_hundred_and_spread() {
        for percent in [0, 1, 10, 20, 33, 50, 100] {
            let of = |seeds: Range<u64>| seeds.filter(|seed| is_in_share(*seed, percent)).count() as u64;
            assert_eq!(of(0..1000), 10 * percent, "{percent}");
        }
        assert!((3..=7).contains(&(0..25).filter(|seed| is_in_share(*seed, 20)).count()));
    }
}
