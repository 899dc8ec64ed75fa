//! Consensus, pure (paper Figure 2).

pub mod config;
pub mod entry;
pub mod io;
pub mod message;
pub mod types;
