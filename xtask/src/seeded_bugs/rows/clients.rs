//! Sessions, replies and reads.

use super::super::bug::Bug;
use super::super::bug::Known::{After, Explored};
use super::super::bug::Source::{Ours, Rule, Seen, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "duplicate-applied-again",
        Seen("CurvineIO/curvine#676"),
        "a command that is sent again takes effect again",
    )
    .simulated(After(1)),
    Bug::new(
        "floor-forgotten",
        Rule("dissertation §6.3"),
        "a session forgets how far its client has its replies, not the replies",
    )
    .simulated(After(98)),
    Bug::new(
        "floor-ignored",
        Rule("dissertation §6.3"),
        "a command below what its client acknowledged takes effect again",
    )
    .simulated(After(98)),
    Bug::new(
        "forgotten-reply-applied-again",
        Rule("dissertation §6.3"),
        "with the reply the session forgets the command, and a repeat takes effect",
    )
    .tested("raft", "a_command_whose_reply_is_forgotten_is_not_applied_again")
    .simulated(After(2)),
    Bug::new("noop-missing", Seen("RedisLabs/redisraft#22"), "a new leader appends nothing of its own term")
        .simulated(After(2)),
    Bug::new(
        "read-before-noop",
        Seen("etcd-io/etcd#7331"),
        "a leader reads before an entry of its term is committed",
    )
    .simulated(After(2)),
    Bug::new(
        "read-does-not-wait-for-apply",
        Rule("dissertation §6.4"),
        "a read is answered before what it must see is applied",
    )
    .simulated(After(237)),
    Bug::new(
        "read-round-reused",
        Seen("etcd-io/etcd#20418"),
        "late answers to one round of reads confirm the next",
    )
    .simulated(After(1)),
    Bug::new(
        "read-without-quorum",
        Seen("etcd, Consul (Jepsen, 2014)"),
        "a leader reads without asking whether it is one",
    )
    .simulated(Explored("read")),
    Bug::new(
        "replies-unbounded",
        Unknown,
        "sessions keep more than a snapshot can be read with, and the log is compacted against it",
    )
    .tested("raft", "the_replies_of_a_session_are_bounded_and_the_newest_stay")
    .simulated(After(2)),
    Bug::new(
        "resolved-by-index-alone",
        Seen("lerna-stack/akka-entity-replication#156"),
        "a client is given the reply to another's command at the same index",
    )
    .simulated(After(2)),
    Bug::new(
        "round-of-an-earlier-term-confirmed",
        Ours,
        "an answer to a heartbeat of an earlier term confirms a round of this one",
    )
    .simulated(After(540))
    .replayed("round-of-an-earlier-term"),
    Bug::new(
        "stale-heartbeat-reply-counted",
        Seen("Students' Guide to Raft, term confusion"),
        "an answer of an earlier term confirms a read",
    )
    .simulated(After(5)),
    Bug::new(
        "unknown-told-as-refused",
        Rule("databendlabs/openraft#2096"),
        "what may yet commit is told as refused",
    )
    .simulated(After(3)),
];
