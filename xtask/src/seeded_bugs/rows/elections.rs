//! Elections, votes and quorums.

use super::super::bug::Bug;
use super::super::bug::Known::{After, Explored};
use super::super::bug::Source::{Ours, Rule, Seen, Unknown};

pub(super) const ROWS: &[Bug] = &[
    Bug::new(
        "asked-behind-the-deadline",
        Ours,
        "a leader takes a command after the moment at which it was to step down",
    )
    .simulated(After(4)),
    Bug::new("canary", Unknown, "every step breaks a rule, which shows that breaking one is noticed")
        .simulated(After(1)),
    Bug::new(
        "check-quorum-missing",
        Seen("etcd at Cloudflare, 2020"),
        "a leader that no majority answers stays one",
    )
    .simulated(After(1)),
    Bug::new(
        "election-timer-not-randomised",
        Rule("paper §5.2"),
        "all nodes wait equally long before they campaign",
    )
    .simulated(After(90)),
    Bug::new(
        "incarnation-unchecked",
        Seen("sboesebeck/morphium#298"),
        "a node with a wiped disk takes part under its old name",
    )
    .simulated(After(14)),
    Bug::new("majority-is-half", Rule("paper §5.2"), "half of an even number of voters decides")
        .simulated(After(1)),
    Bug::new("majority-rounded-up", Rule("paper §5.2"), "half of the voters, rounded up, decides")
        .simulated(After(3)),
    Bug::new("old-leader-obeyed", Rule("paper §5.1"), "a follower obeys the leader of an earlier term")
        .simulated(Explored("read")),
    Bug::new(
        "own-vote-before-durable",
        Rule("paper, Figure 2"),
        "a candidate counts its own vote before it is on disk",
    )
    .simulated(After(1)),
    Bug::new(
        "own-vote-not-saved",
        Rule("paper, Figure 2"),
        "a candidate's vote for itself is not part of its state",
    )
    .simulated(After(1)),
    Bug::new("pre-vote-counted-as-vote", Seen("canonical/raft#196"), "a granted PreVote counts as a vote")
        .simulated(After(1)),
    Bug::new(
        "pre-vote-disturbs-leader",
        Seen("sofastack/sofa-jraft#15"),
        "a node that hears a leader grants a PreVote",
    )
    .simulated(After(1)),
    Bug::new(
        "pre-vote-reply-term-ignored",
        Seen("etcd-io/etcd#8243"),
        "a higher term in the answer to a PreVote is ignored",
    )
    .simulated(After(1)),
    Bug::new(
        "stale-vote-counted",
        Seen("Students' Guide to Raft, term confusion"),
        "a vote of an earlier term counts",
    )
    .simulated(Explored("election")),
    Bug::new("step-down-forgotten", Rule("paper §5.1"), "a leader goes on when an answer has a higher term")
        .simulated(After(7)),
    Bug::new(
        "term-not-saved-with-entries",
        Rule("paper, Figure 2"),
        "entries are written without the term and vote that changed with them",
    )
    .simulated(After(1)),
    Bug::new(
        "term-saved-with-the-next-write",
        Rule("paper, Figure 2"),
        "a write without entries keeps the term and vote of the one before",
    )
    .simulated(After(1)),
    Bug::new(
        "unasked-votes-elect",
        Unknown,
        "votes that nobody asked for elect a candidate whose own vote is not durable",
    )
    .tested("raft", "a_vote_won_before_the_own_one_is_durable_does_not_make_a_majority"),
    Bug::new(
        "up-to-date-index-first",
        Rule("paper §5.4.1"),
        "the longer log counts as newer, whatever its last term",
    )
    .simulated(After(107)),
    Bug::new(
        "vote-before-durable",
        Seen("NodeDB-Lab/nodedb#161"),
        "a vote leaves the node before it is on disk",
    )
    .tested("raft", "a_vote_is_said_only_when_it_is_durable")
    .simulated(After(1)),
    Bug::new(
        "vote-disturbs-leader",
        Rule("dissertation §4.2.3"),
        "a node that hears a leader takes over a candidate's term, and votes",
    )
    .tested("raft", "a_leader_that_is_heard_is_protected_from_pre_votes_and_votes")
    .simulated(After(2)),
    Bug::new(
        "vote-for-any-log",
        Seen("sboesebeck/morphium#298"),
        "a vote is given whatever the candidate has in its log",
    )
    .simulated(After(1)),
    Bug::new(
        "vote-forgotten-at-restart",
        Seen("Mininglamp-OSS/octo-im#42"),
        "a node starts with its term and without its vote",
    )
    .simulated(After(1)),
    Bug::new("vote-not-persisted", Seen("NodeDB-Lab/nodedb#161"), "a vote is kept in memory only")
        .simulated(After(2)),
    Bug::new(
        "vote-twice-in-a-term",
        Seen("canonical/raft#196"),
        "a vote is given to each who asks in a term",
    )
    .simulated(After(5)),
];
