//! Whole clusters on virtual time: real servers over the real log, every message through the real codec, disks that
//! lose what was not synced, clients with sessions; and after every step the invariants.
//!
//! | file | what |
//! |---|---|
//! | [`world`] | a run from its first event to the verdict |
//! | `healing` | its second phase |
//! | [`swarm`] | what a seed means |
//! | [`fault`] | what goes wrong, as a list that can be shortened |
//! | `nemesis` | carries it out |
//! | [`cluster`] | nodes, disks and links on virtual time |
//! | `acting` | what a node is given, and what leaves it |
//! | `node` | one node: its disk, and its lives |
//! | `lent` | its disk, while a log is opened on it |
//! | `lifecycle` | how they begin and end |
//! | `waking` | when a node is woken, and when its disk is done |
//! | [`links`] | what becomes of a frame |
//! | `connections` | between clients and nodes |
//! | [`invariants`] | what must be true after every step |
//! | [`trace`] | what happened, as a hash and as lines |
//! | [`brief`] | a message in a few words |
//! | [`diagram`] | the end of a run to look at |
//! | [`case`] | all that a run follows from |
//! | [`sweep`] | many seeds, on many threads or machines |
//! | [`tally`] | what they came to |
//! | [`shrink`] | the smallest case that breaks the same rule |
//! | `queue` | what is to come |
//! | [`explore`] | every order of events of a small scope |
//! | `choosing` | the same cluster, whose next event is picked |
//! | [`client`] | what a world pumps: a client without I/O |
//! | [`workload`] | what is replicated, who uses it, and how it is judged: yours, too |
//! | [`transcript`] | what clients of any state machine write down |
//! | [`plain_client`] | a client of any state machine, with a session and retries |
//! | [`register_workload`] | the register under the real client's core |
//! | [`register_client`] | that client |
//! | `register_port` | the codec and the port's rule between it and a node |
//! | [`load`] | what it asks, drawn |
//! | [`history`] | what it was told, checked at once and judged at the end |
//! | [`random`] | randomness by key |
//! | [`lab_world`] | the lab tests' world |
//! | [`lab_run`] | one lab test in it, from the first event to the row |
//! | `lab_links` | its links, with the rules of [`crate::faults::network`] |

mod acting;
pub mod brief;
pub mod case;
mod choosing;
pub mod client;
pub mod cluster;
mod connections;
pub mod diagram;
pub mod explore;
pub mod fault;
mod healing;
pub mod history;
pub mod invariants;
mod lab_links;
pub mod lab_run;
pub mod lab_world;
mod lent;
mod lifecycle;
pub mod links;
pub mod load;
mod nemesis;
mod node;
pub mod plain_client;
mod queue;
pub mod random;
pub mod register_client;
mod register_port;
pub mod register_workload;
pub mod shrink;
pub mod swarm;
pub mod sweep;
pub mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod transcript;
mod waking;
pub mod workload;
pub mod world;

/// Nanoseconds of a time; what is too long for that is for ever.
fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
