//! A leader that no majority answers steps down (CheckQuorum, dissertation §6.2): it looks once in the shortest
//! election timeout, so two of those after the last answers it leads no more. Only answers of its own term count.

use raft::consensus::io::RoleName;
use raft::consensus::message::Message;
use raft::{Term, Timestamp};

use super::{Broken, View};
use crate::carrier::seat_of;

/// Of a node that leads.
#[derive(Clone, Debug, Hash)]
struct Leads {
    term: Term,
    /// When each node last answered in this term, by the leader's clock; itself and those that did not yet, when it
    /// was elected.
    answered: Vec<Timestamp>,
    /// Until then there is nothing to look at.
    until: Timestamp,
}

#[derive(Clone, Debug, Hash)]
pub(super) struct Quorums {
    leads: Vec<Option<Leads>>,
}

impl Quorums {
    pub(super) fn new(size: usize) -> Quorums {
        Quorums { leads: vec![None; size] }
    }

    pub(super) fn born(&mut self, node: usize) {
        self.leads[node] = None;
    }

    pub(super) fn arrives(&mut self, view: &View<'_>, now: Timestamp, from: usize, message: &Message) {
        let term = match message {
            Message::AppendEntriesReply(m) => m.term,
            Message::HeartbeatReply(m) => m.term,
            Message::InstallSnapshotReply(m) => m.term,
            _ => return,
        };
        if let Some(leads) = self.leads[view.node].as_mut().filter(|leads| leads.term == term) {
            leads.answered[from] = now;
        }
    }

    /// A node has taken an input, and looked at its clock.
    pub(super) fn passed(&mut self, view: &View<'_>, now: Timestamp) -> Result<(), Broken> {
        let (node, term, patience) = (view.node, view.raft.term(), view.raft.config().election_min * 2);
        if view.raft.role() != RoleName::Leader {
            self.leads[node] = None;
            return Ok(());
        }
        let size = view.durable.len();
        let fresh = || Leads { term, answered: vec![now; size], until: now + patience };
        let leads = self.leads[node].get_or_insert_with(fresh);
        if leads.term != term {
            *leads = fresh();
        }
        for (id, progress) in view.raft.progress() {
            let (peer, heard) = (seat_of(id), progress.last_heard);
            if heard > leads.answered[peer] {
                let text =
                    format!("node {node} leads term {term} and believes that {peer} answered at {heard:?}");
                return Err(("an answer of an earlier term counts for nothing", text));
            }
        }
        if now <= leads.until {
            return Ok(());
        }
        leads.answered[node] = now;
        let mut latest = leads.answered.clone();
        latest.sort_unstable_by(|one, other| other.cmp(one));
        leads.until = latest[view.majority() - 1] + patience;
        if now <= leads.until {
            return Ok(());
        }
        let text = format!(
            "node {node} leads term {term}; when each answered it: {:?}, now {now:?}",
            leads.answered
        );
        Err(("a leader that no majority answers steps down", text))
    }
}
