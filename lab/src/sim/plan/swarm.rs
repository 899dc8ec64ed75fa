//! What a seed means: the cluster's size and settings, its load, and what goes wrong. Each kind of fault is on in
//! half of the seeds, at a rate drawn over orders of magnitude, so that each is also seen without the others
//! (swarm testing: Groce et al., ISSTA 2012).

use raft::Config;
use raft::session::ReplyBounds;
use serde::{Deserialize, Serialize};

use super::draws::{Draw, KINDS, ON, usize_of};
use super::fault::{Episode, Fault};
use crate::sim::cluster::Pace;
use crate::sim::cluster::links::Weather;
use crate::sim::random::{Random, Stream};

/// A run, as far as it does not follow from the seed alone: a shortened one differs from what was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Everything that is drawn while it runs.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Clients.
    pub clients: usize,
    /// The first phase ends after so many events.
    pub events: u64,
    /// Limits that are small in some runs, so that they are reached.
    pub limits: Limits,
    /// The network between the episodes.
    pub weather: Weather,
    /// Disks and nodes between the episodes.
    pub pace: Pace,
    /// Clocks run fast or slow by so many millionths at most.
    pub drift_ppm: u32,
    /// So many of a million requests of clients reach their nodes up to a thousand times as late, those that their
    /// clients have given up, too.
    #[serde(default)]
    pub late_requests_ppm: u32,
    /// All takes equally long, in the second phase too: what happens together once happens together for ever.
    #[serde(default)]
    pub is_even: bool,
    /// What goes wrong, in order.
    pub episodes: Vec<Episode>,
    /// What goes wrong when all is done and quiet, on a healed cluster.
    #[serde(default)]
    pub at_rest: Option<Fault>,
    /// How often a node reads a part of what it wrote again, in nanoseconds; none: as it does by itself.
    #[serde(default)]
    pub scrub_every: Option<u64>,
}

/// See [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is a field of Config, but for the first and the last")]
pub struct Limits {
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    pub max_append_entries: usize,
    pub max_append_bytes: usize,
    pub max_in_flight: usize,
    pub max_uncommitted_bytes: usize,
    pub max_kept_log_bytes: u64,
    pub snapshot_chunk_bytes: usize,
    pub snapshot_window_bytes: usize,
    pub snapshot_min_log_bytes: u64,
    /// Bytes of replies that a session keeps; all together four times as many.
    #[serde(default = "shipped_reply_bytes")]
    pub session_reply_bytes: u64,
}

pub(super) fn shipped_reply_bytes() -> u64 {
    ReplyBounds::default().session
}

impl Limits {
    /// Those of a cluster that nobody configured.
    #[must_use]
    pub fn usual() -> Limits {
        let config = Config::lan();
        Limits {
            // As long as a short run can fill.
            segment_bytes: 64 << 10,
            max_append_entries: config.max_append_entries,
            max_append_bytes: config.max_append_bytes,
            max_in_flight: config.max_in_flight,
            max_uncommitted_bytes: config.max_uncommitted_bytes,
            max_kept_log_bytes: config.max_kept_log_bytes,
            snapshot_chunk_bytes: config.snapshot_chunk_bytes,
            snapshot_window_bytes: config.snapshot_window_bytes,
            snapshot_min_log_bytes: config.snapshot_min_log_bytes,
            session_reply_bytes: shipped_reply_bytes(),
        }
    }

    /// What sessions keep in a cluster with these limits.
    #[must_use]
    pub fn replies(&self) -> ReplyBounds {
        ReplyBounds { session: self.session_reply_bytes, all: self.session_reply_bytes.saturating_mul(4) }
    }

    /// The settings of a cluster with these limits.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            max_append_entries: self.max_append_entries,
            max_append_bytes: self.max_append_bytes,
            max_in_flight: self.max_in_flight,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            max_kept_log_bytes: self.max_kept_log_bytes,
            snapshot_chunk_bytes: self.snapshot_chunk_bytes,
            snapshot_window_bytes: self.snapshot_window_bytes,
            snapshot_min_log_bytes: self.snapshot_min_log_bytes,
            ..Config::lan()
        }
    }
}

const SIZE: Stream = Stream::named("swarm.size");
const LENGTH: Stream = Stream::named("swarm.length");

