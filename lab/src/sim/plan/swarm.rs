//! What a seed means: the cluster's size and settings, its load, and what goes wrong. Each kind of fault is on in
//! half of the seeds, at a rate drawn over orders of magnitude, so that each is also seen without the others
//! (swarm testing: Groce et al., ISSTA 2012).

use std::time::Duration;

use raft::Config;
use raft::session::ReplyBounds;
use serde::{Deserialize, Serialize};

use super::fault::{Episode, Fault, Target};
use crate::sim::cluster::Pace;
use crate::sim::cluster::links::Weather;
use crate::sim::nanos;
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

fn shipped_reply_bytes() -> u64 {
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
const LIMIT: Stream = Stream::named("swarm.limit");
const LENGTH: Stream = Stream::named("swarm.length");
pub(super) const ON: Stream = Stream::named("swarm.on");
const RATE: Stream = Stream::named("swarm.rate");
pub(super) const GAP: Stream = Stream::named("swarm.gap");
pub(super) const LASTS: Stream = Stream::named("swarm.lasts");
pub(super) const DETAIL: Stream = Stream::named("swarm.detail");

/// The kinds of episodes; damage and wiped disks are drawn apart.
const KINDS: u64 = 16;
/// Those after which little goes on for a while: blackouts, foreign files.
const RARE: [u64; 2] = [11, 13];
/// Episodes are drawn so far ahead; few runs last as long.
const HORIZON: Duration = Duration::from_secs(120);

pub(super) struct Draw {
    pub(super) random: Random,
    pub(super) nodes: u64,
}

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
        episodes.extend(draw.coups());
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

impl Draw {
    /// One of these.
    pub(super) fn one_of<T: Copy>(&self, stream: Stream, entity: u64, of: &[T]) -> T {
        of[usize_of(self.random.below(stream, entity, 0, of.len() as u64))]
    }

    fn limits(&self) -> Limits {
        let limit = |entity, of: &[u64]| self.one_of(LIMIT, entity, of);
        Limits {
            segment_bytes: limit(0, &[4 << 10, 16 << 10, 64 << 10]),
            max_append_entries: usize_of(limit(1, &[1, 2, 7, 64, 4096])),
            max_append_bytes: usize_of(limit(2, &[1, 300, 4 << 10, 1 << 20])),
            max_in_flight: usize_of(limit(3, &[1, 2, 8, 8])),
            max_uncommitted_bytes: usize_of(limit(4, &[2 << 10, 64 << 20, 64 << 20])),
            max_kept_log_bytes: limit(5, &[1, 4 << 10, 64 << 10, 256 << 20]),
            snapshot_chunk_bytes: usize_of(limit(6, &[100, 1 << 10, 256 << 10])),
            snapshot_window_bytes: usize_of(limit(7, &[1, 4 << 10, 4 << 20])),
            snapshot_min_log_bytes: limit(8, &[1 << 10, 8 << 10, 64 << 10, 64 << 20]),
            session_reply_bytes: limit(9, &[0, 30, 300, 3_000, shipped_reply_bytes(), shipped_reply_bytes()]),
        }
    }

    /// A rate of so many millionths, over orders of magnitude; or none in half of the cases.
    fn ppm(&self, entity: u64, most: u64) -> u32 {
        if self.random.chance(ON, 100, entity, 500_000) {
            u32::try_from(self.log_uniform(RATE, 100, entity, (most / 1000, most))).unwrap_or(0)
        } else {
            0
        }
    }

    fn weather(&self, entity: u64) -> Weather {
        let entity = entity * 8;
        Weather {
            delay: (50_000, self.log_uniform(RATE, 99, entity, (100_000, 20_000_000))),
            late_ppm: self.ppm(entity, 100_000),
            loss_ppm: self.ppm(entity + 1, 200_000),
            twice_ppm: self.ppm(entity + 2, 200_000),
            replay_ppm: self.ppm(entity + 3, 50_000),
            disorder: self.random.chance(ON, 102, entity, 500_000),
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            log: (50_000, self.log_uniform(RATE, 98, 0, (100_000, 20_000_000))),
            aside: (20_000, self.log_uniform(RATE, 98, 1, (100_000, 50_000_000))),
            stall_ppm: self.ppm(800, 10_000),
            turn: (1_000, self.log_uniform(RATE, 98, 2, (10_000, 5_000_000))),
            turn_ppm: self.ppm(801, 500_000),
        }
    }

    /// All episodes of one kind.
    fn episodes(&self, kind: u64) -> Vec<Episode> {
        if !self.random.chance(ON, kind, 0, 500_000) {
            return Vec::new();
        }
        let (least, most) = if RARE.contains(&kind) {
            (2_000_000_000, 60_000_000_000)
        } else {
            (200_000_000, 20_000_000_000)
        };
        let mean = self.log_uniform(RATE, kind, 0, (least, most));
        let (mut at, mut number, mut episodes) = (0, 0, Vec::new());
        loop {
            at += self.random.between(GAP, kind, number, (mean / 4, 2 * mean));
            if at > nanos(HORIZON) {
                return episodes;
            }
            let lasts = self.log_uniform(LASTS, kind, number, (1_000_000, 3_000_000_000));
            episodes.push(Episode { at, lasts, fault: self.fault(kind, number) });
            number += 1;
        }
    }

    fn fault(&self, kind: u64, number: u64) -> Fault {
        let detail = |what| self.random.draw(DETAIL, kind << 8 | what, number);
        let target = match detail(0) % 3 {
            0 => Target::Leader,
            _ => Target::Node(usize_of(detail(1) % self.nodes)),
        };
        match kind {
            0 => Fault::Kill(target),
            1 => Fault::Power(target),
            2 => Fault::Pause(target),
            3 => Fault::Mute(target),
            4 => Fault::Deafen(target),
            5 => Fault::Cut { from: usize_of(detail(2) % self.nodes), to: usize_of(detail(3) % self.nodes) },
            6 => Fault::Split(u32::try_from(detail(2) & 0x7f).unwrap_or(0)),
            7 => Fault::Weather(self.weather(1 + number)),
            8 => Fault::SlowDisk(target, self.log_uniform(DETAIL, kind << 8, number, (2, 2000))),
            9 => Fault::FullDisk(target),
            10 => Fault::FailedSync { target, cache_keeps: detail(2) % 2 == 0 },
            11 => Fault::Blackout,
            12 => super::damage::ambush(target, detail(2)),
            13 => Fault::Foreign(target),
            14 => Fault::Spoil(target),
            _ => Fault::Drift(target, i32::try_from(detail(2) % 100_001).unwrap_or(0) - 50_000),
        }
    }

    /// One leader after another is taken away soon after it was elected: what a term leaves behind half done meets
    /// the next ones (Figure 8).
    fn coups(&self) -> Vec<Episode> {
        if !self.random.chance(ON, 60, 0, 250_000) {
            return Vec::new();
        }
        let mean = self.log_uniform(RATE, 60, 0, (50_000_000, 800_000_000));
        let mut at = self.random.between(GAP, 60, 0, (200_000_000, 5_000_000_000));
        let episode = |number| {
            at += self.random.between(GAP, 60, number, (mean / 4, 2 * mean));
            let fault = match self.random.below(DETAIL, 60, number, 4) {
                0 => Fault::Kill(Target::Leader),
                1 => Fault::Power(Target::Leader),
                2 => Fault::Pause(Target::Leader),
                _ => Fault::Mute(Target::Leader),
            };
            Episode { at, lasts: self.log_uniform(LASTS, 60, number, (20_000_000, 2_000_000_000)), fault }
        };
        (1..60).map(episode).collect()
    }

    /// From `low` to `high`, each order of magnitude as likely as any other.
    pub(super) fn log_uniform(
        &self,
        stream: Stream,
        entity: u64,
        counter: u64,
        (low, high): (u64, u64),
    ) -> u64 {
        let low = low.max(1);
        let octaves = (high / low).max(1).ilog2().into();
        let octave = self.random.between(stream, entity, 2 * counter, (0, octaves));
        let from = low << octave;
        self.random.between(stream, entity, 2 * counter + 1, (from, (2 * from).min(high).max(from)))
    }
}

pub(super) fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(kinds.len(), 22, "{kinds:?}");
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
