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
