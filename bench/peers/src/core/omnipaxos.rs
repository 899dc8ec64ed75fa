//! OmniPaxos: three nodes on its own memory storage.
//!
//! Its `batch_size` is set to what is proposed at a time, so that each batch is written and sent at once. A command's
//! bytes are shared between the nodes: it clones entries into messages and logs.

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;

use super::Trio;

#[derive(Clone, Debug)]
struct Command(#[allow(dead_code, reason = "it is carried, not read")] Bytes);

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

pub struct Omnipaxos {
    nodes: Vec<OmniPaxos<Command, MemoryStorage<Command>>>,
    leader: usize,
    outgoing: Vec<Message<Command>>,
}

/// More than an election ever takes.
const TICKS_TO_ELECT: usize = 1000;

impl Trio for Omnipaxos {
    const SUBJECT: &'static str = "omnipaxos 0.2.4";
    const SETTINGS: &'static str = "MemoryStorage, batch_size = commands proposed at a time";

    fn elected(batch: usize) -> Result<Omnipaxos> {
        let node = |pid: u64| {
            let cluster =
                ClusterConfig { configuration_id: 1, nodes: vec![1, 2, 3], ..ClusterConfig::default() };
            let server = ServerConfig { pid, batch_size: batch, ..ServerConfig::default() };
            cluster.build_for_server(server, MemoryStorage::default()).map_err(|error| anyhow!("{error:?}"))
        };
        let nodes = (1..=3).map(node).collect::<Result<Vec<_>>>()?;
        let mut trio = Omnipaxos { nodes, leader: 0, outgoing: Vec::new() };
        for _ in 0..TICKS_TO_ELECT {
            trio.nodes.iter_mut().for_each(OmniPaxos::tick);
            trio.settle()?;
            if let Some((leader, true)) = trio.nodes[0].get_current_leader() {
                trio.leader = usize::try_from(leader - 1)?;
                return Ok(trio);
            }
        }
        Err(anyhow!("omnipaxos elected nobody in {TICKS_TO_ELECT} ticks"))
    }

    fn commit(&mut self, batch: usize, command: &[u8]) -> Result<()> {
        let leader = self.leader;
        let before = self.nodes[leader].get_decided_idx();
        for _ in 0..batch {
            let entry = Command(Bytes::copy_from_slice(command));
            self.nodes[leader].append(entry).map_err(|error| anyhow!("{error:?}"))?;
        }
        self.settle()?;
        let decided = self.nodes[leader].get_decided_idx() - before;
        ensure!(decided == batch, "omnipaxos decided {decided} of {batch}");
        Ok(())
    }
}

impl Omnipaxos {
    /// Hands messages over until nobody has any.
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
