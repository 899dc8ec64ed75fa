//! The lab tests 4A over QUIC with mutual TLS: `cargo xtask test-4a`.

mod lab_quic;

use std::process::ExitCode;

use lab::runner::{self, Target};
use lab::suite::Part;

fn main() -> ExitCode {
    runner::main::<lab_quic::Quic>(&Target { parts: &[Part::A], jobs: 6, command: "cargo xtask test-4a" })
}
