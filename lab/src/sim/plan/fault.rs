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
    /// The process is asked to end, and does so in order.
    Stop(Target),
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
    /// All machines lose power at once.
    Blackout,
    /// The node is met when its disk comes to this.
    Ambush {
        /// Whom.
        target: Target,
        /// When.
        moment: Moment,
        /// How.
        action: Action,
        /// Whether whoever leads stands still meanwhile, so that another will.
        depose_leader: bool,
    },
    /// The process is killed, a bit of what its disk holds flips meanwhile, and it is started again.
    Rot {
        /// Whose.
        node: usize,
        /// Which bit, in millionths of what is aimed at.
        place_ppm: u32,
        /// Of what.
        #[serde(default)]
        aim: Aim,
    },
    /// A bit of what its disk holds flips while the node runs.
    Decay {
        /// Whose.
        node: usize,
        /// Which bit, in millionths of what is aimed at.
        place_ppm: u32,
        /// Of what.
        aim: Aim,
    },
    /// The process is killed, and started again soon; until the episode ends a sector of its disk cannot be read.
    Unreadable {
        /// Whose.
        node: usize,
        /// Which sector, in millionths of what is aimed at.
        place_ppm: u32,
        /// Of what.
        aim: Aim,
    },
    /// The disk loses the next write of this kind, and says that it has it.
    LostWrite {
        /// Whose.
        node: usize,
        /// Which write.
        of: Written,
    },
    /// The same, and the bytes go to another place, in an old segment of the log.
    StrayWrite {
        /// Whose.
        node: usize,
        /// Which write.
        of: Written,
        /// Where, in millionths of that segment.
        place_ppm: u32,
    },
    /// The process is killed; a snapshot of another cluster is put among its own, and taken away when the episode
    /// ends. Meanwhile the node must not start, and not touch it.
    Foreign(Target),
    /// The clock runs fast or slow by so many millionths.
    Drift(Target, i32),
    /// A bit flips in memory, of the next entry that is durable and not applied. The process is killed and started
    /// again when the episode ends.
    Spoil(Target),
    /// The disk is replaced by an empty one; the node comes back under the same id and must be refused.
    Wipe(usize),
}

/// What is aimed at in the files of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// The oldest segment of its log.
    #[default]
    Oldest,
    /// What was written last, of all whose loss is found out.
    Recent,
    /// The newest batch that takes the place of others.
    Replacement,
    /// What was written last.
    End,
    /// The newest snapshot.
    Snapshot,
}

/// Writes of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// To the log.
    Log,
    /// To a snapshot.
    Snapshot,
}

/// What a disk comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// A snapshot has its name, which is not durable yet.
    SnapshotNamed,
    /// The same of one that came from the leader, and that no state was built from yet.
    ReceivedNamed,
    /// A segment that is used again has its new name, which is not durable yet.
    SegmentNamed,
    /// The first write to a segment is due.
    SegmentBegins,
    /// A batch is durable, and nobody was told.
    Synced,
}

/// How a node is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The process is killed.
    Kill,
    /// The machine loses power.
    Power,
    /// That queue of the disk stands still until the episode ends.
    Stall,
    /// The same, and then the power fails.
    StallThenPower,
    /// A bit of the file that has just got its name flips.
    Flip,
}

impl Fault {
    /// Whether what was durable may be lost: then the others must hold it.
    #[must_use]
    pub fn damages(&self) -> bool {
        matches!(
            self,
            Fault::Rot { .. }
                | Fault::Decay { .. }
                | Fault::Unreadable { .. }
                | Fault::LostWrite { .. }
                | Fault::StrayWrite { .. }
        )
    }

    /// Whether it waits, once it has begun, for something to meet.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(
            self,
            Fault::Ambush { .. } | Fault::LostWrite { .. } | Fault::StrayWrite { .. } | Fault::Spoil(_)
        )
    }

    /// Its kind, as tables name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Kill(_) => "kill",
            Fault::Stop(_) => "stop",
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
            Fault::Blackout => "blackout",
            Fault::Ambush { .. } => "ambush",
            Fault::Rot { .. } => "rot",
            Fault::Decay { .. } => "decay",
            Fault::Unreadable { .. } => "unreadable sector",
            Fault::LostWrite { .. } => "lost write",
            Fault::StrayWrite { .. } => "stray write",
            Fault::Foreign(_) => "foreign snapshot",
            Fault::Drift(..) => "drift",
            Fault::Spoil(_) => "bad memory",
            Fault::Wipe(_) => "wipe",
        }
    }
}
