//! Other consensus libraries under the load that ours is measured with. One run is one line of JSON.
#![forbid(unsafe_code)]

mod core_omnipaxos;
mod core_raft_rs;
mod driver_openraft;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

/// Other consensus libraries under the load that ours is measured with
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    row: Row,
}

#[derive(Subcommand)]
enum Row {
    /// Three nodes stepped in one thread: entries committed
    Core {
        /// raft-rs or omnipaxos
        peer: CorePeer,
        /// Commands proposed before everything settles
        #[arg(long, default_value_t = 64)]
        batch: usize,
        /// Bytes of a command
        #[arg(long, default_value_t = 256)]
        bytes: usize,
        /// How long
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Three nodes in one process with the library's own runtime: commands applied
    Driver {
        /// openraft
        peer: DriverPeer,
        /// Concurrent proposers
        #[arg(long, default_value_t = 64)]
        proposers: usize,
        /// How long
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum CorePeer {
    RaftRs,
    Omnipaxos,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum DriverPeer {
    Openraft,
}

/// What one run came to.
#[derive(Serialize)]
struct Ran {
    /// Library and version.
    subject: &'static str,
    /// Commands committed (core) or applied and answered (driver).
    commands: u64,
    nanos: u64,
    /// The settings that are not its defaults.
    settings: &'static str,
}

fn main() -> Result<()> {
    let ran = match Cli::parse().row {
        Row::Core { peer: CorePeer::RaftRs, batch, bytes, seconds } => {
            core_raft_rs::run(batch, bytes, Duration::from_secs_f64(seconds))?
        }
        Row::Core { peer: CorePeer::Omnipaxos, batch, bytes, seconds } => {
            core_omnipaxos::run(batch, bytes, Duration::from_secs_f64(seconds))?
        }
        Row::Driver { peer: DriverPeer::Openraft, proposers, seconds } => {
            driver_openraft::run(proposers, Duration::from_secs_f64(seconds))?
        }
    };
    println!("{}", serde_json::to_string(&ran)?);
    Ok(())
}
