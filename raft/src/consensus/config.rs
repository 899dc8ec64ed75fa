//! The protocol's settings, and the relations between them that must hold.

use std::time::Duration;

/// Timing and limits of one node. All nodes of a cluster should have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A leader says that it is there at least this often.
    pub heartbeat: Duration,
    /// The shortest time without a leader after which a node campaigns; also how long a node
    /// protects a leader that it heard (§9.6), and how long a leader lives without a quorum.
    pub election_min: Duration,
    /// The longest such time; each wait is drawn at random between the two (§5.2).
    pub election_max: Duration,
    /// Entries in one AppendEntries, at most.
    pub max_append_entries: usize,
    /// Bytes of entries in one AppendEntries, at most; but always at least one entry.
    pub max_append_bytes: usize,
    /// AppendEntries that may be unanswered per peer.
    pub max_in_flight: usize,
    /// Bytes of one command, at most.
    pub max_command_bytes: usize,
    /// Bytes of uncommitted entries on a leader beyond which proposals are refused; and of reads
    /// that wait to be confirmed, beyond which reads are.
    pub max_uncommitted_bytes: usize,
    /// Bytes of entries that a snapshot already holds and a leader keeps all the same, for peers in
    /// reach that do not have them yet.
    pub max_kept_log_bytes: u64,
    /// Bytes of a snapshot in one message, at most; where the rate is limited, what it allows in a millisecond.
    pub snapshot_chunk_bytes: usize,
    /// Bytes of a snapshot that may be unanswered per peer; but always one message.
    pub snapshot_window_bytes: usize,
    /// Bytes of snapshots that a leader sends in a second, to all peers together; none: no limit.
    pub snapshot_bytes_per_second: Option<u64>,
    /// Bytes of log since the last snapshot before which none is taken. One larger than this waits
    /// for as many bytes of log as it has itself, so that writing snapshots costs no more than the log.
    pub snapshot_min_log_bytes: u64,
}

