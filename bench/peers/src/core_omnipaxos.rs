//! OmniPaxos: three nodes on its own memory storage, messages handed over as they are.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;

use crate::Ran;

const ENTRIES_PER_CLUSTER: u64 = 1 << 17;

#[derive(Clone, Debug)]
struct Command(#[allow(dead_code, reason = "it is carried, not read")] Vec<u8>);

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

struct Trio {
    nodes: Vec<OmniPaxos<Command, MemoryStorage<Command>>>,
    leader: usize,
    outgoing: Vec<Message<Command>>,
}

impl Trio {
    fn elected() -> Result<Trio> {
        let node = |pid: u64| {
            let cluster = ClusterConfig { configuration_id: 1, nodes: vec![1, 2, 3], ..ClusterConfig::default() };
            let server = ServerConfig { pid, ..ServerConfig::default() };
            cluster.build_for_server(server, MemoryStorage::default()).map_err(|error| anyhow!("{error:?}"))
        };
        let nodes = (1..=3).map(node).collect::<Result<Vec<_>>>()?;
        let mut trio = Trio { nodes, leader: 0, outgoing: Vec::new() };
        for _ in 0..1000 {
            trio.nodes.iter_mut().for_each(OmniPaxos::tick);
            trio.settle()?;
            if let Some((leader, true)) = trio.nodes[0].get_current_leader() {
                trio.leader = usize::try_from(leader - 1)?;
                return Ok(trio);
            }
        }
        Err(anyhow!("omnipaxos elected nobody"))
    }

    fn commit(&mut self, batch: usize, command: &[u8]) -> Result<()> {
        let leader = self.leader;
        let before = self.nodes[leader].get_decided_idx();
        for _ in 0..batch {
            let entry = Command(command.to_vec());
            self.nodes[leader].append(entry).map_err(|error| anyhow!("{error:?}"))?;
        }
        self.settle()?;
        let decided = self.nodes[leader].get_decided_idx() - before;
        ensure!(decided == batch, "omnipaxos decided {decided} of {batch}");
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        loop {
            for node in &mut self.nodes {
                node.take_outgoing_messages(&mut self.outgoing);
            }
            if self.outgoing.is_empty() {
                return Ok(());
            }
            for message in std::mem::take(&mut self.outgoing) {
                let to = usize::try_from(message.get_receiver()).context("ids 1 to 3")?;
                self.nodes[to - 1].handle_incoming(message);
            }
        }
    }
}

pub fn run(batch: usize, bytes: usize, length: Duration) -> Result<Ran> {
    let command = vec![7; bytes];
    let (mut commands, mut measured) = (0, Duration::ZERO);
    while measured < length {
        let mut trio = Trio::elected()?;
        let begun = Instant::now();
        let mut here = 0;
        while here < ENTRIES_PER_CLUSTER && measured + begun.elapsed() < length {
            trio.commit(batch, &command)?;
            here += batch as u64;
        }
        measured += begun.elapsed();
        commands += here;
    }
    Ok(Ran {
        subject: "omnipaxos 0.2.4",
        commands,
        nanos: u64::try_from(measured.as_nanos())?,
        settings: "MemoryStorage; its defaults",
    })
}
