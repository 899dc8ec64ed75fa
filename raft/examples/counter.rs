//! Three nodes that agree on a counter: `cargo run -p raft --example counter`.
use bytes::Bytes;
use raft::{BootId, ClusterId, Config, Incarnation, LogIndex, Membership, Node, NodeId, StateMachine};
use raft::{driver, storage, transport};
use std::{collections::BTreeMap, io};

struct Counter(u64);
#[rustfmt::skip]
impl StateMachine for Counter {
    type Snapshot = Bytes;
    fn apply(&mut self, _: LogIndex, add: &Bytes) -> Bytes { self.0 += add.len() as u64; self.snapshot() }
    fn query(&self, _: &Bytes) -> Bytes { self.snapshot() }
    fn snapshot(&self) -> Bytes { self.0.to_string().into() }
    fn restore(from: &mut dyn io::Read) -> io::Result<Counter> {
        io::read_to_string(from)?.parse().map(Counter).map_err(io::Error::other)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let voters: BTreeMap<_, _> = (1..=3).map(|n| (NodeId(n), Incarnation(n.into()))).collect();
    let (network, mut nodes) = (transport::InProcess::new(), Vec::new());
    for (&id, &incarnation) in &voters {
        let log = storage::Storage::open(storage::MemoryDisk::new(), &ClusterId::new("demo")?, id, incarnation)?;
        let (inbox, received) = transport::Inbox::new();
        let bootstrap = driver::Bootstrap::Membership(Membership { voters: voters.clone() });
        let options = driver::Options { config: Config::lan(), bootstrap, boot: BootId(1), seed: id.0 };
        nodes.push(Node::spawn(options, log, Counter(0), network.join(id, incarnation, inbox), received)?);
    }
    loop {
        tokio::time::sleep(Config::lan().heartbeat).await;
        for node in nodes.iter().map(Node::handle) {
            // Only a leader accepts; for the first moments there is none.
            let Ok(accepted) = node.propose(Bytes::from_static(b"+++")).await else { continue };
            println!("{:?}, then read: {:?}", accepted.outcome().await?, node.read(Bytes::new()).await?);
            return Ok(());
        }
    }
}
