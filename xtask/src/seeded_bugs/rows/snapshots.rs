//! Snapshots: written, sent, installed.

use super::super::bug::Bug;
use super::super::bug::Known::{After, Explored, Hole};
use super::super::bug::Source::{Rule, Seen, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "applied-again-after-install",
        Rule("paper §7"),
        "entries that an installed snapshot holds are applied to it again",
    )
    .simulated(After(1)),
    Bug::new(
        "compaction-beyond-snapshot",
        Seen("RedisLabs/redisraft#43"),
        "the log is cut behind the snapshot",
    )
    .simulated(After(1)),
    Bug::new(
        "foreign-snapshot-passed-over",
        Unknown,
        "what a newer version of the software wrote is taken for damage, and removed later on",
    )
    .tested("raft", "a_snapshot_of_a_newer_format_or_another_cluster_is_refused_and_nothing_touched")
    .simulated(After(5)),
    Bug::new(
        "log-suffix-kept-after-install",
        Seen("databendlabs/openraft#559"),
        "a log that conflicts with an installed snapshot keeps its end",
    )
    .tested("raft", "an_installed_snapshot_replaces_a_log_that_does_not_hold_its_end")
    .simulated(After(28)),
    Bug::new(
        "lost-piece-never-asked-again",
        Seen("dgraph-io/dgraph#2707"),
        "a transfer of which a piece was lost stands still",
    )
    .simulated(After(7)),
    Bug::new(
        "membership-missing-from-snapshot",
        Seen("moby/swarmkit#238"),
        "a snapshot holds no configuration",
    )
    .simulated(After(1)),
    Bug::new(
        "named-snapshot-forgotten",
        Unknown,
        "a snapshot that is given up stays under its name, known to nobody",
    )
    .tested("raft", "a_named_snapshot_that_another_replaces_is_known")
    .simulated(After(7)),
    Bug::new(
        "older-piece-taken",
        Unknown,
        "a late piece of an older snapshot takes the place of the one that is arriving, which begins again",
    )
    .tested("raft", "a_late_piece_of_a_leaders_older_snapshot_ends_no_transfer"),
    Bug::new(
        "sessions-missing-from-snapshot",
        Rule("dissertation §6.3"),
        "a snapshot without the sessions lets a repeat take effect twice",
    )
    .tested("raft", "a_snapshot_holds_the_sessions")
    .simulated(After(1)),
    Bug::new(
        "sessions-not-installed",
        Rule("dissertation §6.3"),
        "a snapshot is installed without its sessions",
    )
    .simulated(After(2)),
    Bug::new(
        "snapshot-acked-before-durable",
        Rule("paper, Figure 2 (persistent state)"),
        "a snapshot is acknowledged before the log that begins behind it is on disk",
    )
    .tested("raft", "an_installed_snapshot_replaces_a_log_that_does_not_hold_its_end")
    .simulated(After(13)),
    Bug::new(
        "snapshot-adopted-unsynced",
        Seen("etcd-io/etcd#22314"),
        "a snapshot whose name is not durable is relied on after a restart",
    )
    .tested("raft", "every_crash_point_with_every_subset_of_what_is_not_durable")
    .simulated(After(11)),
    Bug::new(
        "snapshot-directory-not-synced",
        Seen("ClickHouse/ClickHouse#111339"),
        "a snapshot counts before its name is durable",
    )
    .tested("raft", "what_was_stored_survives_every_crash")
    .simulated(After(1)),
    Bug::new(
        "snapshot-index-behind-state",
        Seen("etcd-io/etcd#13766"),
        "a snapshot names an index below what its state holds",
    )
    .simulated(After(43)),
    Bug::new(
        "snapshot-named-over-another",
        Unknown,
        "a leader's snapshot takes the place of this node's own of the same index",
    )
    .tested("raft", "every_file_is_known_and_holds_what_it_is_known_for")
    .simulated(Hole("two snapshots of one index have the same bytes: all nodes write a machine down alike")),
    Bug::new(
        "snapshot-not-read-back",
        Unknown,
        "a snapshot takes the place of the one before although the disk has another",
    )
    .tested("raft", "a_snapshot_that_is_not_what_was_written_is_not_stored")
    .simulated(After(2)),
    Bug::new(
        "snapshot-over-newer-log",
        Seen("camunda/camunda#6092"),
        "an older snapshot takes the place of a newer state",
    )
    .tested("raft", "a_snapshot_never_replaces_what_is_known_to_be_committed_as_far")
    .simulated(Explored("snapshot")),
    Bug::new("snapshot-read-on-after-damage", Unknown, "a state is built from bytes that follow damage")
        .tested("raft", "of_a_damaged_chunk_nothing_is_handed_on")
        .simulated(After(630)),
    Bug::new(
        "snapshot-renamed-before-sync",
        Seen("ArcadeData/arcadedb#4830"),
        "a snapshot gets its name before its content is durable",
    )
    .tested("raft", "what_was_stored_survives_every_crash")
    .simulated(After(1)),
    Bug::new(
        "transfer-restarts-with-each-probe",
        Seen("camunda/camunda#14671"),
        "a transfer begins anew each time that it is asked after",
    )
    .simulated(After(2)),
];
