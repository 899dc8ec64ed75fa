//! What one node holds for committed is so for all, for ever: durable on a majority when it is first
//! said, the same at every place, and in the log of every leader from then on.

use raft::consensus::entry::Chain;
use raft::storage::durable_log::DurableLog;
use raft::{LogId, LogIndex, Term};

use super::{Broken, Seen, View};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Commits {
    /// From index 1 on.
    committed: Vec<(Term, Chain)>,
    /// In which term each was: of the leader that first held it for committed.
    terms: Vec<Term>,
}

impl Commits {
    pub(super) fn end(&self) -> LogIndex {
        LogIndex(self.committed.len() as u64)
    }

    fn at(&self, index: LogIndex) -> Option<(Term, Chain)> {
        self.committed.get(usize::try_from(index.0).ok()?.checked_sub(1)?).copied()
    }

    pub(super) fn check(&mut self, before: &Seen, view: &View<'_>) -> Result<(), Broken> {
        // Also of what is first known to be committed when a later leader leads already.
        if view.leads().is_some() {
            self.complete(view)?;
        }
        if view.raft.commit_index() == before.commit {
            return Ok(());
        }
        let known = self.end();
        self.agrees(view, view.raft.commit_index().min(known))?;
        if view.raft.commit_index() > known { self.extend(view, view.raft.commit_index()) } else { Ok(()) }
    }

    /// The end of what a leader of this term must have: what was committed in earlier ones. A vote may be late, and
    /// elect a leader when a later one has committed something already; nobody will hear it.
    fn due(&self, term: Term) -> Option<(LogIndex, Chain)> {
        let end = LogIndex(self.terms.partition_point(|committed| *committed < term) as u64);
        self.at(end).map(|(_, chain)| (end, chain))
    }

    /// Leader completeness (§5.4.3).
    fn complete(&self, view: &View<'_>) -> Result<(), Broken> {
        let (node, log, term) = (view.node, view.raft.log(), view.raft.term());
        match self.due(term) {
            Some((end, chain)) if end >= log.base().id.index && log.chain_at(end) != Some(chain) => {
                let last = log.last();
                let text = format!(
                    "node {node} leads term {term}, its log ends at {last}, and {end} was committed otherwise"
                );
                Err(("leader completeness", text))
            }
            _ => Ok(()),
        }
    }

    /// State machine safety (§5.4.3): the node's log up to `index` is what was committed.
    fn agrees(&self, view: &View<'_>, index: LogIndex) -> Result<(), Broken> {
        let log = view.raft.log();
        // Before its base there is only the base's chain to go by.
        let index = index.max(log.base().id.index);
        match (self.at(index), log.chain_at(index)) {
            (None, _) if index == LogIndex(0) => Ok(()),
            (Some((_, committed)), Some(chain)) if committed == chain => Ok(()),
            _ => {
                let text = format!("node {} holds something else for committed up to {index}", view.node);
                Err(("state machine safety", text))
            }
        }
    }

    fn extend(&mut self, view: &View<'_>, upto: LogIndex) -> Result<(), Broken> {
        let log = view.raft.log();
        let mut index = self.end();
        while index < upto {
            index = index.next();
            let Some(entry) = log.term_at(index).zip(log.chain_at(index)) else {
                let text = format!("node {} holds {index} for committed and does not have it", view.node);
                return Err(("state machine safety", text));
            };
            self.committed.push(entry);
            self.terms.push(view.raft.term());
        }
        let last = self.committed[self.committed.len() - 1];
        let holders = view.holders(upto, last);
        if holders < view.majority() {
            let text = format!("node {} commits {upto}, which is durable on {holders} nodes", view.node);
            return Err(("committed is durable on a majority", text));
        }
        match (0..view.durable.len()).find(|node| is_electable_without(view, *node, upto, last)) {
            Some(other) => {
                let text = format!("node {} commits {upto}, and {other} could lead without it", view.node);
                Err(("what is committed no leader lacks", text))
            }
            None => Ok(()),
        }
    }
}

/// Whether a majority would vote for this node by what is on their disks although an entry is not on its own
/// (Figure 8: held by a majority is not enough).
fn is_electable_without(view: &View<'_>, node: usize, index: LogIndex, entry: (Term, Chain)) -> bool {
    let disk = &view.durable[node];
    if disk.repair().is_some() || index <= disk.base().id.index || disk.holds(index) == Some(entry) {
        return false;
    }
    let end = disk.last();
    // Who lost something votes as if it were there.
    let ends = |voter: &usize| {
        let disk = &view.durable[*voter];
        let least = disk.repair().map(|repair| repair.least);
        view.damaged(*voter).map(DurableLog::last).chain(least).fold(disk.last(), LogId::max)
    };
    (0..view.durable.len()).filter(|voter| ends(voter) <= end).count() >= view.majority()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raft::consensus::entry::Entry;
    use raft::{EntryKind, LogId};

    use super::*;

    #[test]
    fn what_was_committed_in_a_later_term_a_late_leader_need_not_have() {
        let entry =
            |term| Entry::new(LogId { term: Term(term), index: LogIndex(1) }, EntryKind::Noop, Bytes::new());
        let chain = |term| Chain::default().then(&entry(term));
        let commits = Commits { committed: vec![(Term(3), chain(3))], terms: vec![Term(3)] };
        assert_eq!(commits.due(Term(2)), None);
        assert_eq!(commits.due(Term(3)), None);
        assert_eq!(commits.due(Term(4)), Some((LogIndex(1), chain(3))));
    }
}
