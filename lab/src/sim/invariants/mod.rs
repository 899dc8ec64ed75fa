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

use raft::consensus::Raft;
use raft::consensus::entry::Chain;
use raft::consensus::message::Message;
use raft::pump::Ask;
use raft::server::Reply;
use raft::storage::durable_log::DurableLog;
use raft::{LogIndex, Term, Timestamp};

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
type Broken = (&'static str, String);

/// A node after a step.
pub(crate) struct View<'a> {
    pub(crate) node: usize,
    pub(crate) raft: &'a Raft,
    pub(crate) applied: LogIndex,
    /// What is durable, of every node.
    pub(crate) durable: &'a [DurableLog],
    /// What was durable on each disk whenever it was damaged or replaced: it was acknowledged rightly.
    pub(crate) damaged: &'a [Vec<DurableLog>],
}

impl View<'_> {
    fn own(&self) -> &DurableLog {
        &self.durable[self.node]
    }

    /// On how many nodes this entry is, or was before damage, durable.
    fn holders(&self, index: LogIndex, entry: (Term, Chain)) -> usize {
        let holds = |log: &DurableLog| log.holds(index) == Some(entry);
        let ever = |(now, before): &(&DurableLog, &Vec<DurableLog>)| holds(now) || before.iter().any(holds);
        self.durable.iter().zip(self.damaged).filter(ever).count()
    }

    fn majority(&self) -> usize {
        self.durable.len() / 2 + 1
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Invariants {
    progress: progress::Progress,
    elections: elections::Elections,
    logs: logs::Logs,
    commits: commits::Commits,
    claims: claims::Claims,
    replies: replies::Replies,
}

impl Invariants {
    pub(crate) fn new(size: usize) -> Invariants {
        Invariants {
            progress: progress::Progress::new(size),
            elections: elections::Elections::default(),
            logs: logs::Logs::new(size),
            commits: commits::Commits::new(size),
            claims: claims::Claims::new(size),
            replies: replies::Replies::default(),
        }
    }

    /// A node has taken a step, and nothing of it has left yet.
    pub(crate) fn stepped(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.progress.check(view)?;
        self.elections.check(view)?;
        self.logs.check(view)?;
        self.commits.check(view)
    }

    /// A node is about to send this.
    pub(crate) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        self.elections.leaves(view.node, to, message)?;
        self.claims.leaves(view, to, message)
    }

    /// A node has begun a new life with what its disk gave back.
    pub(crate) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.progress.born(view);
        self.logs.born(view.node);
        self.commits.born(view.node);
        self.claims.born(view)
    }

    /// What a client that asks now may rely on.
    pub(crate) fn asked(&self, ask: &Ask) -> Promise {
        Promise::new(ask, self.commits.end())
    }

    /// A client is told this.
    pub(crate) fn told(&mut self, view: &View<'_>, promise: Promise, reply: &Reply) -> Result<(), Broken> {
        self.replies.told(view, promise, reply, self.commits.end())
    }

    /// What was seen of nodes and they may have forgotten.
    pub(crate) fn seen(&self) -> impl fmt::Debug {
        (&self.elections, self.commits.end(), &self.claims, &self.replies)
    }

    /// Up to where anything was committed.
    pub(crate) fn committed(&self) -> LogIndex {
        self.commits.end()
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
