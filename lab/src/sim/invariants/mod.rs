//! What must be true after every step, each compared with what was seen before, so that a check costs about
//! as much as the step changed.
//!
//! | file | what | source |
//! |---|---|---|
//! | `progress` | terms, commit index and what is applied never go back | Figure 2 |
//! | `elections` | one leader a term, by a majority; one vote a node and term, over all its lives | Figure 3, §5.2 |
//! | `logs` | log matching; a leader only appends | Figure 3, §5.3 |
//! | `commits` | what is committed is durable on a majority, is in the log of all that can be elected, and the same everywhere | Figure 3, §5.4 |
//! | `claims` | what a node says of itself is true of its disk | |
//! | `beliefs` | what a leader counts on its peers is on their disks | |
//! | `contacts` | a later term is taken over; a leader that is heard is not disturbed | Figure 2, §9.6 |
//! | `quorums` | a leader that no majority answers steps down | §6.2 |
//! | `memory` | sessions keep no more than they may | |
//! | `transfers` | a snapshot on its way goes on | |
//! | `replies` | a client is told only what is committed, once, and reads at least what was committed when it asked | §6.3, §6.4 |

mod beliefs;
mod claims;
mod commits;
mod contacts;
mod elections;
mod logs;
mod memory;
mod progress;
mod quorums;
mod replies;
#[cfg(test)]
mod tests;
mod transfers;

use std::fmt;

use raft::consensus::Raft;
use raft::consensus::entry::Chain;
use raft::consensus::message::Message;
use raft::pump::Ask;
use raft::server::Reply;
use raft::session::Sessions;
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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = std::time::Duration::from_nanos(self.at.as_nanos()).as_secs_f64();
        write!(f, "{} at {seconds:.6} s: {}", self.rule, self.what)
    }
}

/// A rule that was broken, and how.
type Broken = (&'static str, String);

/// A node after a step.
pub(crate) struct View<'a> {
    pub(crate) node: usize,
    pub(crate) raft: &'a Raft,
    pub(crate) sessions: &'a Sessions,
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

    /// Whether this entry is, or was before damage, durable on a node.
    fn has_held(&self, node: usize, index: LogIndex, entry: (Term, Chain)) -> bool {
        let mut logs = std::iter::once(&self.durable[node]).chain(&self.damaged[node]);
        logs.any(|log| log.holds(index) == Some(entry))
    }

    /// On how many nodes.
    fn holders(&self, index: LogIndex, entry: (Term, Chain)) -> usize {
        (0..self.durable.len()).filter(|node| self.has_held(*node, index, entry)).count()
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
    beliefs: beliefs::Beliefs,
    contacts: contacts::Contacts,
    quorums: quorums::Quorums,
    memory: memory::Memory,
    transfers: transfers::Transfers,
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
            beliefs: beliefs::Beliefs::new(size),
            contacts: contacts::Contacts::new(size),
            quorums: quorums::Quorums::new(size),
            memory: memory::Memory::new(size),
            transfers: transfers::Transfers::new(size),
            replies: replies::Replies::default(),
        }
    }

    /// A node has taken a step, and nothing of it has left yet.
    pub(crate) fn stepped(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.progress.check(view)?;
        self.elections.check(view)?;
        self.logs.check(view)?;
        self.beliefs.check(view)?;
        self.memory.check(view)?;
        self.commits.check(view)
    }

    /// A message is about to be given to a node, whose clock says `now`.
    pub(crate) fn arrives(&mut self, view: &View<'_>, now: Timestamp, from: usize, message: &Message) {
        self.contacts.arrives(view, now, from, message);
        self.quorums.arrives(view, now, from, message);
        self.transfers.arrives(view, message);
    }

    /// It has taken it in.
    pub(crate) fn taken(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.contacts.taken(view)
    }

    /// A node has taken an input, whatever it was, when its clock said `now`.
    pub(crate) fn passed(&mut self, view: &View<'_>, now: Timestamp) -> Result<(), Broken> {
        self.quorums.passed(view, now)
    }

    /// A node is about to send this.
    pub(crate) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        self.elections.leaves(view.node, to, message)?;
        self.contacts.leaves(view, to, message)?;
        self.transfers.leaves(view, message)?;
        self.replies.leaves(view, to, message);
        self.claims.leaves(view, to, message)
    }

    /// A node's disk did not do what it was asked.
    pub(crate) fn disk_failed(&mut self, node: usize) {
        self.transfers.disk_failed(node);
    }

    /// A node has begun a new life with what its disk gave back.
    pub(crate) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.progress.born(view);
        self.logs.born(view.node);
        self.commits.born(view.node);
        self.contacts.born(view.node);
        self.quorums.born(view.node);
        self.transfers.born(view.node);
        self.claims.born(view)
    }

    /// What a client that asks this node now may rely on.
    pub(crate) fn asked(&mut self, view: &View<'_>, ask: &Ask) -> Promise {
        self.replies.asked(view, ask, self.commits.end())
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
