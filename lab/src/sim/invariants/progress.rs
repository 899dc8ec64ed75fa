//! What never goes back within a life; and the term, which never does.

use raft::{LogIndex, Term};

use super::{Broken, View};

const RULE: &str = "nothing goes back";

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    term: Term,
    commit: LogIndex,
    applied: LogIndex,
}

#[derive(Clone, Debug)]
pub(super) struct Progress {
    seen: Vec<Seen>,
}

impl Progress {
    pub(super) fn new(size: usize) -> Progress {
        Progress { seen: vec![Seen::default(); size] }
    }

    /// What is applied and known to be committed begins again with a life.
    pub(super) fn born(&mut self, view: &View<'_>) {
        self.seen[view.node] = Seen { term: view.raft.term(), ..Seen::default() };
    }

    pub(super) fn check(&mut self, view: &View<'_>) -> Result<(), Broken> {
        let seen = &mut self.seen[view.node];
        let now = Seen { term: view.raft.term(), commit: view.raft.commit_index(), applied: view.applied };
        let node = view.node;
        if now.term < seen.term {
            return Err((RULE, format!("node {node} went from term {} to {}", seen.term, now.term)));
        }
        if now.commit < seen.commit {
            return Err((
                RULE,
                format!("node {node}'s commit index went from {} to {}", seen.commit, now.commit),
            ));
        }
        if now.applied < seen.applied || now.applied > now.commit {
            let Seen { applied, .. } = *seen;
            return Err((
                RULE,
                format!(
                    "node {node} applied up to {applied}, then {}; committed is {}",
                    now.applied, now.commit
                ),
            ));
        }
        *seen = now;
        Ok(())
    }
}
