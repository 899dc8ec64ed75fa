//! The lab tests 4B over QUIC with mutual TLS: `cargo xtask test-4b`.

mod lab_quic;

use std::process::ExitCode;

use lab::runner::{self, Target};
use lab::suite::Part;

fn main() -> ExitCode {
    runner::main::<lab_quic::Quic>(&Target { parts: &[Part::B], jobs: 6, command: "cargo xtask test-4b" })
}
