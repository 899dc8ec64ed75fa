//! What must be true after every step, each compared with what was seen before, so that a check costs about
//! as much as the step changed.
//!
//! | file | what | source |
//! |---|---|---|
//! | `progress` | terms, commit index and what is applied never go back | Figure 2 |
//! | `elections` | one leader a term, by a majority; one vote a node and term, over all its lives | Figure 3, §5.2 |
//! | `logs` | log matching; a leader only appends | Figure 3, §5.3 |
//! | `commits` | what is committed is durable on a majority, is in the log of all that can be elected, and the same everywhere | Figure 3, §5.4 |
//! | `snapshots` | what stands for the beginning of a log is durable; only damage is repaired | |
//! | `claims` | what a node says of itself is true of its disk | |
//! | `beliefs` | what a leader counts on its peers is on their disks | |
//! | `contacts` | a later term is taken over; a leader that is heard is not disturbed | Figure 2, §9.6 |
//! | `quorums` | a leader that no majority answers steps down | §6.2 |
//! | `memory` | sessions keep no more than they may | |
//! | `transfers` | a snapshot on its way goes on | |
//! | `replies` | a client is told only what is committed, once, and reads at least what was committed when it asked | §6.3, §6.4 |
//! | `confirmations` | a read waits for a majority | §6.4 |
//! | `damages` | what a disk was damaged in | |
//! | `view` | a node as they see it | |
//! | `dealings` | the rules about one node alone, as one: `progress` and `claims` in part, `snapshots`, `contacts`, `quorums`, `memory`, `transfers` | |

mod beliefs;
mod claims;
mod commits;
mod confirmations;
mod contacts;
mod damages;
mod dealings;
#[cfg(test)]
mod disk_tests;
mod elections;
mod logs;
mod memory;
mod progress;
mod quorums;
mod replies;
mod snapshots;
#[cfg(test)]
mod tests;
mod transfers;
mod view;

use std::fmt;

use raft::consensus::entry::Chain;
use raft::consensus::message::Message;
use raft::pump::Ask;
use raft::server::Reply;
use raft::{LogId, LogIndex, Term, Timestamp};

pub(crate) use beliefs::Belief;
pub(crate) use claims::begins_as_it_ended;
use claims::truthful;
pub(crate) use damages::Damages;
pub(crate) use dealings::Dealings;
pub use replies::Promise;
pub(crate) use view::View;

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

    pub(crate) fn term(&self) -> Term {
        self.term
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
    confirmations: confirmations::Confirmations,
}

impl History {
    pub(crate) fn new(size: usize) -> History {
        History {
            elections: elections::Elections::default(),
            logs: logs::Logs::default(),
            commits: commits::Commits::default(),
            claims: claims::Claims::new(size),
            replies: replies::Replies::default(),
            confirmations: confirmations::Confirmations::default(),
        }
    }

    /// A node has taken a step, in which it came to believe this, and nothing of it has left yet.
    pub(crate) fn stepped(
        &mut self,
        before: &Seen,
        view: &View<'_>,
        beliefs: &[Belief],
    ) -> Result<(), Broken> {
        beliefs::check(view, beliefs)?;
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
        self.confirmations.leaves(node, to, message);
        Ok(())
    }

    /// A node has begun a new life, and [`begins_as_it_ended`] holds.
    pub(crate) fn born(&self, view: &View<'_>) -> Result<(), Broken> {
        self.claims.born(view.node, view.raft.term())
    }

    /// What a client may rely on that asks a node of this term now.
    pub(crate) fn asked(&mut self, term: Term, ask: &Ask) -> Promise {
        Promise::new(ask, self.commits.end()).of(self.confirmations.asked(term))
    }

