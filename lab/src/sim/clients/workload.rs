//! What a world replicates, who uses it, and how it is judged. The register's is
//! [`super::register_workload`]; to test a system of your own, write another: its state machine, what
//! its clients ask, and what must be true of what they were told. `lab/examples/own_machine.rs` is one,
//! with the seeds that run it.

use raft::StateMachine;

use super::client::Client;
use crate::sim::random::Random;

/// A replicated system and its use.
pub trait Workload: Clone {
    /// What is replicated.
    type Machine: StateMachine + Clone;
    /// What all clients of a run write down together.
    type Record: Clone + Default;
    /// Who uses it.
    type Client: Client<Record = Self::Record>;

    /// The state machine of a node that starts without a snapshot.
    fn machine(&self) -> Self::Machine;

    /// Client `number`, from 0, of a cluster of so many nodes. All clients of a run are given the same
    /// `random`.
    fn client(&self, number: usize, nodes: usize, random: Random) -> Self::Client;

    /// Called after every step of a client; says what can be said in constant time.
    fn check(&self, record: &Self::Record) -> Result<(), String> {
        let _ = record;
        Ok(())
    }

    /// Judges a run at its end.
    fn judge(&self, record: &Self::Record) -> Result<Summary, String>;
}

/// How a run went that was found to be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Operations that were carried out.
    pub done: usize,
    /// Operations that had certainly no effect.
    pub not_applied: usize,
    /// Operations of which nobody knows.
    pub unknown: usize,
}
