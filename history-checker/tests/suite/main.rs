//! The crate from outside: against a brute-force referee, on planted violations, on recorded runs, and as a program.

// Helpers outside of #[test] functions are test code too: clippy.toml's allowance does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_referee;
mod cli;
mod cli_check;
mod cli_lint;
mod clients;
mod convert;
mod degree;
mod degree_referee;
mod edn;
mod explanations;
mod format_errors;
mod generate;
mod generator;
mod hard;
mod lint;
mod nondeterministic;
mod objects;
mod page;
mod planted;
mod prunings;
mod recorded;
mod recorder;
mod referee;
mod script;
mod speed;
mod stream;
mod unsorted;
