//! Driver and state machine in one process: three nodes on memory disks, wired by queues, and concurrent proposers that
//! each wait until their command was applied. Every message goes through the real codec.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::ValueEnum;
use raft::driver::{Bootstrap, Options};
use raft::storage::Storage;
use raft::transport::{InProcess, Inbox};
use raft::{
    BootId, ClusterId, Config, Handle, Incarnation, LogIndex, Membership, Node, NodeId, StateMachine,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::context::{Context, Level};
use super::plain_disk::PlainDisk;
use super::ran::{self, Ran};
use super::results::{Results, Row, parameters};

/// Bytes of a command.
const COMMAND: [u8; 256] = [7; 256];
/// An election timeout that a shared machine, when it stands still, does not reach: elections are not measured.
const ELECTION: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(1500));
/// Before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Up to so many proposers both libraries are faster on one thread, where nothing is handed from one to another.
const MOST_ON_ONE_THREAD: u64 = 64;

/// Where the tasks of nodes and proposers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Threads {
    /// On one thread
    One,
    /// On a worker for each core
    Shared,
}

impl Threads {
    /// A runtime like that.
    pub fn runtime(self) -> Result<Runtime> {
        let mut builder = match self {
            Threads::One => Builder::new_current_thread(),
            Threads::Shared => Builder::new_multi_thread(),
        };
        builder.enable_time().build().context("starting the runtime")
    }

    fn named(self) -> &'static str {
        match self {
            Threads::One => "one thread",
            Threads::Shared => "a worker for each core",
        }
    }
}

/// Ours beside its peer, which take turns.
pub async fn run(context: &Context, results: &mut Results) {
    let seconds = context.level.pick(0.7, 2.0, 5.0);
    let mut subjects = vec![(context.bench.clone(), vec!["driver"])];
    subjects.extend(context.peers.iter().map(|program| (program.clone(), vec!["driver", "openraft"])));
    for proposers in proposers(context.level) {
        let row = Row {
            group: "driver".to_owned(),
            what: "propose".to_owned(),
            client: "the same process".to_owned(),
            parameters: parameters([("clients", proposers), ("payload", COMMAND.len() as u64), ("nodes", 3)]),
            ..Row::in_memory()
        };
        let threads = if proposers > MOST_ON_ONE_THREAD { "shared" } else { "one" };
        let args =
            ["--proposers", &proposers.to_string(), "--seconds", &seconds.to_string(), "--threads", threads];
        let args = args.map(str::to_owned);
        let what = format!("driver: {proposers} proposers");
        context.say(&what);
        results.take(&what, ran::in_turn(context, &subjects, &args, &row).await);
    }
}

fn proposers(level: Level) -> Vec<u64> {
    level.pick(vec![1, 64, 1024], vec![1, 64, 256, 1024], vec![1, 64, 256, 1024, 4096])
}

/// What `bench driver` does.
pub async fn measure(proposers: usize, length: Duration, threads: Threads) -> Result<Ran> {
    let nodes = start()?;
    let leader = leader(&nodes).await?;
    let (applied, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..proposers)
        .map(|_| tokio::spawn(propose(leader.clone(), applied.clone(), over.clone())))
        .collect();
    tokio::time::sleep(WARM_UP).await;
    let (begun, before) = (Instant::now(), applied.load(Relaxed));
    tokio::time::sleep(length).await;
    let (commands, took) = (applied.load(Relaxed) - before, begun.elapsed());
    over.store(true, Relaxed);
    for task in tasks {
        task.await.context("a proposer ended before its time")??;
    }
    Ok(Ran {
        subject: format!("raft {}", env!("CARGO_PKG_VERSION")),
        commands,
        nanos: u64::try_from(took.as_nanos())?,
        settings: format!(
            "Config::lan but for elections, real codec, logs in memory in the format of the disk, {}",
            threads.named()
        ),
    })
}

async fn propose(leader: Handle, applied: Arc<AtomicU64>, over: Arc<AtomicBool>) -> Result<()> {
    while !over.load(Relaxed) {
        leader.apply(Bytes::copy_from_slice(&COMMAND)).await.context("proposing")?;
        applied.fetch_add(1, Relaxed);
    }
    Ok(())
}

fn start() -> Result<Vec<Node>> {
    let voters: BTreeMap<_, _> = (1..=3).map(|n| (NodeId(n), Incarnation(n.into()))).collect();
    let cluster = ClusterId::new("bench")?;
    let network = InProcess::new();
    let node = |(id, incarnation): (&NodeId, &Incarnation)| -> Result<Node> {
        let log = Storage::open(PlainDisk::default(), &cluster, *id, *incarnation)?;
        let (inbox, received) = Inbox::new();
        let bootstrap = Bootstrap::Membership(Membership { voters: voters.clone() });
        let (election_min, election_max) = ELECTION;
        let config = Config { election_min, election_max, ..Config::lan() };
        let options = Options { config, bootstrap, boot: BootId(1), seed: id.0 };
        let transport = network.join(*id, *incarnation, inbox);
        Ok(Node::spawn(options, log, Counter(0), transport, received)?)
    };
    voters.iter().map(node).collect()
}

async fn leader(nodes: &[Node]) -> Result<Handle> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        for node in nodes.iter().map(Node::handle) {
            if let Ok(accepted) = node.propose(Bytes::new()).await
                && accepted.outcome().await.is_ok()
            {
                return Ok(node);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bail!("no node was elected within ten seconds")
}

/// Counts what it was given.
struct Counter(u64);

impl StateMachine for Counter {
    type Snapshot = Bytes;

    fn apply(&mut self, _: LogIndex, _: &Bytes) -> Bytes {
        self.0 += 1;
        Bytes::new()
    }

    fn query(&self, _: &Bytes) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_le_bytes())
    }

    fn snapshot(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_le_bytes())
    }

    fn restore(source: &mut dyn io::Read) -> io::Result<Counter> {
        let mut bytes = [0; 8];
        source.read_exact(&mut bytes)?;
        Ok(Counter(u64::from_le_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn proposers_are_answered() {
        let ran = measure(4, Duration::from_millis(50), Threads::One).await.unwrap();
        assert!(ran.commands > 0 && ran.nanos >= 50_000_000);
    }
}
