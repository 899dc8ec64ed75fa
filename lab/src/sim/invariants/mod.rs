//! What must be true after every step, each compared with what was seen before, so that a check costs about
//! as much as the step changed.
//!
//! | file | what | source |
//! |---|---|---|
//! | `progress` | terms, commit index and what is applied never go back | Figure 2 |
//! | `elections` | one leader a term; one vote a node and term, over all its lives | Figure 3, §5.2 |
//! | `logs` | log matching; a leader only appends | Figure 3, §5.3 |
//! | `commits` | what is committed is durable on a majority, is in every later leader's log, and the same everywhere | Figure 3, §5.4 |
//! | `claims` | what a node says of itself is true of its disk | |
//! | `replies` | a client is told only what is committed, once, and reads at least what was committed when it asked | §6.3, §6.4 |

mod claims;
mod commits;
mod elections;
mod logs;
mod progress;
mod replies;

use std::fmt;
use std::sync::Arc;

use raft::consensus::Raft;
use raft::consensus::entry::Chain;
use raft::consensus::io::RoleName;
use raft::consensus::message::Message;
use raft::pump::Ask;
use raft::server::Reply;
use raft::storage::durable_log::DurableLog;
use raft::{LogId, LogIndex, Term, Timestamp};

pub(crate) use claims::{begins_as_it_ended, truthful};
pub use replies::Promise;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which rule.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// Whether both are, as far as can be said, one failure: the same rule is broken, and of a rule that can be
    /// broken in many ways in the same one, but for what is counted.
    #[must_use]
    pub fn is_like(&self, other: &Violation) -> bool {
        let words = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        self.rule == other.rule && (!MANY.contains(&self.rule) || words(&self.what) == words(&other.what))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = std::time::Duration::from_nanos(self.at.as_nanos()).as_secs_f64();
        write!(f, "{} at {seconds:.6} s: {}", self.rule, self.what)
    }
}

/// The rule that a run breaks whose code panics.
pub const PANICS: &str = "no code panics";
pub(crate) const GOES_ON: &str = "a node goes on";
pub(crate) const STARTS: &str = "a whole disk is enough to start";
/// Rules that say only that something stopped.
const MANY: [&str; 3] = [PANICS, GOES_ON, STARTS];

/// A rule that was broken, and how.
pub(crate) type Broken = (&'static str, String);

/// A node after a step.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) node: usize,
    pub(crate) raft: &'a Raft,
    pub(crate) applied: LogIndex,
    /// What is durable, of every node.
    pub(crate) durable: &'a [Arc<DurableLog>],
    /// What was durable on each disk whenever it was damaged or replaced: it was acknowledged rightly.
    pub(crate) damaged: &'a [Vec<DurableLog>],
}

impl View<'_> {
    fn own(&self) -> &DurableLog {
        &self.durable[self.node]
    }

    /// The term that it leads.
    fn leads(&self) -> Option<Term> {
        (self.raft.role() == RoleName::Leader).then(|| self.raft.term())
    }

    /// On how many nodes this entry is, or was before damage, durable.
    fn holders(&self, index: LogIndex, entry: (Term, Chain)) -> usize {
        let holds = |log: &DurableLog| log.holds(index) == Some(entry);
        let before = |node: usize| self.damaged.get(node).is_some_and(|logs| logs.iter().any(holds));
        let nodes = self.durable.iter().enumerate();
        nodes.filter(|(node, now)| holds(now) || before(*node)).count()
    }

    fn majority(&self) -> usize {
        self.durable.len() / 2 + 1
    }
}

/// What was seen of a node in its last step; nothing at the beginning of a life, but the term that it began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    term: Term,
    commit: LogIndex,
    applied: LogIndex,
    last: LogId,
    chain: Chain,
    /// The term that it leads.
    leads: Option<Term>,
}

impl Seen {
    pub(crate) fn of(view: &View<'_>) -> Seen {
        let View { raft, applied, .. } = *view;
        let (term, commit, log, last) = (raft.term(), raft.commit_index(), raft.log(), raft.last_log());
        let chain = log.chain_at(last.index).unwrap_or_default();
        Seen { term, commit, applied, last, chain, leads: view.leads() }
    }

    pub(crate) fn born(view: &View<'_>) -> Seen {
        Seen { term: view.raft.term(), ..Seen::default() }
    }
}

