//! What a world replicates, who uses it, and how it is judged. The register's is
//! [`super::register_workload`]; to test a system of your own, write another: its state machine, what
//! its clients ask, and what must be true of what they were told.
//!
//! ```
//! use bytes::Bytes;
//! use lab::sim::clients::plain_client::PlainClient;
//! use lab::sim::random::Random;
//! use lab::sim::clients::transcript::{Operation, Transcript};
//! use lab::sim::clients::workload::{Summary, Workload};
//! # use raft::{LogIndex, StateMachine};
//! # #[derive(Clone, Default)]
//! # struct Counter(u64);
//! # impl StateMachine for Counter {
//! #     type Snapshot = Bytes;
//! #     fn apply(&mut self, _: LogIndex, _: &Bytes) -> Bytes { self.0 += 1; self.snapshot() }
//! #     fn query(&self, _: &Bytes) -> Bytes { self.snapshot() }
//! #     fn snapshot(&self) -> Bytes { Bytes::copy_from_slice(&self.0.to_le_bytes()) }
//! #     fn restore(_: &mut dyn std::io::Read) -> std::io::Result<Counter> { Ok(Counter(0)) }
//! # }
//!
//! /// Each command counts one up and answers the new count: no two answers may be equal.
//! #[derive(Clone)]
//! struct Counting;
//!
//! impl Workload for Counting {
//!     type Machine = Counter;
//!     type Record = Transcript;
//!     type Client = PlainClient;
//!
//!     fn machine(&self) -> Counter {
//!         Counter::default()
//!     }
//!
//!     fn client(&self, number: usize, nodes: usize, random: Random) -> PlainClient {
//!         PlainClient::new(number, nodes, random, |_, _, _| Operation::Write(Bytes::from_static(b"+")))
//!     }
//!
//!     fn judge(&self, said: &Transcript) -> Result<Summary, String> {
//!         let mut counts: Vec<&Bytes> = said.told().iter().filter_map(|told| told.answer()).collect();
//!         counts.sort();
//!         match counts.windows(2).find(|pair| pair[0] == pair[1]) {
//!             Some(pair) => Err(format!("two clients counted up to {:?}", pair[0])),
//!             None => Ok(said.summary()),
//!         }
//!     }
//! }
//! ```

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
