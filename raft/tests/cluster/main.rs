//! Whole nodes in one process: driver, log on an in-memory disk, in-process transport.

mod bootstrap;
mod failures;
mod harness;
mod service;
