//! What needs a network: the node's client port, the network client, the command line.

pub mod client;
