//! `raft-register`: server, client and administration of the replicated register.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    register::service::cli::main().into()
}
