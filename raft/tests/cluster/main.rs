//! Whole nodes in one process: driver, log on an in-memory disk, in-process transport.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
mod bootstrap;
mod failures;
mod harness;
mod hostile;
mod service;
mod snapshots;
