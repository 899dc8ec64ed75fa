//! A linearizable replicated register: named values with get, put, compare-and-set and delete.
//!
//! | file | what |
//! |---|---|
//! | [`command`] | what is replicated: commands, queries, answers, and their codec |
//! | [`machine`] | the state machine over them |
//! | [`protocol`] | requests and responses between client and node, as frames |
//! | [`outcome`] | done, not applied, unknown: what a caller is told |
//! | [`client_core`] | the client without I/O: sessions, retries, leader hints |
//! | [`port`] | what reaches the node, and what a client is told of its answer |
//! | [`status`] | what a node says of itself to a client |
//! | `load` | load on a service, and what it measured (feature `service`) |
//! | `service` | server, network client and command line (feature `service`) |
//!
//! Everything outside `service` is pure: no clock, no randomness of its own, no I/O. The simulator
//! runs the very same state machine and client core as the service.
#![forbid(unsafe_code)]

pub mod client_core;
pub mod command;
#[cfg(feature = "service")]
pub mod load;
pub mod machine;
pub mod outcome;
pub mod port;
pub mod protocol;
#[cfg(feature = "service")]
pub mod service;
mod snapshot;
pub mod status;

pub use outcome::{Doubt, Expect, Failure, Invalid, Swap, Version, Versioned, WriteError};
#[cfg(feature = "service")]
pub use service::client::{Client, ClientCerts, ClientConfig, ConnectError, StatusError};
pub use status::NodeStatus;