    /// What no client waits for is forgotten.
    pub(crate) fn awaited<'a>(&mut self, open: impl Iterator<Item = &'a mut Promise>) {
        self.confirmations.counts_from(open.map(|promise| &mut promise.asked));
    }

    /// Whether anybody ever led.
    pub(crate) fn has_led(&self) -> bool {
        self.elections.has_led()
    }

    /// A client is told this.
    pub(crate) fn told(&mut self, view: &View<'_>, promise: Promise, reply: &Reply) -> Result<(), Broken> {
        if matches!(reply, Reply::Read(_)) {
            self.confirmations.read(view, promise.asked)?;
        }
        self.replies.told(view, promise, reply, self.commits.end())
    }

    /// Up to where anything was committed.
    pub(crate) fn committed(&self) -> LogIndex {
        self.commits.end()
    }

    /// The same, had the nodes other names.
    pub(crate) fn renamed(&self, name: impl Fn(usize) -> usize) -> History {
        let History { elections, logs, commits, claims, replies, confirmations } = self.clone();
        let (elections, claims) = (elections.renamed(&name), claims.renamed(&name));
        let confirmations = confirmations.renamed(&name);
        History { elections, logs, commits, claims, replies, confirmations }
    }
}

/// All of them. Who explores keeps a [`Dealings`] for each node and a [`History`] for all: there is no other place
/// for a rule.
#[derive(Clone, Debug)]
pub(crate) struct Invariants {
    seen: Vec<Seen>,
    history: History,
    pub(crate) dealings: Dealings,
}

impl Invariants {
    pub(crate) fn new(size: usize) -> Invariants {
        let (seen, history) = (vec![Seen::default(); size], History::new(size));
        Invariants { seen, history, dealings: Dealings::new(size) }
    }

    /// See [`History::stepped`].
    pub(crate) fn stepped(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let before = std::mem::replace(&mut self.seen[view.node], Seen::of(view));
        let beliefs = self.dealings.stepped(view)?;
        self.history.stepped(&before, view, &beliefs)
    }

    /// The same, and what it is about to send, as far as nobody else has a say in it; and what it came to believe.
    pub(crate) fn stepped_alone(
        &mut self,
        view: &View<'_>,
        messages: &[(usize, Message)],
    ) -> Result<Vec<Belief>, Broken> {
        let beliefs = self.dealings.stepped(view)?;
        for (to, message) in messages {
            self.leaves_alone(view, *to, message)?;
        }
        Ok(beliefs)
    }

    fn leaves_alone(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        self.dealings.leaves(view, to, message)?;
        truthful(view, to, message)
    }

    /// A message is about to be given to a node, whose clock says `now`.
    pub(crate) fn arrives(&mut self, view: &View<'_>, now: Timestamp, from: usize, message: &Message) {
        self.dealings.arrives(view, now, from, message);
    }

    /// It has taken it in.
    pub(crate) fn taken(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.dealings.taken(view)
    }

    /// A node has taken an input, whatever it was, when its clock said `now`.
    pub(crate) fn passed(&mut self, view: &View<'_>, now: Timestamp) -> Result<(), Broken> {
        self.dealings.passed(view, now)
    }

    /// A node is about to send this.
    pub(crate) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        self.leaves_alone(view, to, message)?;
        self.history.leaves(view.node, to, message)
    }

    /// A node's disk did not do what it was asked.
    pub(crate) fn disk_failed(&mut self, node: usize) {
        self.dealings.disk_failed(node);
    }

    /// A node has heard of all that its disk did, and wants nothing of it but of its log.
    pub(crate) fn has_looked(&mut self, node: usize) {
        self.dealings.has_looked(node);
    }

    /// A node's disk does not hold what it was given, and does not say so.
    pub(crate) fn blemished(&mut self, node: usize) {
        self.dealings.blemished(node);
    }

    /// A node has begun a new life with what its disk gave back.
    pub(crate) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.seen[view.node] = Seen::born(view);
        self.born_alone(view)?;
        self.history.born(view)
    }

    /// The same, as far as nobody else has a say in it.
    pub(crate) fn born_alone(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.dealings.born(view)?;
        begins_as_it_ended(view)
    }

    /// What a client that asks this node now may rely on.
    pub(crate) fn asked(&mut self, view: &View<'_>, ask: &Ask) -> Promise {
        self.history.asked(view.raft.term(), ask)
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
