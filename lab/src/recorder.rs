//! The state machine under test: tells the ledger what it is given to apply, then lets the machine
//! inside do it.

use std::io;

use bytes::Bytes;
use raft::state_machine::Snapshot;
use raft::{LogIndex, StateMachine};

use crate::ledger::SharedLedger;

/// See the module.
#[derive(Debug)]
pub struct Recorder<M> {
    node: usize,
    life: u64,
    ledger: SharedLedger,
    machine: M,
}

impl<M: StateMachine + Default> Recorder<M> {
    /// A fresh machine, for this life of this node.
    #[must_use]
    pub fn new(node: usize, life: u64, ledger: SharedLedger) -> Recorder<M> {
        Recorder { node, life, ledger, machine: M::default() }
    }
}

impl<M: StateMachine + Default> StateMachine for Recorder<M> {
    type Snapshot = M::Snapshot;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Bytes {
        self.ledger.lock().applied(self.node, self.life, index, command);
        self.machine.apply(index, command)
    }

    fn query(&self, query: &Bytes) -> Bytes {
        self.machine.query(query)
    }

    fn snapshot(&self) -> M::Snapshot {
        self.machine.snapshot()
    }

    fn restore(_: &mut dyn io::Read) -> io::Result<Recorder<M>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the ledger counts commands, not snapshots"))
    }
}

/// A machine without a state: the lab tests look at the log alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stateless;

impl StateMachine for Stateless {
    type Snapshot = Stateless;

    fn apply(&mut self, _: LogIndex, _: &Bytes) -> Bytes {
        Bytes::new()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        Bytes::new()
    }

    fn snapshot(&self) -> Stateless {
        Stateless
    }

    fn restore(_: &mut dyn io::Read) -> io::Result<Stateless> {
        Ok(Stateless)
    }
}

impl Snapshot for Stateless {
    fn write_to(&self, _: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}
