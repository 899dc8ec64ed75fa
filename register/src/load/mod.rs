//! Load on a key-value service: closed loop (each client has one operation under way) or open loop (operations begin
//! when their time has come, whether earlier ones are answered or not).
//!
//! What is measured is the same for every service, so that figures of two can be compared.
//!
//! | file | what |
//! |---|---|
//! | `args` | the options that every load program has |
//! | `run` | a load from its begin to its end: prepare, warm up, measure |
//! | `closed` | each client has one operation under way |
//! | `open` | operations begin when their time has come |
//! | `alarm` | waits for that time, precisely |
//! | `plan` | which operation is next: kind, key, value |
//! | `recorder` | latencies on their way from the clients to their sum |
//! | `measured` | quantiles and sums of what was measured |
//! | `lines` | what a load program says to whoever started it |

mod alarm;
mod args;
mod closed;
mod lines;
mod measured;
mod open;
mod plan;
mod recorder;
mod run;
#[cfg(test)]
mod tests;

use std::future::Future;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use args::LoadArgs;
pub use lines::{BEGUN, run_and_tell};
pub use plan::KEY_PREFIX;
pub use run::run;

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

/// What a load came to.
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
    /// Under way, or due and not begun, when that time was over: counted nowhere else.
    #[serde(default)]
    pub unfinished: u64,
    /// Open loop: begun after their time because as many as there may be were under way.
    #[serde(default)]
    pub late: u64,
}
