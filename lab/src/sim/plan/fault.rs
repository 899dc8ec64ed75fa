//! What goes wrong, and when: a list that can be written down, shortened and run again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sim::cluster::links::Weather;

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// When it begins, in nanoseconds.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// What it is.
    pub fault: Fault,
}

impl Episode {
    pub(in crate::sim) fn lasts(&self) -> Duration {
        Duration::from_nanos(self.lasts)
    }
}

/// Whom it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// This node.
    Node(usize),
    /// Whoever leads the newest term when it begins; nobody if nobody does.
    Leader,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fault {
    /// The process is killed, and started again when the episode ends.
    Kill(Target),
    /// The machine loses power: what was not synced meets its fate.
    Power(Target),
    /// The process stands still.
    Pause(Target),
    /// Nothing from this node reaches the others.
    Mute(Target),
    /// Nothing from the others reaches this node.
    Deafen(Target),
    /// One link, in one direction.
    Cut {
        /// From this node.
        from: usize,
        /// To that one.
        to: usize,
    },
    /// Nodes whose bit is set, and the others, do not hear each other.
    Split(u32),
    /// The links of the whole cluster behave like this.
    Weather(Weather),
    /// The disk takes so many times as long.
    SlowDisk(Target, u64),
    /// The disk holds nothing more.
    FullDisk(Target),
    /// The next sync fails; the process ends, and is started again when the episode ends.
    FailedSync {
        /// Whose.
        target: Target,
        /// Whether the cache keeps what the disk did not take (ext4), or goes back (btrfs).
        cache_keeps: bool,
    },
    /// The process is killed, a bit of an old segment of its log flips meanwhile, and it is started again.
    Rot {
        /// Whose.
        node: usize,
        /// Which bit of the log, in millionths of its length.
        place_ppm: u32,
    },
    /// The clock runs fast or slow by so many millionths.
    Drift(Target, i32),
    /// A bit flips in memory, of the next entry that is durable and not applied. The process is killed and started
    /// again when the episode ends.
    Spoil(Target),
    /// The disk is replaced by an empty one; the node comes back under the same id and must be refused.
    Wipe(usize),
}

impl Fault {
    /// Its kind, as tables name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Kill(_) => "kill",
            Fault::Power(_) => "power",
            Fault::Pause(_) => "pause",
            Fault::Mute(_) => "mute",
            Fault::Deafen(_) => "deafen",
            Fault::Cut { .. } => "cut",
            Fault::Split(_) => "split",
            Fault::Weather(_) => "weather",
            Fault::SlowDisk(..) => "slow disk",
            Fault::FullDisk(_) => "full disk",
            Fault::FailedSync { .. } => "failed sync",
            Fault::Rot { .. } => "rot",
            Fault::Drift(..) => "drift",
            Fault::Spoil(_) => "bad memory",
            Fault::Wipe(_) => "wipe",
        }
    }
}
