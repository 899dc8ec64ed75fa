//! Clients without I/O, what they ask for and what they were told.
//!
//! | file | what |
//! |---|---|
//! | [`workload`] | what is replicated, who uses it, and how it is judged: yours, too |
//! | [`client`] | what a world pumps |
//! | [`plain_client`] | a client of any state machine, with a session and retries |
//! | [`transcript`] | what such clients write down |
//! | [`register_workload`] | the register under the real client's core |
//! | [`register_client`] | that client |
//! | `register_port` | the codec and the port's rule between it and a node |
//! | [`load`] | what it asks, drawn |
//! | [`history`] | what it was told, checked at once and judged at the end |

pub mod client;
pub mod history;
pub mod load;
pub mod plain_client;
pub mod register_client;
mod register_port;
pub mod register_workload;
pub mod transcript;
pub mod workload;
