//! What every group of the suite is given.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All groups in ten minutes: one or two rounds, a few seconds each, few faults.
    Quick,
    /// Rounds enough for a spread.
    Normal,
    /// What needs hundreds of faults, and every point of the curves.
    Full,
}

/// What a group works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// How much.
    pub level: Level,
    /// Of groups with many rows only those whose name contains this.
    pub only: Option<String>,
    /// For nodes and their data; a group makes its own directory in it. On the disk that is to be measured.
    pub dir: PathBuf,
    /// This program.
    pub bench: PathBuf,
    /// `raft-register`.
    pub register: PathBuf,
    /// `history-checker`.
    pub checker: PathBuf,
    /// `sim`, if it was built.
    pub simulator: Option<PathBuf>,
    /// The program of `bench/peers`, if it was built.
    pub peers: Option<PathBuf>,
    /// `etcd`, if it is on the PATH.
    pub etcd: Option<PathBuf>,
    /// When the suite began, for the progress lines.
    pub began: Instant,
}

impl Level {
    /// One of three, by level.
    #[must_use]
    pub fn pick<T>(self, quick: T, normal: T, full: T) -> T {
        match self {
            Level::Quick => quick,
            Level::Normal => normal,
            Level::Full => full,
        }
    }

    /// As in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.pick("quick", "normal", "full")
    }

    /// How long a load runs that is to say a throughput, after its warming up.
    #[must_use]
    pub fn window(self) -> Duration {
        Duration::from_secs(self.pick(2, 5, 10))
    }

    /// How often subjects take turns.
    #[must_use]
    pub fn rounds(self) -> u32 {
        self.pick(2, 3, 5)
    }
}

impl Context {
    /// Whether a row of this name is to be measured.
    #[must_use]
    pub fn wants(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|part| row.contains(part))
    }

    /// Says how far the suite is.
    pub fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
