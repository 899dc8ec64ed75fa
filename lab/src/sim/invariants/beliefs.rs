//! What a leader believes of its peers is true of their disks: what it counts as held there is there, and the same.

use raft::consensus::io::RoleName;
use raft::{LogIndex, Term};

use super::{Broken, View};
use crate::carrier::seat_of;

/// A peer, and how far a leader counts its log as its own.
pub(crate) type Belief = (usize, LogIndex);

#[derive(Clone, Debug, Hash)]
pub(super) struct Beliefs {
    size: usize,
    /// By leader and peer: how far it was found to be true, in which term.
    checked: Vec<(Term, LogIndex)>,
}

impl Beliefs {
    pub(super) fn new(size: usize) -> Beliefs {
        Beliefs { size, checked: vec![(Term(0), LogIndex(0)); size * size] }
    }

    /// What is new in what a node believes.
    pub(super) fn news(&mut self, view: &View<'_>) -> Vec<Belief> {
        let of = view.node * self.size;
        let checked = &mut self.checked[of..of + self.size];
        if view.raft.role() != RoleName::Leader {
            checked.fill((Term(0), LogIndex(0)));
            return Vec::new();
        }
        let (term, mut news) = (view.raft.term(), Vec::new());
        for (id, progress) in view.raft.progress() {
            let (peer, matched) = (seat_of(id), progress.match_index);
            if std::mem::replace(&mut checked[peer], (term, matched)) != (term, matched) {
                news.push((peer, matched));
            }
        }
        news
    }
}

/// A leader begins to believe this.
pub(super) fn check(view: &View<'_>, news: &[Belief]) -> Result<(), Broken> {
    news.iter().try_for_each(|(peer, index)| holds(view, *peer, *index))
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
