//! What stands between real processes and the world, and can be made worse: the network between the nodes, their
//! disks, their share of the processor.
//!
//! | file | what |
//! |---|---|
//! | [`proxy`] | a hop between each two nodes that cuts, loses and delays datagrams |
//! | [`disk`] | a file system of a node's own, which can be frozen |
//! | [`throttle`] | a process that is stopped most of the time |
//!
//! Each counts what it did: a fault that left no trace did not happen.

pub mod disk;
pub mod proxy;
mod router;
pub mod throttle;
