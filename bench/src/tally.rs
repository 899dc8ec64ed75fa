//! The nodes' own counters over a run. They start at zero with each process, so they are kept per
//! start (boot id) and added up; what a killed process counted after it was last asked is lost.

use std::collections::BTreeMap;

use register::NodeStatus;
use register::status::KindTraffic;

/// What the nodes said, per node and start of its process.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    latest: BTreeMap<(u64, String), NodeStatus>,
    baseline: BTreeMap<(u64, String), NodeStatus>,
}

/// What all nodes together did since the baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Entries committed.
    pub commits: u64,
    /// Messages by kind, in the nodes' order.
    pub kinds: Vec<KindTraffic>,
    /// UDP payload that the nodes sent each other: messages, and what QUIC and TLS add.
    pub wire_bytes: u64,
    /// Datagrams that they came in.
    pub datagrams: u64,
    /// Writes to logs, each with one sync.
    pub syncs: u64,
    /// Times that some node became leader.
    pub elections_won: u64,
    /// Messages that no correct peer sends.
    pub alarms: u64,
}

impl Tally {
    /// Takes what a node says now.
    pub fn observe(&mut self, status: NodeStatus) {
        self.latest.insert((status.node, status.boot.clone()), status);
    }

    /// From here on is counted.
    pub fn set_baseline(&mut self) {
        self.baseline = self.latest.clone();
    }

    /// The sums since the baseline.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let highest = |all: &BTreeMap<_, NodeStatus>| all.values().map(|s| s.commit_index).max().unwrap_or(0);
        let mut sum = Traffic {
            commits: highest(&self.latest).saturating_sub(highest(&self.baseline)),
            ..Traffic::default()
        };
        for (boot, now) in &self.latest {
            let then = self.baseline.get(boot).cloned().unwrap_or_default();
            for kind in &now.wire {
                let before = then.wire.iter().find(|k| k.kind == kind.kind).cloned().unwrap_or_default();
                sum.add(kind, &before);
            }
            sum.wire_bytes += now.peer_port.bytes_sent.saturating_sub(then.peer_port.bytes_sent);
            sum.datagrams += now.peer_port.datagrams_sent.saturating_sub(then.peer_port.datagrams_sent);
            sum.syncs += now.counters.syncs.saturating_sub(then.counters.syncs);
            sum.elections_won += now.counters.elections_won.saturating_sub(then.counters.elections_won);
            sum.alarms += now.counters.alarms.saturating_sub(then.counters.alarms);
        }
        sum
    }
}

impl Traffic {
    fn add(&mut self, now: &KindTraffic, before: &KindTraffic) {
        let frames = now.frames.saturating_sub(before.frames);
        let bytes = now.bytes.saturating_sub(before.bytes);
        match self.kinds.iter_mut().find(|kind| kind.kind == now.kind) {
            Some(kind) => {
                kind.frames += frames;
                kind.bytes += bytes;
            }
            None => self.kinds.push(KindTraffic { frames, bytes, ..now.clone() }),
        }
    }

    /// Requests sent (replies not counted).
    #[must_use]
    pub fn rpcs(&self) -> u64 {
        self.kinds.iter().filter(|kind| kind.request).map(|kind| kind.frames).sum()
    }

    /// Messages sent, requests and replies.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.frames).sum()
    }

    /// Their bytes as encoded.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(node: u64, boot: &str, commit_index: u64, frames: u64) -> NodeStatus {
        let wire =
            vec![KindTraffic { kind: "AppendEntries".into(), request: true, frames, bytes: frames * 100 }];
        NodeStatus { node, boot: boot.into(), commit_index, wire, ..NodeStatus::default() }
    }

    #[test]
    fn counters_survive_restarts_and_start_at_the_baseline() {
        let mut tally = Tally::default();
        tally.observe(status(1, "a", 5, 10));
        tally.observe(status(2, "b", 5, 1));
        tally.set_baseline();
        tally.observe(status(1, "a", 20, 30));
        tally.observe(status(1, "a2", 3, 7));
        tally.observe(status(2, "b", 25, 4));
        let traffic = tally.traffic();
        assert_eq!(traffic.commits, 20);
        assert_eq!((traffic.rpcs(), traffic.bytes()), (20 + 7 + 3, 3000));
    }
}