/// What was seen of all nodes, in any life, and must hold for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct History {
    elections: elections::Elections,
    logs: logs::Logs,
    commits: commits::Commits,
    claims: claims::Claims,
    replies: replies::Replies,
}

impl History {
    pub(crate) fn new(size: usize) -> History {
        History {
            elections: elections::Elections::default(),
            logs: logs::Logs::default(),
            commits: commits::Commits::default(),
            claims: claims::Claims::new(size),
            replies: replies::Replies::default(),
        }
    }

    /// A node has taken a step, and nothing of it has left yet.
    pub(crate) fn stepped(&mut self, before: &Seen, view: &View<'_>) -> Result<(), Broken> {
        let now = Seen::of(view);
        progress::check(view.node, before, &now)?;
        self.elections.check(view)?;
        self.logs.check(before, &now, view)?;
        self.commits.check(before, view)
    }

    /// A node is about to send this, and [`truthful`] holds.
    pub(crate) fn leaves(&mut self, node: usize, to: usize, message: &Message) -> Result<(), Broken> {
        self.elections.leaves(node, to, message)?;
        self.claims.leaves(node, message);
        Ok(())
    }

    /// A node has begun a new life, and [`begins_as_it_ended`] holds.
    pub(crate) fn born(&self, view: &View<'_>) -> Result<(), Broken> {
        self.claims.born(view.node, view.raft.term())
    }

    /// What a client that asks now may rely on.
    pub(crate) fn asked(&self, ask: &Ask) -> Promise {
        Promise::new(ask, self.commits.end())
    }

    /// A client is told this.
    pub(crate) fn told(&mut self, view: &View<'_>, promise: Promise, reply: &Reply) -> Result<(), Broken> {
        self.replies.told(view, promise, reply, self.commits.end())
    }

    /// Up to where anything was committed.
    pub(crate) fn committed(&self) -> LogIndex {
        self.commits.end()
    }

    /// The same, had the nodes other names.
    pub(crate) fn renamed(&self, name: impl Fn(usize) -> usize) -> History {
        let History { elections, logs, commits, claims, replies } = self.clone();
        let (elections, claims) = (elections.renamed(&name), claims.renamed(&name));
        History { elections, logs, commits, claims, replies }
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Invariants {
    seen: Vec<Seen>,
    history: History,
}

impl Invariants {
    pub(crate) fn new(size: usize) -> Invariants {
        Invariants { seen: vec![Seen::default(); size], history: History::new(size) }
    }

    /// See [`History::stepped`].
    pub(crate) fn stepped(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let before = std::mem::replace(&mut self.seen[view.node], Seen::of(view));
        self.history.stepped(&before, view)
    }

    /// A node is about to send this.
    pub(crate) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        truthful(view, to, message)?;
        self.history.leaves(view.node, to, message)
    }

    /// A node has begun a new life with what its disk gave back.
    pub(crate) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.seen[view.node] = Seen::born(view);
        begins_as_it_ended(view)?;
        self.history.born(view)
    }

    /// See [`History::asked`].
    pub(crate) fn asked(&self, ask: &Ask) -> Promise {
        self.history.asked(ask)
    }

    /// See [`History::told`].
    pub(crate) fn told(&mut self, view: &View<'_>, promise: Promise, reply: &Reply) -> Result<(), Broken> {
        self.history.told(view, promise, reply)
    }

    /// Up to where anything was committed.
    pub(crate) fn committed(&self) -> LogIndex {
        self.history.committed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(rule: &'static str, what: &str) -> Violation {
        Violation { at: Timestamp::default(), rule, what: what.to_owned() }
    }

    #[test]
    fn a_panic_is_not_like_another() {
        let panic = |what: &str| violation(PANICS, what);
        assert!(panic("at log.rs:17: index 3").is_like(&panic("at log.rs:17: index 250")));
        assert!(!panic("at log.rs:17: index 3").is_like(&panic("at nemesis.rs:17: index 3")));
        assert!(!violation(GOES_ON, "node 1 ended: a").is_like(&violation(GOES_ON, "node 1 ended: b")));
        assert!(violation("other", "a").is_like(&violation("other", "b")));
        assert!(!violation("other", "a").is_like(&violation("another", "a")));
    }
}
