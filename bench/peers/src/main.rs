//! Other consensus libraries and services under the load that ours are measured with. One run is one line of JSON.
//!
//! | file | what |
//! |---|---|
//! | [`mod@core`] | raft-rs and OmniPaxos, three nodes stepped in one thread |
//! | [`openraft`] | three nodes in one process, with the library's own tasks |
//! | [`etcd`] | the load on a cluster of etcd |
//! | [`checker`] | other checkers of linearizability, and ours |
#![forbid(unsafe_code)]

mod checker;
mod core;
mod etcd;
mod openraft;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

/// Other consensus libraries and services under the load that ours are measured with
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    row: Row,
}

#[derive(Subcommand)]
enum Row {
    /// Three nodes stepped in one thread: commands committed
    Core(core::Core),
    /// Three nodes in one process with the library's own tasks: commands applied and answered
    Driver(openraft::Driver),
    /// Load on a cluster of etcd
    Etcd(etcd::Etcd),
    /// A history to a verdict: operations checked
    Checker(checker::Checker),
}

/// What one run of a library came to.
#[derive(Serialize)]
struct Ran {
    /// Library and version.
    subject: &'static str,
    /// Committed (core), applied and answered (driver), or operations checked (checker).
    commands: u64,
    /// In so many nanoseconds.
    nanos: u64,
    /// What is not its default.
    settings: String,
}

fn main() -> Result<()> {
    let ran = match Cli::parse().row {
        Row::Core(core) => core::run(&core)?,
        Row::Driver(driver) => openraft::run(&driver)?,
        Row::Checker(checker) => checker::run(&checker)?,
        Row::Etcd(etcd) => return etcd::run(&etcd),
    };
    println!("{}", serde_json::to_string(&ran)?);
    Ok(())
}
