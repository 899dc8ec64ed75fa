//! Three nodes stepped in one thread: what consensus itself costs, without codec, network and disk.
//!
//! As in our own `core` bench: messages are handed over as they are and writes are durable at once. A batch is
//! proposed, then everything settles; then the leader has committed it, which is checked. Each command is allocated
//! when it is proposed, as one that came from a client would be.

mod omnipaxos;
mod raft_rs;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::Ran;

/// A log is kept whole in memory, so a cluster is replaced when it has this many entries.
const ENTRIES_PER_CLUSTER: usize = 1 << 17;
/// Commands between looks at the clock, so that those cost nothing.
const COMMANDS_PER_LOOK: usize = 1 << 12;

/// What is run, and for how long.
#[derive(Args)]
pub struct Core {
    /// Which library
    library: Library,
    /// Commands proposed before everything settles
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Bytes of a command
    #[arg(long, default_value_t = 256)]
    bytes: usize,
    /// How long, after a tenth of it for warming up
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    RaftRs,
    Omnipaxos,
}

/// Three nodes, one of which leads.
trait Trio: Sized {
    /// Of which library.
    const SUBJECT: &'static str;
    /// What is not its default.
    const SETTINGS: &'static str;

    /// A fresh cluster that has elected a leader; `batch` commands will be proposed at a time.
    fn elected(batch: usize) -> Result<Self>;

    /// Proposes `batch` commands at the leader and goes on until they are committed.
    fn commit(&mut self, batch: usize, command: &[u8]) -> Result<()>;
}

/// Measures one library.
pub fn run(core: &Core) -> Result<Ran> {
    ensure!(core.batch > 0, "--batch must be at least 1");
    let length = Duration::try_from_secs_f64(core.seconds)?;
    match core.library {
        Library::RaftRs => measured::<raft_rs::RaftRs>(core, length),
        Library::Omnipaxos => measured::<omnipaxos::Omnipaxos>(core, length),
    }
}

fn measured<T: Trio>(core: &Core, length: Duration) -> Result<Ran> {
    let command = vec![7; core.bytes];
    commit_for::<T>(core.batch, &command, length / 10)?;
    let (commands, time) = commit_for::<T>(core.batch, &command, length)?;
    Ok(Ran {
        subject: T::SUBJECT,
        commands,
        nanos: u64::try_from(time.as_nanos())?,
        settings: T::SETTINGS.to_owned(),
    })
}

/// In as many fresh clusters as that takes; electing is not measured.
fn commit_for<T: Trio>(batch: usize, command: &[u8], length: Duration) -> Result<(u64, Duration)> {
    let batches_per_look = (COMMANDS_PER_LOOK / batch).max(1);
    let (mut commands, mut time) = (0, Duration::ZERO);
    while time < length {
        let mut trio = T::elected(batch)?;
        let mut entries = 0;
        let begun = Instant::now();
        while entries < ENTRIES_PER_CLUSTER && time + begun.elapsed() < length {
            for _ in 0..batches_per_look {
                trio.commit(batch, command)?;
            }
            entries += batches_per_look * batch;
        }
        time += begun.elapsed();
        commands += entries;
    }
    Ok((u64::try_from(commands)?, time))
}
