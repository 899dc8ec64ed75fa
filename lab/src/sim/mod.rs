//! Whole clusters on virtual time.
//!
//! | file | what |
//! |---|---|
//! | [`client`] | what a world pumps: a client without I/O |
//! | [`workload`] | what is replicated, who uses it, and how it is judged: yours, too |
//! | [`plain_client`] | a client of any state machine, with a session and retries |
//! | [`transcript`] | what such clients asked and were told |
//! | [`register_workload`] | the register under the real client's core |
//! | [`register_client`] | that client |
//! | `register_port` | the codec and the port's rule between it and a node |
//! | [`load`] | what it asks, drawn |
//! | [`history`] | what it was told, checked at once and judged at the end |
//! | [`random`] | randomness by key |

pub mod client;
pub mod history;
pub mod load;
pub mod plain_client;
pub mod random;
pub mod register_client;
mod register_port;
pub mod register_workload;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod workload;
