//! The log's way from the leader to a majority.

use super::super::bug::Bug;
use super::super::bug::Known::{After, Explored};
use super::super::bug::Source::{Rule, Seen, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "append-acked-before-durable",
        Seen("NodeDB-Lab/nodedb#161"),
        "entries are acknowledged before they are on disk",
    )
    .simulated(After(1)),
    Bug::new(
        "commit-beyond-verified",
        Seen("atomix/copycat#265"),
        "a follower commits beyond what a request showed to be the leader's",
    )
    .tested("raft", "a_follower_commits_no_further_than_a_request_verified")
    .simulated(After(85)),
    Bug::new(
        "commit-old-term",
        Rule("paper §5.4.2, Figure 8"),
        "replicas of an entry of an old term are counted (Figure 8)",
    )
    .tested("raft", "figure_8_an_entry_of_an_old_term_is_not_committed_by_counting")
    .simulated(Explored("figure-8")),
    Bug::new(
        "conflict-hint-off-by-one",
        Rule("paper §5.3"),
        "a rejection names the second entry of the conflicting term",
    )
    .simulated(After(31)),
    Bug::new(
        "conflict-not-truncated",
        Rule("paper §5.3"),
        "an entry that conflicts with the leader's is kept",
    )
    .simulated(After(2)),
    Bug::new(
        "durable-kept-after-truncation",
        Seen("rabbitmq/ra#637"),
        "a durable index is kept after the log was truncated below it",
    )
    .tested("raft", "truncation_lowers_what_was_already_durable")
    .simulated(After(2)),
    Bug::new(
        "entry-checksum-unchecked",
        Seen("Redundancy Does Not Imply Fault Tolerance (FAST 2017)"),
        "an entry that rotted in memory is applied",
    )
    .simulated(After(16)),
    Bug::new("entry-kind-lost-on-the-wire", Unknown, "a configuration or a no-op arrives as a command")
        .simulated(After(1)),
    Bug::new(
        "entry-skipped-at-byte-limit",
        Unknown,
        "an entry too large for what is left of a batch is left out",
    )
    .simulated(After(1)),
    Bug::new(
        "heartbeat-commits-unmatched",
        Rule("paper, Figure 2 (AppendEntries, 5)"),
        "a heartbeat commits what the follower's log was not compared in",
    )
    .simulated(After(2)),
    Bug::new(
        "last-index-acked",
        Rule("paper §5.3"),
        "a follower acknowledges its whole log, not what a request showed to be the leader's",
    )
    .tested("raft", "a_follower_truncates_only_at_a_real_conflict")
    .simulated(After(274)),
    Bug::new(
        "late-completion-raises",
        Rule("against ABA: cockroachdb/cockroach#124440"),
        "a late completion vouches for entries that were truncated meanwhile",
    )
    .tested("raft", "an_acknowledgement_that_a_truncation_overtook_is_never_said")
    .simulated(After(2)),
    Bug::new(
        "leader-counts-itself-at-append",
        Seen("goraft/raft#150"),
        "a leader counts its own entries before they are on its disk",
    )
    .simulated(After(1)),
    Bug::new(
        "leader-term-for-entry-term",
        Rule("paper §5.3"),
        "entries of earlier terms arrive under the leader's",
    )
    .simulated(After(1)),
    Bug::new("prev-term-unchecked", Rule("paper §5.3"), "the term of the entry before is not compared")
        .simulated(After(2)),
    Bug::new(
        "rejection-does-not-back-up",
        Seen("matrixarkai/TemporalStore#114"),
        "after a rejection the same request is sent again",
    )
    .simulated(After(1)),
    Bug::new(
        "restart-commits-the-log",
        Rule("paper, Figure 2 (commitIndex)"),
        "a node takes its whole log for committed when it starts",
    )
    .simulated(After(1)),
    Bug::new(
        "single-node-commits-at-append",
        Seen("etcd-io/etcd#14370"),
        "a single node acknowledges before its disk has the entry",
    )
    .simulated(After(8)),
    Bug::new(
        "stale-append-reply-counted",
        Seen("Students' Guide to Raft, term confusion"),
        "what a follower acknowledged in an earlier term counts",
    )
    .simulated(After(13)),
    Bug::new(
        "truncated-at-prev",
        Seen("lerna-stack/akka-entity-replication#152"),
        "each request cuts the log behind its beginning",
    )
    .simulated(After(3)),
    Bug::new(
        "window-never-freed",
        Seen("matrixarkai/TemporalStore#114"),
        "what was sent and lost takes room in the window for ever",
    )
    .simulated(After(1)),
];
