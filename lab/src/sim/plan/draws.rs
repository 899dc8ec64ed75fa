//! Draws of one seed: limits, networks, disks, episodes of each kind.

use std::time::Duration;

use super::fault::{Episode, Fault, Target};
use super::swarm::{Limits, shipped_reply_bytes};
use crate::sim::cluster::Pace;
use crate::sim::cluster::links::Weather;
use crate::sim::nanos;
use crate::sim::random::{Random, Stream};

const LIMIT: Stream = Stream::named("swarm.limit");
pub(super) const ON: Stream = Stream::named("swarm.on");
const RATE: Stream = Stream::named("swarm.rate");
pub(super) const GAP: Stream = Stream::named("swarm.gap");
pub(super) const LASTS: Stream = Stream::named("swarm.lasts");
pub(super) const DETAIL: Stream = Stream::named("swarm.detail");

/// The kinds of episodes; damage and wiped disks are drawn apart.
pub(super) const KINDS: u64 = 16;
/// Those after which little goes on for a while: blackouts, foreign files.
const RARE: [u64; 2] = [11, 13];
/// Episodes are drawn so far ahead; few runs last as long.
const HORIZON: Duration = Duration::from_secs(120);

pub(super) struct Draw {
    pub(super) random: Random,
    pub(super) nodes: u64,
}

impl Draw {
    /// One of these.
    pub(super) fn one_of<T: Copy>(&self, stream: Stream, entity: u64, of: &[T]) -> T {
        of[usize_of(self.random.below(stream, entity, 0, of.len() as u64))]
    }

    pub(super) fn limits(&self) -> Limits {
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
    pub(super) fn ppm(&self, entity: u64, most: u64) -> u32 {
        if self.random.chance(ON, 100, entity, 500_000) {
            u32::try_from(self.log_uniform(RATE, 100, entity, (most / 1000, most))).unwrap_or(0)
        } else {
            0
        }
    }

    pub(super) fn weather(&self, entity: u64) -> Weather {
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

    pub(super) fn pace(&self) -> Pace {
        Pace {
            log: (50_000, self.log_uniform(RATE, 98, 0, (100_000, 20_000_000))),
            aside: (20_000, self.log_uniform(RATE, 98, 1, (100_000, 50_000_000))),
            stall_ppm: self.ppm(800, 10_000),
            turn: (1_000, self.log_uniform(RATE, 98, 2, (10_000, 5_000_000))),
            turn_ppm: self.ppm(801, 500_000),
        }
    }

    /// All episodes of one kind.
    pub(super) fn episodes(&self, kind: u64) -> Vec<Episode> {
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
            0 if detail(2).is_multiple_of(4) => Fault::Stop(target),
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
    pub(super) fn depositions(&self) -> Vec<Episode> {
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
