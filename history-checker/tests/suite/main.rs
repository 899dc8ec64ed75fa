//! The crate from outside: against a brute-force referee, on planted violations, on recorded runs, and as a program.

// Helpers outside of #[test] functions are test code too: clippy.toml's allowance does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_referee;
mod cli;
mod cli_shrink;
mod cores;
mod deletions;
mod explanations;
mod format_errors;
mod generator;
mod objects;
mod planted;
mod planted_small;
mod recorded;
mod recorder;
mod referee;
mod script;
mod shrink_cost;
mod speed;
