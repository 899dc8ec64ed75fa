//! Two logs with an entry of the same term and index are the same up to there; a leader only appends.
//!
//! A chain hash covers all up to an entry, so one comparison an entry decides it for all before: from the end
//! of a log back to the first entry that was seen before, on any node.

use std::collections::BTreeMap;

use raft::LogId;
use raft::consensus::entry::Chain;

use super::{Broken, Seen, View};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Logs {
    chains: BTreeMap<LogId, Chain>,
}

impl Logs {
    pub(super) fn check(&mut self, before: &Seen, now: &Seen, view: &View<'_>) -> Result<(), Broken> {
        let (node, log) = (view.node, view.raft.log());
        if (before.last, before.chain) == (now.last, now.chain) {
            return Ok(());
        }
        if now.leads.is_some() && now.leads == before.leads {
            let kept = log.base().id.index > before.last.index
                || log.chain_at(before.last.index) == Some(before.chain);
            if !kept {
                let text = format!("node {node} leads term {} and changed {}", view.raft.term(), before.last);
                return Err(("a leader only appends", text));
            }
        }
        self.compare(node, view)
    }

    fn compare(&mut self, node: usize, view: &View<'_>) -> Result<(), Broken> {
        let log = view.raft.log();
        let mut index = log.last().index;
        while let (Some(id), Some(chain)) = (log.id_at(index), log.chain_at(index)) {
            match self.chains.insert(id, chain) {
                Some(known) if known == chain => return Ok(()),
                Some(_) => {
                    return Err((
                        "log matching",
                        format!("node {node}'s log differs up to {id} from another's"),
                    ));
                }
                None if index == log.base().id.index => return Ok(()),
                None => index = index.previous(),
            }
        }
        Ok(())
    }
}
