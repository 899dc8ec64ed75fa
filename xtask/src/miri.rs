//! `cargo xtask miri`: unit tests of pure code under Miri, which sees undefined behaviour in this code and in what it
//! depends on. No crate here has `unsafe` of its own but where it says so.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::command::Cmd;
use crate::step::test_counts;
use crate::workspace::Workspace;

/// Modules that ask neither a clock nor a disk, by their packages. Missing are those of `register`, whose tests are built
/// with QUIC and with cryptography in C, and what [`NOT_TRIED`] names.
const PURE: [(&str, &str); 22] = [
    ("raft", "bootstrap::"),
    ("raft", "consensus::"),
    ("raft", "marks::"),
    ("raft", "pump::"),
    ("raft", "server::"),
    ("raft", "session::"),
    ("raft", "storage::identity::"),
    ("raft", "storage::inspect::"),
    ("raft", "storage::memory::"),
    ("raft", "storage::spares::"),
    ("raft", "wire::"),
    ("history-checker", "by_key::"),
    ("history-checker", "engine::brute::"),
    ("history-checker", "engine::replay::"),
    ("history-checker", "faults::"),
    ("history-checker", "format::jsonl::quick::"),
    ("history-checker", "format::open::"),
    ("history-checker", "format::paired::"),
    ("history-checker", "lint::"),
    ("history-checker", "page::columns::"),
    ("history-checker", "shrink::"),
    ("history-checker", "value::"),
];

/// Modules that are left out, and why.
const NOT_TRIED: &[(&str, &str)] = &[
    ("raft/src/driver", "threads and clocks"),
    ("raft/src/storage/directory", "real files"),
    ("raft/src/storage/golden.rs", "real files"),
    ("raft/src/storage", "all others open logs, on the disk in memory too: more than a minute for a test"),
    ("history-checker/src/engine/search", "thousands of histories"),
    ("history-checker/src/stream", "more than a minute for a test"),
    ("history-checker/src/format/jsonl/blocks.rs", "rayon: Miri objects to crossbeam-epoch below it"),
    ("history-checker/src/page/data.rs", "the same"),
];

/// Tests that are left out, and why.
const SLOW: &[(&str, &str)] = &[
    ("the_replies_of", "fill sessions to their limit of some MiB"),
    ("replication::a_batch_is_bounded_in_bytes_and_skips_nothing", "entries of MiB, and a checksum of each"),
    (
        "lossy::a_transfer_gets_through_a_bad_link_and_restarts",
        "thousands of messages: half a second without Miri",
    ),
    ("brute::tests::it_always_ends", "tries all orders of many operations"),
    (
        "shrink::reduce::tests::looking_for_what_to_leave_out_costs_effort",
        "thousands of steps: more than a minute",
    ),
    ("quick::tests::what_is_read_quickly_is_what_serde_reads", "thousands of lines"),
];

/// Fails where tests fail, and where a module has none.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    for (what, why) in NOT_TRIED.iter().chain(SLOW) {
        println!("left out: {what}: {why}");
    }
    let mut all_well = true;
    for (package, module) in PURE {
        let outcome = command(package, module).watch(workspace, true)?;
        let (passed, failed) = test_counts(&outcome.lines);
        ensure!(!outcome.success || passed > 0, "{package} has no test in {module}");
        println!("{package} {module} {passed} passed, {failed} failed");
        all_well &= outcome.success;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Needs a nightly compiler with its component `miri`. What is pure needs no feature.
fn command(package: &str, module: &str) -> Cmd {
    let miri = ["run", "nightly", "cargo", "miri", "test", "--no-default-features", "--lib", "--package"];
    let skipped = SLOW.iter().flat_map(|(test, _)| ["--skip", test]);
    Cmd::path("rustup", miri).args([package, "--", module].into_iter().chain(skipped).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_slow_is_named() {
        let expected = "rustup run nightly cargo miri test --no-default-features --lib --package raft -- wire:: \
             --skip the_replies_of \
             --skip replication::a_batch_is_bounded_in_bytes_and_skips_nothing --skip lossy::a_transfer_gets_through_a_bad_link_and_restarts \
             --skip brute::tests::it_always_ends --skip shrink::reduce::tests::looking_for_what_to_leave_out_costs_effort \
             --skip quick::tests::what_is_read_quickly_is_what_serde_reads";
        assert_eq!(command("raft", "wire::").to_string(), expected);
    }

    fn is_there(dir: &Path, words: &str) -> bool {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
            true => is_there(&path, words),
            false => fs::read_to_string(&path).is_ok_and(|text| text.contains(words)),
        })
    }

    #[test]
    fn what_is_left_out_is_there() {
        let root = Workspace::find().unwrap().root;
        for (test, _) in SLOW {
            let name = test.rsplit("::").next().unwrap_or(test);
            let there = ["raft/src", "history-checker/src"]
                .into_iter()
                .any(|dir| is_there(&root.join(dir), &format!("fn {name}")));
            assert!(there, "{test}");
        }
        for (path, _) in NOT_TRIED {
            assert!(root.join(path).exists(), "{path}");
        }
    }
}