impl Plan {
    /// What this seed means.
    #[must_use]
    pub fn drawn(seed: u64) -> Plan {
        let random = Random::new(seed);
        // Mostly three and five; even sizes and one are worth a look each.
        let sizes = [3, 3, 3, 3, 3, 5, 5, 5, 5, 1, 2, 4, 4, 6, 7, 7];
        let nodes = sizes[usize_of(random.below(SIZE, 0, 0, sizes.len() as u64))];
        let draw = Draw { random, nodes: nodes as u64 };
        let mut episodes: Vec<Episode> = (0..KINDS).flat_map(|kind| draw.episodes(kind)).collect();
        episodes.extend(draw.damage());
        episodes.extend(draw.depositions());
        episodes.sort_by_key(|episode| episode.at);
        let plan = Plan {
            seed,
            nodes,
            clients: usize_of(random.between(SIZE, 1, 0, (1, 8))),
            events: random.between(LENGTH, 0, 0, (20_000, 30_000)),
            limits: draw.limits(),
            weather: draw.weather(0),
            pace: draw.pace(),
            drift_ppm: if random.chance(ON, 101, 0, 500_000) { 20_000 } else { 0 },
            late_requests_ppm: draw.ppm(802, 50_000),
            is_even: false,
            episodes,
            at_rest: draw.at_rest(),
            scrub_every: draw.scrub_every(),
        };
        if random.chance(ON, 103, 0, 125_000) { plan.even() } else { plan }
    }

    /// The same, but nothing takes longer than another time.
    fn even(mut self) -> Plan {
        let even = |(_, high): (u64, u64)| (high, high);
        let Pace { log, aside, .. } = self.pace;
        self.pace = Pace { log: even(log), aside: even(aside), turn_ppm: 0, ..self.pace };
        self.weather.delay = even(self.weather.delay);
        for episode in &mut self.episodes {
            if let Fault::Weather(weather) = &mut episode.fault {
                weather.delay = even(weather.delay);
            }
        }
        Plan { drift_ppm: 0, is_even: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Target;
    use super::*;

    #[test]
    fn what_is_drawn_is_valid_and_every_kind_comes() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let plan = Plan::drawn(seed);
            plan.limits.config().validate().unwrap();
            assert!(plan.episodes.iter().all(|episode| episode.lasts <= 6_000_000_000));
            assert!(plan.episodes.is_sorted_by_key(|episode| episode.at));
            kinds.extend(plan.episodes.iter().map(|episode| episode.fault.kind()));
            assert_eq!(plan, Plan::drawn(seed));
        }
        assert_eq!(kinds.len(), 23, "{kinds:?}");
    }

    /// Figure 8 needs leaders that fall one after the other, each soon after it was elected.
    #[test]
    fn in_some_runs_leader_after_leader_falls() {
        let falls = |plan: &Plan| {
            let falls = plan.episodes.iter().filter(|episode| match episode.fault {
                Fault::Kill(target) | Fault::Power(target) | Fault::Pause(target) | Fault::Mute(target) => {
                    target == Target::Leader
                }
                _ => false,
            });
            let at: Vec<u64> = falls.map(|episode| episode.at).collect();
            at.windows(2).filter(|pair| pair[1] - pair[0] < 1_000_000_000).count()
        };
        let many = (0..100).map(Plan::drawn).filter(|plan| falls(plan) > 20).count();
        assert!((20..80).contains(&many), "{many}");
    }

    #[test]
    fn in_an_even_run_everything_takes_equally_long() {
        let even: Vec<Plan> = (0..200).map(Plan::drawn).filter(|plan| plan.is_even).collect();
        assert!((10..50).contains(&even.len()), "{}", even.len());
        let equal = |(low, high): (u64, u64)| low == high;
        for plan in even {
            assert!(equal(plan.weather.delay) && equal(plan.pace.log) && equal(plan.pace.aside));
            assert_eq!((plan.pace.turn_ppm, plan.drift_ppm), (0, 0));
            assert!(plan.episodes.iter().all(|episode| match &episode.fault {
                Fault::Weather(weather) => equal(weather.delay),
                _ => true,
            }));
        }
    }

    #[test]
    fn about_half_of_the_kinds_are_on() {
        let on = |seed| {
            let kinds: std::collections::BTreeSet<_> =
                Plan::drawn(seed).episodes.iter().map(|episode| episode.fault.kind()).collect();
            kinds.len()
        };
        let mean = (0..200).map(on).sum::<usize>() / 200;
        assert!((8..11).contains(&mean), "{mean}");
    }
}
