//! What needs a network: the node's client port, the network client, the command line.
//!
//! | file | what |
//! |---|---|
//! | [`client`] | the network client: what a program calls |
//! | `pump` | the clock and the connections around [`crate::client_core`] |
//! | `dial` | from an address to a welcomed connection |
//! | [`server`] | the node's client port |
//! | `carry` | from a request to the node's handle, and back: what is certain |
//! | `outbox` | what waits to be written to a stream |
//! | `reason` | why connections are refused or closed |
//! | [`config`] | `node.toml` |
//! | [`node`] | a whole node |
//! | `report` | what a node says of itself |
//! | [`cli`] | the commands of `raft-register` |
//! | [`exit`] | exit codes |

mod carry;
pub mod cli;
pub mod client;
pub mod config;
mod dial;
pub mod exit;
pub mod node;
mod outbox;
mod pump;
mod reason;
mod report;
pub mod server;
mod socket;
