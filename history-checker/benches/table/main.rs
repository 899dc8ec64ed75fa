//! `cargo bench -p history-checker`: what a verdict costs, beside what it should cost, and how the cost grows.
//!
//! Every figure is of a whole process, from its start to its end: the history is read from a file, parsed and decided.
//! This program runs itself for that, several times for each row, and shows the median time and the largest memory.
//!
//! `cargo bench -p history-checker -- --long` goes on to ten million operations. `HISTORIES_DIR` names the recorded
//! histories of the first row (default: `shared/histories` beside the workspace).

// A bench's helpers may fail loudly, and its clock is the point of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod growth;
mod measure;
mod rows;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == measure::CHILD
    {
        return measure::child(rest);
    }
    // `cargo test --benches` and nextest start it without: there is nothing to test.
    if arguments.iter().any(|argument| argument == "--bench") {
        let directory = tempfile::tempdir().expect("a temporary directory");
        rows::print(directory.path());
        growth::print(directory.path(), arguments.iter().any(|argument| argument == "--long"));
    }
    ExitCode::SUCCESS
}
