//! What nodes owe one another in every exchange. These rules remember messages and times, of which every order of
//! events has others: sweeps ask for them, exploration does not.

use raft::consensus::message::Message;
use raft::server::Reply;
use raft::{Term, Timestamp};

use super::confirmations::Confirmations;
use super::{Broken, Promise, View, beliefs, contacts, memory, quorums, snapshots, transfers};

#[derive(Clone, Debug)]
pub(super) struct Dealings {
    beliefs: beliefs::Beliefs,
    contacts: contacts::Contacts,
    quorums: quorums::Quorums,
    memory: memory::Memory,
    transfers: transfers::Transfers,
    snapshots: snapshots::Snapshots,
    confirmations: Confirmations,
}

impl Dealings {
    pub(super) fn new(size: usize) -> Dealings {
        Dealings {
            beliefs: beliefs::Beliefs::new(size),
            contacts: contacts::Contacts::new(size),
            quorums: quorums::Quorums::new(size),
            memory: memory::Memory::new(size),
            transfers: transfers::Transfers::new(size),
            snapshots: snapshots::Snapshots::new(size),
            confirmations: Confirmations::default(),
        }
    }

    pub(super) fn stepped(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.beliefs.check(view)?;
        self.memory.check(view)?;
        self.snapshots.check(view)
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
        self.transfers.leaves(view, message)?;
        self.confirmations.leaves(view, to, message);
        Ok(())
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

    pub(super) fn asked(&mut self, view: &View<'_>) -> (u64, Term) {
        self.confirmations.asked(view)
    }

    pub(super) fn told(&self, view: &View<'_>, promise: Promise, reply: &Reply) -> Result<(), Broken> {
        match reply {
            Reply::Read(_) => self.confirmations.read(view, promise.asked),
            _ => Ok(()),
        }
    }
}
