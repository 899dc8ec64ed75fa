//! `cargo xtask miri`: unit tests of pure code under Miri, which sees undefined behaviour in this code and in what it
//! depends on. No crate here has `unsafe` of its own but where it says so.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Modules of `raft` that ask neither a clock nor a disk.
const PURE: [&str; 4] = ["consensus::", "server::", "session::", "wire::"];

/// Tests that are left out, and why.
const SLOW: &[(&str, &str)] = &[
    ("the_replies_of", "fill sessions to their limit of some MiB"),
    ("replication::a_batch_is_bounded_in_bytes_and_skips_nothing", "entries of MiB, and a checksum of each"),
    (
        "lossy::a_transfer_gets_through_a_bad_link_and_restarts",
        "thousands of messages: half a second without Miri",
    ),
];

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    for (test, why) in SLOW {
        println!("left out: {test}: {why}");
    }
    command().run(workspace)
}

/// Needs a nightly compiler with its component `miri`.
fn command() -> Cmd {
    let miri = ["run", "nightly", "cargo", "miri", "test", "--package", "raft", "--lib", "--"];
    let skipped = SLOW.iter().flat_map(|(test, _)| ["--skip", test]);
    Cmd::path("rustup", miri).args(PURE.into_iter().chain(skipped).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_is_named() {
        let expected = "rustup run nightly cargo miri test --package raft --lib -- consensus:: server:: session:: wire:: \
             --skip the_replies_of \
             --skip replication::a_batch_is_bounded_in_bytes_and_skips_nothing --skip lossy::a_transfer_gets_through_a_bad_link_and_restarts";
        assert_eq!(command().to_string(), expected);
    }
}
