//! Counters per kind of message: how many left this node, and their encoded bytes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Kind;

/// Frames and bytes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCount {
    /// Frames.
    pub frames: u64,
    /// Their bytes as encoded, prefix included; what encryption and packets add is not in it.
    pub bytes: u64,
}

/// What one node sent, by kind. Shared between the driver, which counts, and whoever asks.
#[derive(Debug, Default)]
pub struct WireStats {
    frames: [AtomicU64; 16],
    bytes: [AtomicU64; 16],
}

impl WireStats {
    /// Counts a frame that is about to leave.
    pub fn count(&self, kind: Kind, bytes: usize) {
        let slot = kind as usize;
        self.frames[slot].fetch_add(1, Relaxed);
        self.bytes[slot].fetch_add(bytes as u64, Relaxed);
    }

    /// What was sent of one kind.
    #[must_use]
    pub fn get(&self, kind: Kind) -> KindCount {
        let slot = kind as usize;
        KindCount { frames: self.frames[slot].load(Relaxed), bytes: self.bytes[slot].load(Relaxed) }
    }

    /// Requests sent (replies not counted), as the lab tests count RPCs.
    #[must_use]
    pub fn requests(&self) -> u64 {
        Kind::ALL.iter().filter(|k| k.is_request()).map(|k| self.get(*k).frames).sum()
    }

    /// Bytes sent, requests and replies.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        Kind::ALL.iter().map(|k| self.get(*k).bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_without_replies_and_bytes_with_both() {
        let stats = WireStats::default();
        let counted = |stats: &WireStats| (stats.requests(), stats.total_bytes());
        assert_eq!(counted(&stats), (0, 0));
        for (kind, bytes) in [
            (Kind::Heartbeat, 10),
            (Kind::HeartbeatReply, 200),
            (Kind::Heartbeat, 3000),
            (Kind::AppendEntries, 40_000),
            (Kind::InstallSnapshotReply, 500_000),
        ] {
            stats.count(kind, bytes);
        }
        assert_eq!(counted(&stats), (3, 543_210));
        assert_eq!(stats.get(Kind::Heartbeat), KindCount { frames: 2, bytes: 3010 });
        assert_eq!(stats.get(Kind::HeartbeatReply), KindCount { frames: 1, bytes: 200 });
        assert_eq!(stats.get(Kind::PreVote), KindCount::default());
    }

    /// What the lab tests count as RPCs.
    #[test]
    fn whatever_is_answered_is_a_request() {
        let requests: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.is_request()).collect();
        use Kind::{AppendEntries, Heartbeat, InstallSnapshot, Introduction, PreVote, RequestVote};
        let answered = [PreVote, RequestVote, AppendEntries, Heartbeat, Introduction, InstallSnapshot];
        assert_eq!(requests, answered);
    }
}
