//! Whole clusters on virtual time: real servers over the real log, every message through the real codec, disks that
//! lose what was not synced, clients with sessions; and after every step the invariants.
//!
//! | where | what |
//! |---|---|
//! | [`world`] | a run from its first event to the verdict |
//! | `healing` | its second phase |
//! | [`plan`] | what a seed means: settings, clients, faults |
//! | [`cluster`] | nodes, disks and links on virtual time, and what goes wrong with them |
//! | [`clients`] | who uses it, and how that is judged: yours, too |
//! | [`invariants`] | what must be true after every step |
//! | [`explore`] | every order of events of a small scope |
//! | [`lab_tests`] | the lab tests in a world |
//! | [`sweep`] | many seeds on many threads or machines, and the smallest case that fails alike |
//! | [`report`] | what happened, as a hash, as lines and as a diagram |
//! | [`random`] | randomness by key |

pub mod clients;
pub mod cluster;
pub mod explore;
mod healing;
pub mod invariants;
pub mod lab_tests;
pub mod plan;
pub mod random;
pub mod report;
pub mod sweep;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod world;

/// Nanoseconds of a time; what is too long for that is for ever.
fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
