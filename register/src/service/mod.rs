//! What needs a network: the node's client port, the network client, the command line.
//!
//! | file | what |
//! |---|---|
//! | [`client`] | the network client over [`crate::client_core`] |
//! | [`server`] | the node's client port |

mod carry;
pub mod client;
mod dial;
mod outbox;
mod pump;
mod reason;
pub mod server;
mod socket;
