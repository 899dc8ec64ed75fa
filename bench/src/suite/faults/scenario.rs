//! What is done to whom, how often, and what it takes.

use std::time::Duration;

use crate::nemesis::{Fault, Planned, Target};
use crate::suite::context::Level;

/// One row's faults.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// `kill the leader`.
    pub(super) what: &'static str,
    pub(super) deed: Deed,
    /// What stands between the nodes, if something does.
    pub(super) links: Option<Wanted>,
    /// Whether each node has a file system of its own.
    pub(super) disks: bool,
    /// Measured in both loops at every level.
    pub(super) both: bool,
    /// What must be known beside the figures.
    pub(super) notes: Vec<&'static str>,
}

/// What links are to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Lose packets.
    Dropping,
    /// Hold them back.
    Delaying,
}

/// What happens while the clients run.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// One fault after the other.
    Faults(Vec<Planned>),
    /// A follower comes back so late that it needs a snapshot of so many bytes.
    Snapshot(u64),
}

/// Clients settle, and are then measured undisturbed, before the first fault.
pub(super) const WARM: Duration = Duration::from_secs(1);
/// Between a fault and the next.
const BETWEEN: Duration = Duration::from_millis(1500);

/// How long clients are measured before the first fault.
pub(super) fn calm(level: Level) -> Duration {
    Duration::from_secs(level.pick(2, 4, 8))
}

impl Scenario {
    /// In the order of the report.
    pub(super) fn all(level: Level) -> Vec<Scenario> {
        // Kills in all rounds together: 5, 30, 200.
        let kills = level.pick(5, 15, 50);
        let times = level.pick(1, 3, 5);
        let while_long = Duration::from_secs(level.pick(3, 5, 10));
        let outage = Duration::from_millis(1500);
        let one = |what, fault, target, lasting, times| {
            let planned = move |_| Planned { at: Duration::ZERO, fault, target, lasting };
            plain(what, Deed::Faults(spaced(level, (0..times).map(planned))))
        };
        let on_links = |scenario: Scenario| Scenario { links: Some(Wanted::Dropping), ..scenario };
        let with_disks = |scenario: Scenario| Scenario { disks: true, ..scenario };
        let links = |what, fault| on_links(one(what, fault, Target::Links, while_long, 1));
        let cut = |what, fault| on_links(one(what, fault, Target::Leader, outage, times));
        let rolling = (1..=3).map(|id| Planned {
            at: Duration::ZERO,
            fault: Fault::Restart,
            target: Target::Node(id),
            lasting: Duration::ZERO,
        });
        vec![
            Scenario { both: true, ..one("kill the leader", Fault::Kill, Target::Leader, outage, kills) },
            one("pause the leader", Fault::Pause, Target::Leader, outage, times),
            cut("isolate the leader", Fault::Isolate),
            cut("deafen the leader", Fault::Deafen),
            cut("mute the leader", Fault::Mute),
            Scenario {
                both: true,
                notes: vec!["a slow follower: stopped by SIGSTOP for 50 of every 60 ms"],
                ..one("slow a follower", Fault::Slow, Target::Follower, while_long, 1)
            },
            links("lose 1 %", Fault::Lose(1)),
            links("lose 10 %", Fault::Lose(10)),
            Scenario {
                links: Some(Wanted::Delaying),
                notes: vec!["50 ms each way: a round trip between nodes takes 100 ms longer"],
                ..links("delay 50 ms", Fault::Delay(Duration::from_millis(50)))
            },
            with_disks(one("stall the leader's disk", Fault::Stall, Target::Leader, outage, times)),
            with_disks(one("stall a follower's disk", Fault::Stall, Target::Follower, outage, times)),
            plain("rolling restart", Deed::Faults(spaced(level, rolling))),
            Scenario {
                both: true,
                notes: vec![
                    "a follower that was away until the log that it needs was gone; sent at the default limit of 32 MiB/s",
                ],
                ..plain("snapshot to a follower", Deed::Snapshot(level.pick(32, 128, 512) << 20))
            },
        ]
    }
}

fn plain(what: &'static str, deed: Deed) -> Scenario {
    Scenario { what, deed, links: None, disks: false, both: false, notes: Vec::new() }
}

/// One after the other, with some quiet between.
fn spaced(level: Level, faults: impl Iterator<Item = Planned>) -> Vec<Planned> {
    let mut at = WARM + calm(level);
    let place = |planned: Planned| {
        let placed = Planned { at, ..planned };
        at += planned.lasting + BETWEEN;
        placed
    };
    faults.map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_kills_as_the_aim_needs() {
        for (level, rounds, wanted) in [(Level::Quick, 1, 5), (Level::Normal, 2, 30), (Level::Full, 4, 200)] {
            let kills = Scenario::all(level).into_iter().find(|scenario| scenario.what == "kill the leader");
            let Some(Scenario { deed: Deed::Faults(kills), .. }) = kills else { panic!("no kills") };
            assert!(kills.len() * rounds >= wanted);
        }
    }

    #[test]
    fn faults_follow_each_other_and_the_calm() {
        for level in [Level::Quick, Level::Normal, Level::Full] {
            for Scenario { what, deed, .. } in Scenario::all(level) {
                let Deed::Faults(faults) = deed else { continue };
                assert!(!faults.is_empty(), "{what}");
                assert!(faults[0].at >= WARM + calm(level), "{what}");
                for pair in faults.windows(2) {
                    assert!(pair[0].at + pair[0].lasting < pair[1].at, "{what}");
                }
            }
        }
    }

    #[test]
    fn what_hits_links_or_disks_has_them() {
        for Scenario { what, deed, links, disks, .. } in Scenario::all(Level::Quick) {
            let Deed::Faults(faults) = deed else { continue };
            for Planned { fault, .. } in faults {
                let needs = match fault {
                    Fault::Isolate | Fault::Deafen | Fault::Mute | Fault::Lose(_) => {
                        (Some(Wanted::Dropping), false)
                    }
                    Fault::Delay(_) => (Some(Wanted::Delaying), false),
                    Fault::Stall => (None, true),
                    Fault::Kill | Fault::Restart | Fault::Pause | Fault::Slow => (None, false),
                };
                assert_eq!((links, disks), needs, "{what}");
            }
        }
    }
}
