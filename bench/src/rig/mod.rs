//! What stands between real processes and the world, and can be made worse: the network between the nodes, their
//! disks, their share of the processor.
//!
//! | file | what |
//! |---|---|
//! | [`network`] | the links between nodes, and what is wrong with them |
//! | [`namespaces`] | a network namespace for each node, whose packets nftables drops |
//! | [`proxy`] | a hop between each two nodes that cuts, loses and delays datagrams; needs no rights |
//! | [`disk`] | a file system of a node's own, which can be frozen |
//! | [`throttle`] | a process that is stopped most of the time |
//!
//! Each counts what it did: a fault that left no trace did not happen.

pub mod disk;
pub mod namespaces;
pub mod network;
pub mod proxy;
mod router;
pub mod throttle;
mod tool;
