//! What must hold of a node's own state, checked after every step, in release too. A node that
//! breaks one stops: a stopped node is a failure that Raft survives.

use super::progress::Mode;
use super::role::Role;
use super::state::Raft;
use super::types::{LogIndex, NodeId, Term};

/// An invariant of this node's own state does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Broken {
    #[error("the term went back from {before} to {after}")]
    TermWentBack { before: Term, after: Term },
    #[error("the commit index went back from {before} to {after}")]
    CommitWentBack { before: LogIndex, after: LogIndex },
    #[error("index {commit} is committed, the log ends at {last}")]
    CommitBeyondLog { commit: LogIndex, last: LogIndex },
    #[error("the log begins behind {base}, and only {commit} is committed")]
    BaseBeyondCommit { base: LogIndex, commit: LogIndex },
    #[error("index {durable} is durable, {submitted} was submitted, the log ends at {last}")]
    DurableBeyondLog { durable: LogIndex, submitted: LogIndex, last: LogIndex },
    #[error("node {peer} matches up to {matched} and is next sent {next}; the log ends at {last}")]
    ProgressBeyondLog { peer: NodeId, matched: LogIndex, next: LogIndex, last: LogIndex },
    #[error("node {peer} is sent a snapshot and the log at once")]
    SnapshotAndLog { peer: NodeId },
    #[error("the vote in term {term} changed from node {before}")]
    VoteChanged { term: Term, before: NodeId },
}

/// What a step must not move back.
#[derive(Clone, Copy)]
pub(super) struct Landmarks {
    term: Term,
    voted_for: Option<NodeId>,
    commit_index: LogIndex,
}

impl Raft {
    pub(super) fn landmarks(&self) -> Landmarks {
        Landmarks { term: self.term(), voted_for: self.hard_state.voted_for, commit_index: self.commit_index }
    }

    pub(super) fn check(&self, before: Landmarks) -> Result<(), Broken> {
        let (term, last) = (self.term(), self.log.last().index);
        if term < before.term || crate::seeded_bug!("canary") {
            return Err(Broken::TermWentBack { before: before.term, after: term });
        }
        if let Some(voted) = before.voted_for
            && term == before.term
            && self.hard_state.voted_for != before.voted_for
        {
            return Err(Broken::VoteChanged { term, before: voted });
        }
        let commit = self.commit_index;
        if commit < before.commit_index {
            return Err(Broken::CommitWentBack { before: before.commit_index, after: commit });
        }
        let base = self.log.base().id.index;
        if base > commit {
            return Err(Broken::BaseBeyondCommit { base, commit });
        }
        if commit > last {
            return Err(Broken::CommitBeyondLog { commit, last });
        }
        let (durable, submitted) = (self.durability.durable(), self.durability.submitted());
        if durable > submitted || submitted > last {
            return Err(Broken::DurableBeyondLog { durable, submitted, last });
        }
        self.check_progress(last)
    }

    fn check_progress(&self, last: LogIndex) -> Result<(), Broken> {
        let Role::Leader(leader) = &self.role else { return Ok(()) };
        for (peer, p) in &leader.peers {
            if (p.mode == Mode::Snapshot) != p.sending.is_some() {
                return Err(Broken::SnapshotAndLog { peer: *peer });
            }
            if p.match_index >= p.next_index || p.next_index > last.next() {
                let (peer, matched, next) = (*peer, p.match_index, p.next_index);
                return Err(Broken::ProgressBeyondLog { peer, matched, next, last });
            }
        }
        Ok(())
    }
}
