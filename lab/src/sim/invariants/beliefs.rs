//! What a leader believes of its peers is true of their disks: what it counts as held there is there, and the same.

use raft::consensus::io::RoleName;
use raft::{LogIndex, Term};

use super::{Broken, View};
use crate::carrier::seat_of;

#[derive(Clone, Debug)]
pub(super) struct Beliefs {
    size: usize,
    /// By leader and peer: how far it was found to be true, in which term.
    checked: Vec<(Term, LogIndex)>,
}

impl Beliefs {
    pub(super) fn new(size: usize) -> Beliefs {
        Beliefs { size, checked: vec![(Term(0), LogIndex(0)); size * size] }
    }

    pub(super) fn check(&mut self, view: &View<'_>) -> Result<(), Broken> {
        if view.raft.role() != RoleName::Leader {
            return Ok(());
        }
        let term = view.raft.term();
        for (id, progress) in view.raft.progress() {
            let (peer, matched) = (seat_of(id), progress.match_index);
            let checked = &mut self.checked[view.node * self.size + peer];
            if std::mem::replace(checked, (term, matched)) != (term, matched) {
                holds(view, peer, matched)?;
            }
        }
        Ok(())
    }
}

fn holds(view: &View<'_>, peer: usize, index: LogIndex) -> Result<(), Broken> {
    let (term, log, disk) = (view.raft.term(), view.raft.log(), &view.durable[peer]);
    // One that has gone on to a later term may have another leader's entries by now.
    let is_past = disk.hard_state().current_term > term;
    if is_past || index <= log.base().id.index || index < disk.base().id.index {
        return Ok(());
    }
    let entry = log.term_at(index).zip(log.chain_at(index));
    if entry.is_some_and(|entry| view.has_held(peer, index, entry)) {
        return Ok(());
    }
    let (node, has) = (view.node, disk.holds(index));
    let text =
        format!("node {node} leads term {term} and believes that {peer} holds {index}; there is {has:?}");
    Err(("what a leader counts is there", text))
}
