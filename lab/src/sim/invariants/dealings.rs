//! What can be said of a node by its own life and what comes to it, whatever becomes of the others.

use raft::Timestamp;
use raft::consensus::message::Message;

use super::beliefs::Belief;
use super::{Broken, View, beliefs, contacts, memory, quorums, snapshots, transfers};

#[derive(Clone, Debug, Hash)]
pub(crate) struct Dealings {
    beliefs: beliefs::Beliefs,
    contacts: contacts::Contacts,
    quorums: quorums::Quorums,
    memory: memory::Memory,
    transfers: transfers::Transfers,
    snapshots: snapshots::Snapshots,
}

impl Dealings {
    pub(crate) fn new(size: usize) -> Dealings {
        Dealings {
            beliefs: beliefs::Beliefs::new(size),
            contacts: contacts::Contacts::new(size),
            quorums: quorums::Quorums::new(size),
            memory: memory::Memory::new(size),
            transfers: transfers::Transfers::new(size),
            snapshots: snapshots::Snapshots::new(size),
        }
    }

    /// What it then believes of others is for who knows them.
    pub(super) fn stepped(&mut self, view: &View<'_>) -> Result<Vec<Belief>, Broken> {
        self.memory.check(view)?;
        self.snapshots.check(view)?;
        Ok(self.beliefs.news(view))
    }

    pub(super) fn arrives(&mut self, view: &View<'_>, now: Timestamp, from: usize, message: &Message) {
        self.contacts.arrives(view, now, from, message);
        self.quorums.arrives(view, now, from, message);
        self.transfers.arrives(view, from, message);
    }

    pub(super) fn taken(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.contacts.taken(view)
    }

    pub(super) fn passed(&mut self, view: &View<'_>, now: Timestamp) -> Result<(), Broken> {
        self.quorums.passed(view, now)
    }

    pub(super) fn leaves(&mut self, view: &View<'_>, to: usize, message: &Message) -> Result<(), Broken> {
        self.contacts.leaves(view, to, message)?;
        self.transfers.leaves(view, message)
    }

    /// A node owes nobody an answer.
    pub(crate) fn answered(&mut self, node: usize) {
        self.contacts.answered(node);
    }

    pub(super) fn disk_failed(&mut self, node: usize) {
        self.transfers.disk_failed(node);
    }

    pub(super) fn has_looked(&mut self, node: usize) {
        self.transfers.has_looked(node);
    }

    pub(super) fn blemished(&mut self, node: usize) {
        self.transfers.blemished(node);
    }

    pub(super) fn born(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.contacts.born(view.node);
        self.quorums.born(view.node);
        self.transfers.born(view.node);
        self.snapshots.born(view)
    }
}
