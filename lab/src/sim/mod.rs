//! Whole clusters on virtual time.
mod cluster;
mod invariants;
mod lifecycle;
pub mod links;
mod node;
mod queue;
pub mod random;
mod trace;
mod waking;
