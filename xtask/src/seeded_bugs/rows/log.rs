//! The log on the disk, and its repair.

use super::super::bug::Bug;
use super::super::bug::Known::{After, Hole};
use super::super::bug::Source::{Ours, Rule, Seen, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "damaged-log-committed",
        Unknown,
        "a commit index that goes by what matched before the damage commits what replaced it",
    )
    .tested("raft", "a_heartbeat_commits_nothing_of_a_damaged_log")
    .simulated(After(85)),
    Bug::new(
        "damaged-node-leads",
        Seen("Protocol-Aware Recovery (FAST 2018)"),
        "a node that lost entries becomes leader",
    )
    .simulated(After(6)),
    Bug::new(
        "failed-sync-passed-over",
        Seen("PostgreSQL (fsync, 2018)"),
        "a node goes on after a failed sync",
    )
    .simulated(After(8)),
    Bug::new(
        "head-written-apart",
        Ours,
        "a segment's head is left to the sync of the batch behind it, which vouches for its own bytes only",
    )
    .tested("raft", "every_crash_point_with_every_subset_of_what_is_not_durable")
    .simulated(After(1)),
    Bug::new(
        "last-segment-recycled",
        Rule("paper, Figure 2 (persistent state)"),
        "compaction removes the file that holds the newest term and vote",
    )
    .tested("raft", "compaction_never_takes_the_term_and_vote_with_it")
    .simulated(After(136)),
    Bug::new(
        "mark-unsynced",
        Ours,
        "a durability mark is not synced, and what is acknowledged stands behind it",
    )
    .tested("raft", "every_crash_point_with_every_subset_of_what_is_not_durable")
    .simulated(Hole(
        "a mark that is lost reads as damage, and the node asks for what it has: slow, but safe",
    )),
    Bug::new(
        "repair-kept-quiet",
        Seen("baidu/braft#292"),
        "an idle leader does not learn that a peer lost what it had acknowledged",
    )
    .tested("raft", "a_repairing_node_says_in_every_answer_what_it_lacks")
    .simulated(After(32)),
    Bug::new(
        "repair-match-kept",
        Seen("etcd-io/raft#197"),
        "a leader ignores rejections below match_index and never repairs a damaged peer",
    )
    .tested("raft", "a_leader_sends_again_what_a_peer_had_acknowledged_and_lost")
    .simulated(After(32)),
    Bug::new(
        "repairing-node-votes",
        Seen("Protocol-Aware Recovery (FAST 2018)"),
        "a node that lost entries takes part in deciding that they were not committed",
    )
    .tested("raft", "a_damaged_node_votes_only_for_a_log_that_holds_what_it_lost")
    .simulated(After(144)),
    Bug::new(
        "replaced-end-kept",
        Ours,
        "a node whose disk lost what had replaced the end of its log does not ask for it",
    )
    .simulated(After(392))
    .replayed("replaced-end-kept"),
    Bug::new("scrub-believes-the-cache", Unknown, "what is read again comes from memory, where nothing rots")
        .tested("raft", "a_write_that_never_reached_the_disk_is_found")
        .simulated(After(6)),
    Bug::new(
        "spare-adopted-unsynced",
        Seen("baidu/braft#254"),
        "a segment made ahead is written to after a restart although its name is not durable",
    )
    .tested("raft", "a_spare_that_a_life_finds_has_a_durable_name_before_it_is_written_to")
    .simulated(After(3)),
    Bug::new(
        "sync-skipped",
        Seen("robustmq/robustmq#2039"),
        "a write is reported durable before it was synced",
    )
    .tested("raft", "what_was_reported_durable_survives_a_crash")
    .simulated(After(1)),
    Bug::new(
        "tail-not-rewritten",
        Seen("Can Applications Recover from fsync Failures? (ATC 2020)"),
        "what a failed sync left in the page cache is believed after a restart",
    )
    .tested("raft", "a_failure_of_every_sync_loses_nothing_reported")
    .simulated(After(7)),
    Bug::new(
        "torn-tail-cut-below-durable",
        Seen("Protocol-Aware Recovery (FAST 2018)"),
        "damage to durable entries is taken for a torn tail and cut away",
    )
    .tested("raft", "every_flipped_bit_is_harmless_or_named_or_only_costs_what_was_not_known_durable")
    .simulated(After(1)),
    Bug::new(
        "torn-tail-taken-for-damage",
        Seen("etcd-io/etcd#5230"),
        "a write that a crash tore counts as part of the log",
    )
    .simulated(After(14)),
    Bug::new("unreadable-end-cut", Unknown, "the end of a log that cannot be read is taken for a torn tail")
        .tested("raft", "a_sector_that_cannot_be_read_is_damage_and_never_a_torn_tail")
        .simulated(After(48)),
];
