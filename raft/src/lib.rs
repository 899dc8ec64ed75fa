//! Raft consensus: a pure state machine, its durable log, and an async driver.
//!
//! | file | what | source |
//! |---|---|---|
//! | [`consensus`] | elections, replication, commitment, read rounds | paper Figure 2, §5.2–§5.4; dissertation §6.4, §9.6, §10.2.1 |
//! | [`session`] | client sessions: a command takes effect once | dissertation §6.3 |
//! | [`server`] | consensus + state machine + waiting clients → replies | |
//! | [`bootstrap`] | how blank nodes agree on the first entries of their logs | |
//! | [`state_machine`] | the trait that the user implements | paper §2 |
//! | [`wire`] | the versioned codec of messages, with limits | |
//! | [`checksum`] | of entries, records and files | RFC 3720, appendix B.4 |
//! | [`storage`] | the `Disk` trait and the write-ahead log over it | |
//! | [`transport`] | the `Transport` trait and the in-process one | |
//! | [`pump`] | one node without a runtime: server, log and snapshots together | |
//! | [`driver`] | the tokio loop and the cloneable `Handle` | |
//! | [`marks`] | situations that a sweep of the simulator must have seen | |
//!
//! `consensus`, `session`, `server` and `bootstrap` are pure: time, randomness and the results of
//! I/O come in as arguments, what should happen goes out as plain data.
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod checksum;
pub mod consensus;
pub mod driver;
pub mod marks;
pub mod pump;
pub mod seeded_bugs;
pub mod server;
pub mod session;
pub mod state_machine;
pub mod storage;
pub mod transport;
pub mod wire;

pub use consensus::config::Config;
pub use consensus::entry::{Entry, EntryKind};
pub use consensus::types::{
    BootId, ClusterId, HardState, Incarnation, LogId, LogIndex, Membership, NodeId, SessionId, Term,
    Timestamp,
};
pub use driver::{Accepted, Handle, Node, Status, StopCause};
pub use state_machine::StateMachine;
