//! The crate from outside: against a brute-force referee, on planted violations, on recorded runs, and as a program.

// Helpers outside of #[test] functions are test code too: clippy.toml's allowance does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_referee;
mod cli;
mod cli_check;
mod cli_files;
mod cli_lint;
mod cli_options;
mod cli_shrink;
mod clients;
mod convert;
mod cores;
mod degree;
mod degree_referee;
mod deletions;
mod edn;
mod explanations;
mod format_errors;
mod generate;
mod generator;
mod hard;
mod lint;
mod nondeterministic;
mod objects;
mod own_model;
mod page;
mod planted;
mod planted_small;
mod prunings;
mod recorded;
mod recorder;
mod referee;
mod script;
mod shrink_cost;
mod speed;
mod stream;
mod unsorted;
