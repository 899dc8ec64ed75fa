//! The state machine under test: it does nothing but tell the ledger what it applies.

use std::io;

use bytes::Bytes;
use raft::state_machine::Snapshot;
use raft::{LogIndex, StateMachine};

use crate::ledger::SharedLedger;

/// See the module.
#[derive(Debug)]
pub struct Recorder {
    node: usize,
    life: u64,
    ledger: SharedLedger,
}

impl Recorder {
    /// For this life of this node.
    #[must_use]
    pub fn new(node: usize, life: u64, ledger: SharedLedger) -> Recorder {
        Recorder { node, life, ledger }
    }
}

impl StateMachine for Recorder {
    type Snapshot = Nothing;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Bytes {
        self.ledger.lock().applied(self.node, self.life, index, command);
        Bytes::new()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        Bytes::new()
    }

    fn snapshot(&self) -> Nothing {
        Nothing
    }

    fn restore(_: &mut dyn io::Read) -> io::Result<Recorder> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the lab tests take no snapshots"))
    }
}

/// The snapshot of a state machine whose state is elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Snapshot for Nothing {
    fn write_to(&self, _: &mut dyn io::Write) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the lab tests take no snapshots"))
    }
}
