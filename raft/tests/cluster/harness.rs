//! A few nodes whose state machine counts and remembers.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use raft::driver::{Bootstrap, Options};
use raft::state_machine::Snapshot;
use raft::storage::{MemoryDisk, Storage};
use raft::transport::{InProcess, Inbox};
use raft::{
    BootId, ClusterId, Config, Handle, Incarnation, LogIndex, Membership, Node, NodeId, StateMachine, Status,
};

/// Remembers every command; answers how many there were. A query answers the number too.
#[derive(Debug, Default)]
pub(crate) struct Journal(Vec<Bytes>);

pub(crate) struct Frozen(Vec<Bytes>);

impl Snapshot for Frozen {
    fn write_to(&self, sink: &mut dyn io::Write) -> io::Result<()> {
        for command in &self.0 {
            sink.write_all(&u32::try_from(command.len()).unwrap().to_le_bytes())?;
            sink.write_all(command)?;
        }
        Ok(())
    }
}

impl StateMachine for Journal {
    type Snapshot = Frozen;

    fn apply(&mut self, _: LogIndex, command: &Bytes) -> Bytes {
        assert_ne!(&command[..], b"panic", "told to panic");
        self.0.push(command.clone());
        Bytes::from(self.0.len().to_string())
    }

    fn query(&self, query: &Bytes) -> Bytes {
        assert_ne!(&query[..], b"panic", "told to panic");
        Bytes::from(self.0.len().to_string())
    }

    fn snapshot(&self) -> Frozen {
        Frozen(self.0.clone())
    }

    fn restore(source: &mut dyn io::Read) -> io::Result<Journal> {
        let mut all = Vec::new();
        source.read_to_end(&mut all)?;
        let (mut rest, mut commands) = (&all[..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk() {
            let (command, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            commands.push(Bytes::copy_from_slice(command));
            rest = after;
        }
        Ok(Journal(commands))
    }
}

pub(crate) struct Cluster {
    pub(crate) network: InProcess,
    disks: BTreeMap<NodeId, MemoryDisk>,
    bootstrap: Bootstrap,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    lives: u64,
    pub(crate) config: Config,
    /// Two clusters that draw differently have different ones.
    pub(crate) seed: u64,
}

pub(crate) fn incarnation(node: NodeId) -> Incarnation {
    Incarnation(u128::from(node.0) * 1000)
}

/// Small, so that a test sees many.
const SEGMENT_BYTES: u64 = 8192;

/// Fast enough for a test, slow enough for a loaded machine.
fn config() -> Config {
    Config::lan()
}

impl Cluster {
    /// Nodes 1 to `size`, not yet started.
    pub(crate) fn new(size: u64, exchange: bool) -> Cluster {
        let ids: Vec<NodeId> = (1..=size).map(NodeId).collect();
        let bootstrap = if exchange {
            Bootstrap::Exchange { members: ids.clone() }
        } else {
            let voters = ids.iter().map(|id| (*id, incarnation(*id))).collect();
            Bootstrap::Membership(Membership { voters })
        };
        let disks = ids.iter().map(|id| (*id, MemoryDisk::new())).collect();
        Cluster {
            network: InProcess::new(),
            disks,
            bootstrap,
            nodes: BTreeMap::new(),
            lives: 0,
            config: config(),
            seed: 0,
        }
    }

    pub(crate) fn started(size: u64) -> Cluster {
        let mut cluster = Cluster::new(size, false);
        for id in 1..=size {
            cluster.start(NodeId(id), incarnation(NodeId(id)));
        }
        cluster
    }

    /// Starts a node; `fresh` is its incarnation if its disk is blank.
    pub(crate) fn start(&mut self, id: NodeId, fresh: Incarnation) {
        self.lives += 1;
        let cluster = ClusterId::new("test").unwrap();
        let disk = self.disks[&id].clone();
        let opened = Storage::open_with(disk, &cluster, id, fresh, SEGMENT_BYTES).unwrap();
        let (inbox, received) = Inbox::new();
        let transport = self.network.join(id, opened.1.incarnation, inbox);
        let options = Options {
            config: self.config.clone(),
            bootstrap: self.bootstrap.clone(),
            boot: BootId(self.lives),
            seed: self.seed + self.lives * 7919 + id.0,
        };
        let node = Node::spawn(options, opened, Journal::default(), transport, received).unwrap();
        self.nodes.insert(id, node);
    }

    pub(crate) async fn crash(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.remove(&id) {
            node.crash().await;
            self.disks[&id].lose_power();
        }
    }

    pub(crate) fn disk(&self, id: NodeId) -> &MemoryDisk {
        &self.disks[&id]
    }

    pub(crate) fn wipe(&mut self, id: NodeId) {
        self.disks.insert(id, MemoryDisk::new());
    }

    pub(crate) fn handle(&self, id: NodeId) -> Handle {
        self.nodes[&id].handle()
    }

    pub(crate) async fn status(&self, id: NodeId) -> Status {
        self.handle(id).status().await.unwrap()
    }

    /// The node that leads the newest term, once there is one.
    pub(crate) async fn leader(&self) -> NodeId {
        within(async {
            loop {
                let mut newest = None;
                for id in self.nodes.keys() {
                    let status = self.status(*id).await;
                    if status.leader == Some(*id) {
                        newest = newest.max(Some((status.term, *id)));
                    }
                }
                if let Some((_, id)) = newest {
                    return id;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// Proposes until some leader has applied it; answers what the state machine said.
    pub(crate) async fn commit(&self, command: &'static str) -> String {
        within(async {
            loop {
                let leader = self.handle(self.leader().await);
                if let Ok(accepted) = leader.propose(Bytes::from_static(command.as_bytes())).await
                    && let Ok(applied) = accepted.outcome().await
                {
                    return String::from_utf8(applied.response.to_vec()).unwrap();
                }
            }
        })
        .await
    }
}

/// Fails a test that hangs; no test depends on how long anything takes.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("a minute was not enough")
}