/// Settings that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum InvalidConfig {
    #[error("heartbeat {heartbeat:?} x 3 must not exceed the minimum election timeout {election_min:?}")]
    HeartbeatTooSlow { heartbeat: Duration, election_min: Duration },
    #[error("the election timeout's range {election_min:?}..{election_max:?} is empty")]
    EmptyElectionRange { election_min: Duration, election_max: Duration },
    #[error("{name} must not be zero")]
    Zero { name: &'static str },
    #[error("max_append_entries {value} is above the wire's limit of {limit}")]
    BatchTooLong { value: usize, limit: usize },
    #[error("{name} of {value} bytes is above the wire's limit of {limit}")]
    BatchTooLarge { name: &'static str, value: usize, limit: usize },
}

/// Below this a message costs more than what it carries.
const SMALLEST_PIECE: usize = 16 << 10;

impl Config {
    /// For the lab tests, whose limits on RPCs want few heartbeats: 250 ms, election 750–1500 ms.
    #[must_use]
    pub fn lab() -> Config {
        Config::timed(250, 750, 1500)
    }

    /// For one data centre: heartbeat 50 ms, election 150–300 ms.
    #[must_use]
    pub fn lan() -> Config {
        Config::timed(50, 150, 300)
    }

    /// Between data centres: heartbeat 250 ms, election 1–2 s.
    #[must_use]
    pub fn wan() -> Config {
        Config::timed(250, 1000, 2000)
    }

    fn timed(heartbeat: u64, election_min: u64, election_max: u64) -> Config {
        Config {
            heartbeat: Duration::from_millis(heartbeat),
            election_min: Duration::from_millis(election_min),
            election_max: Duration::from_millis(election_max),
            max_append_entries: crate::wire::MAX_ENTRIES,
            max_append_bytes: 1 << 20,
            max_in_flight: 8,
            max_command_bytes: 2 << 20,
            max_uncommitted_bytes: 64 << 20,
            max_kept_log_bytes: 256 << 20,
            snapshot_chunk_bytes: 256 << 10,
            snapshot_window_bytes: 4 << 20,
            snapshot_bytes_per_second: Some(32 << 20),
            snapshot_min_log_bytes: 16 << 20,
        }
    }

    /// Bytes of a snapshot in the next message. Commits wait behind each on its way through every processor,
    /// 1 MiB for 2 ms and more.
    pub(crate) fn snapshot_piece(&self) -> usize {
        let in_a_millisecond = |rate: u64| usize::try_from(rate / 1000).unwrap_or(usize::MAX);
        let paced = self.snapshot_bytes_per_second.map_or(usize::MAX, in_a_millisecond);
        // In whole pages, which a disk takes as they are.
        self.snapshot_chunk_bytes.min((paced & !4095).max(SMALLEST_PIECE))
    }

    /// Refuses settings that contradict each other.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let Config { heartbeat, election_min, election_max, .. } = *self;
        for (name, zero) in [
            ("heartbeat", heartbeat.is_zero()),
            ("max_append_entries", self.max_append_entries == 0),
            ("max_in_flight", self.max_in_flight == 0),
            ("max_uncommitted_bytes", self.max_uncommitted_bytes == 0),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes == 0),
            ("snapshot_window_bytes", self.snapshot_window_bytes == 0),
            ("snapshot_bytes_per_second", self.snapshot_bytes_per_second == Some(0)),
        ] {
            if zero {
                return Err(InvalidConfig::Zero { name });
            }
        }
        if heartbeat.saturating_mul(3) > election_min {
            return Err(InvalidConfig::HeartbeatTooSlow { heartbeat, election_min });
        }
        if election_min >= election_max {
            return Err(InvalidConfig::EmptyElectionRange { election_min, election_max });
        }
        if self.max_append_entries > crate::wire::MAX_ENTRIES {
            return Err(InvalidConfig::BatchTooLong {
                value: self.max_append_entries,
                limit: crate::wire::MAX_ENTRIES,
            });
        }
        let log = crate::wire::MAX_LOG_FRAME / 2;
        for (name, value, limit) in [
            ("max_append_bytes", self.max_append_bytes, log),
            ("max_command_bytes", self.max_command_bytes, log),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes, crate::wire::MAX_SNAPSHOT_CHUNK),
        ] {
            if value > limit {
                return Err(InvalidConfig::BatchTooLarge { name, value, limit });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_snapshot_is_what_its_rate_allows_in_a_millisecond() {
        let piece = |rate| Config { snapshot_bytes_per_second: rate, ..Config::lan() }.snapshot_piece();
        assert_eq!(piece(None), Config::lan().snapshot_chunk_bytes);
        assert_eq!(piece(Some(64_000_000)), 61_440);
        assert_eq!(piece(Some(1000)), SMALLEST_PIECE);
        assert_eq!(piece(Some(u64::MAX)), Config::lan().snapshot_chunk_bytes);
    }

    /// Whoever changes one of these changes what a node may take of memory, disk and network.
    #[test]
    fn the_limits_of_all_profiles_are_these() {
        for config in [Config::lab(), Config::lan(), Config::wan()] {
            let bytes = [
                config.max_append_bytes as u64,
                config.max_command_bytes as u64,
                config.max_uncommitted_bytes as u64,
                config.max_kept_log_bytes,
                config.snapshot_chunk_bytes as u64,
                config.snapshot_window_bytes as u64,
                config.snapshot_bytes_per_second.unwrap(),
                config.snapshot_min_log_bytes,
            ];
            assert_eq!(bytes, [1024, 2048, 65_536, 262_144, 256, 4096, 32_768, 16_384].map(|kib| kib * 1024));
            assert_eq!((config.max_append_entries, config.max_in_flight), (4096, 8));
        }
    }

    #[test]
    fn shipped_profiles_are_valid() {
        for config in [Config::lab(), Config::lan(), Config::wan()] {
            config.validate().unwrap();
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let slow = Config { heartbeat: Duration::from_millis(51), ..Config::lan() };
        assert!(matches!(slow.validate(), Err(InvalidConfig::HeartbeatTooSlow { .. })));
        let endless = Config { heartbeat: Duration::MAX, ..Config::lan() };
        assert!(matches!(endless.validate(), Err(InvalidConfig::HeartbeatTooSlow { .. })));
        let empty = Config { election_max: Duration::from_millis(150), ..Config::lan() };
        assert!(matches!(empty.validate(), Err(InvalidConfig::EmptyElectionRange { .. })));
        let none = Config { max_in_flight: 0, ..Config::lan() };
        assert!(matches!(none.validate(), Err(InvalidConfig::Zero { name: "max_in_flight" })));
        let large = Config { max_command_bytes: 8 << 20, ..Config::lan() };
        assert!(matches!(large.validate(), Err(InvalidConfig::BatchTooLarge { .. })));
        let large = Config { snapshot_chunk_bytes: 2 << 20, ..Config::lan() };
        assert!(matches!(large.validate(), Err(InvalidConfig::BatchTooLarge { .. })));
        let stopped = Config { snapshot_bytes_per_second: Some(0), ..Config::lan() };
        assert!(matches!(stopped.validate(), Err(InvalidConfig::Zero { .. })));
    }

    #[test]
    fn what_goes_on_the_wire_may_be_as_large_as_its_limit() {
        type Set = fn(&mut Config, usize);
        let sizes: [(Set, usize); 4] = [
            (|config, size| config.max_append_entries = size, 4096),
            (|config, size| config.max_append_bytes = size, 4 << 20),
            (|config, size| config.max_command_bytes = size, 4 << 20),
            (|config, size| config.snapshot_chunk_bytes = size, 1 << 20),
        ];
        for (number, (set, limit)) in sizes.into_iter().enumerate() {
            let with = |size| {
                let mut config = Config::lan();
                set(&mut config, size);
                config.validate()
            };
            assert_eq!(with(limit), Ok(()), "{number}");
            assert!(with(limit + 1).is_err(), "{number}");
        }
    }

    #[test]
    fn nothing_that_is_counted_on_may_be_zero() {
        type Unset = fn(&mut Config);
        let zeros: [Unset; 7] = [
            |config| config.heartbeat = Duration::ZERO,
            |config| config.max_append_entries = 0,
            |config| config.max_in_flight = 0,
            |config| config.max_uncommitted_bytes = 0,
            |config| config.snapshot_chunk_bytes = 0,
            |config| config.snapshot_window_bytes = 0,
            |config| config.snapshot_bytes_per_second = Some(0),
        ];
        for (number, unset) in zeros.into_iter().enumerate() {
            let mut config = Config::lan();
            unset(&mut config);
            assert!(matches!(config.validate(), Err(InvalidConfig::Zero { .. })), "{number}");
        }
    }
}
