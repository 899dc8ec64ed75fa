//! The lab tests 4A and 4B over the in-process transport. `cargo xtask test-4a|test-4b` runs the same
//! over QUIC, and with `--sim` this target on virtual time.

use std::process::ExitCode;

use lab::runner::{self, Target};
use lab::suite::Part;
use raft::transport::InProcess;

fn main() -> ExitCode {
    runner::main::<InProcess>(&Target {
        parts: &[Part::A, Part::B],
        jobs: 8,
        command: "cargo test -p lab --test lab_tests --",
    })
}
