//! openraft: three nodes in one process, logs in memory, a state machine without state, requests as function calls.
//!
//! As its own benchmark (`benchmarks/minimal`) does it, with that benchmark's settings and build profile; but commands
//! have as many bytes as those that ours is given.

mod log;
mod machine;
mod network;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use openraft::{BasicNode, Config, Raft};
use tokio::runtime::{Builder, Runtime};

use crate::Ran;
use log::Log;
use machine::Machine;
use network::{Network, Node};
use types::Command;

/// What is run, and for how long.
#[derive(Args)]
pub struct Driver {
    /// Which library
    library: Library,
    /// Concurrent proposers, each with one command under way
    #[arg(long, default_value_t = 64)]
    proposers: usize,
    /// Bytes of a command
    #[arg(long, default_value_t = 256)]
    bytes: usize,
    /// How long, after a fifth of it for warming up
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Where the tasks run
    #[arg(long, value_enum, default_value_t = Threads::Shared)]
    threads: Threads,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    Openraft,
}

#[derive(Clone, Copy, ValueEnum)]
enum Threads {
    /// One runtime for nodes and proposers, a worker for each core
    Shared,
    /// As in its own benchmark: a runtime for the nodes with a worker for each core, another with one for proposers
    Split,
    /// One thread for everything
    One,
}

/// How often it is looked whether a leader is there.
const LOOK: Duration = Duration::from_millis(5);
/// More than an election ever takes.
const ELECTION: Duration = Duration::from_secs(10);

/// Measures it.
pub fn run(driver: &Driver) -> Result<Ran> {
    let Library::Openraft = driver.library;
    ensure!(driver.proposers > 0, "--proposers must be at least 1");
    let length = Duration::try_from_secs_f64(driver.seconds)?;
    let cores = std::thread::available_parallelism()?.get();
    let (nodes, proposers) = match driver.threads {
        Threads::Shared => (workers(cores)?, None),
        Threads::Split => (workers(cores)?, Some(workers(1)?)),
        Threads::One => (Builder::new_current_thread().enable_all().build()?, None),
    };
    let proposers = proposers.as_ref().unwrap_or(&nodes);
    let leader = nodes.block_on(elected())?;
    let (commands, time) = proposers.block_on(propose(leader, driver, length))?;
    let threads = match driver.threads {
        Threads::Shared => format!("one runtime of {cores} workers"),
        Threads::Split => format!("{cores} workers for the nodes, 1 for proposers"),
        Threads::One => "one thread".to_owned(),
    };
    Ok(Ran {
        subject: "openraft 0.10.0-alpha.37",
        commands,
        nanos: u64::try_from(time.as_nanos())?,
        settings: format!("log in memory, max_payload_entries 1024, purge_batch_size 1024; {threads}"),
    })
}

fn workers(count: usize) -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(count).enable_all().build()?)
}

/// Three nodes; the first leads and is returned, the others live in its network.
async fn elected() -> Result<Node> {
    let config = Config {
        election_timeout_min: 200,
        election_timeout_max: 2000,
        purge_batch_size: 1024,
        max_payload_entries: 1024,
        ..Config::default()
    };
    let config = Arc::new(config.validate()?);
    let network = Network::default();
    let mut nodes = BTreeMap::new();
    for id in 1..=3 {
        let node = Raft::new(id, config.clone(), network.clone(), Log::default(), Machine::default()).await?;
        nodes.insert(id, node);
    }
    let first = nodes.get(&1).context("three nodes")?.clone();
    let _ = network.0.set(nodes);
    let members: BTreeMap<u64, BasicNode> = (1..=3).map(|id| (id, BasicNode::default())).collect();
    first.initialize(members).await?;
    let begun = Instant::now();
    while first.current_leader().await != Some(1) {
        ensure!(begun.elapsed() < ELECTION, "openraft elected nobody in {ELECTION:?}");
        tokio::time::sleep(LOOK).await;
    }
    Ok(first)
}

/// Commands answered, and in which time.
async fn propose(leader: Node, driver: &Driver, length: Duration) -> Result<(u64, Duration)> {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let bytes = driver.bytes;
    let proposer = || {
        let (leader, done, stop) = (leader.clone(), done.clone(), stop.clone());
        tokio::spawn(async move {
            let bytes = vec![7; bytes];
            while !stop.load(Relaxed) {
                leader.client_write(Command(Bytes::copy_from_slice(&bytes))).await?;
                done.fetch_add(1, Relaxed);
            }
            anyhow::Ok(())
        })
    };
    let proposers: Vec<_> = (0..driver.proposers).map(|_| proposer()).collect();
    tokio::time::sleep(length / 5).await;
    let (begun, before) = (Instant::now(), done.load(Relaxed));
    tokio::time::sleep(length).await;
    let (commands, time) = (done.load(Relaxed) - before, begun.elapsed());
    stop.store(true, Relaxed);
    for proposer in proposers {
        proposer.await??;
    }
    Ok((commands, time))
}
