//! What must hold whatever comes: a function for each fuzz target, which takes the fuzzer's bytes and panics where
//! something does not hold. `raft/tests/fuzz_seeds.rs` calls them without a fuzzer.
//!
//! | target | bytes become | what must hold |
//! |---|---|---|
//! | `wire` | a frame, or what follows the prefix of one | what decodes is what its own encoding decodes to |
//! | `frames` | a stream, and how it is cut into pieces | the same frames, and the same error, however it is cut |
//! | `records` | the segments of a log, as they are or with checksums that fit | what is read is a log, and is read again |
//! | `damage` | lives of a log, then damage | what was durable is there, or the loss is named |
//! | `snapshots` | a snapshot's file, damaged or with checksums that fit | nothing but what was written is handed on |
//! | `core` | messages, time and a disk's answers for one node's consensus | its invariants, and no claim before it is durable |
//! | `node` | the same for a node with its log, snapshots and crashes | it never stops, and starts again after each crash |

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "for fuzzers and tests only"
)]

mod choices;
pub mod core;
pub mod damage;
mod disk;
pub mod frames;
mod messages;
pub mod node;
pub mod records;
pub mod snapshots;
pub mod wire;
