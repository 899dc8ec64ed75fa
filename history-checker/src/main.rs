//! `history-checker check FILE…` and more: verdicts for people on stdout, for scripts in the exit code.
//!
//! 0 linearizable · 1 not · 2 unknown · 3 a file, or the command line, is wrong. Of several files the worst counts:
//! 3, then 1, then 2.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
