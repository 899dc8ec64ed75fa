//! Load on a key-value service: closed loop (each client has one operation under way) or open loop (operations begin
//! when their time has come, whether earlier ones are answered or not).
//!
//! What is measured is the same for every service, so that figures of two can be compared.

use std::future::Future;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered; a write is acknowledged.
    Done,
    /// Certainly without effect.
    NotApplied,
    /// Nobody knows.
    Unknown,
}

/// A service under load; clones share what they are connected with.
pub trait Target: Clone + Send + Sync + 'static {
    /// Sets `key`.
    fn put(&self, key: Bytes, value: Bytes) -> impl Future<Output = Ending> + Send;
    /// Reads `key`, linearizably.
    fn get(&self, key: Bytes) -> impl Future<Output = Ending> + Send;
}

/// What a load came to: one line of JSON on standard output. Before it, when the warming up is over, the program says
/// [`BEGUN`] on a line of its own, for whoever measures processor time meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was under load, with its version.
    pub subject: String,
    /// How long, in nanoseconds, without warming up.
    pub nanos: u64,
    /// Operations answered in that time.
    pub done: u64,
    /// Certainly without effect.
    pub not_applied: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Latencies of what was answered: nanoseconds (three significant digits), and how often. In an open loop from the
    /// intended start.
    pub latencies: Vec<(u64, u64)>,
    /// Answered in each second.
    pub per_second: Vec<u64>,
    /// Processor time of this process in that time, in nanoseconds.
    pub cpu_nanos: u64,
}

/// Said when the warming up is over.
pub const BEGUN: &str = "begun";
