//! openraft: three nodes on one tokio runtime, logs in memory, requests handed over as function calls.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::ops::RangeBounds;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::{Stream, TryStreamExt};
use openraft::alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf};
use openraft::entry::RaftEntry;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::storage::{
    EntryResponder, IOFlushed, LogState, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine,
};
use openraft::{
    AnyError, BasicNode, Config, OptionalSend, Raft, RaftLogReader, SnapshotPolicy,
};

use crate::Ran;

/// What is proposed: nothing, so that the library alone is measured.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Command;

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a command")
    }
}

openraft::declare_raft_types!(pub Types: D = Command, R = ());

type Node = Raft<Types, Machine>;
type Nodes = Arc<OnceLock<BTreeMap<u64, Node>>>;

#[derive(Default)]
struct Kept {
    vote: Option<VoteOf<Types>>,
    entries: BTreeMap<u64, EntryOf<Types>>,
    purged: Option<LogIdOf<Types>>,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Kept>>);

impl Log {
    fn with<T>(&self, what: impl FnOnce(&mut Kept) -> T) -> T {
        what(&mut self.0.lock().expect("nobody panics holding it"))
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<EntryOf<Types>>, io::Error>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        Ok(self.with(|kept| kept.entries.range(range).map(|(_, entry)| entry.clone()).collect()))
    }

    async fn read_vote(&mut self) -> Result<Option<VoteOf<Types>>, io::Error> {
        Ok(self.with(|kept| kept.vote))
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Log;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        Ok(self.with(|kept| LogState {
            last_purged_log_id: kept.purged,
            last_log_id: kept.entries.values().next_back().map(RaftEntry::log_id).or(kept.purged),
        }))
    }

    async fn get_log_reader(&mut self) -> Log {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> Result<(), io::Error> {
        self.with(|kept| kept.vote = Some(*vote));
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = EntryOf<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.with(|kept| kept.entries.extend(entries.into_iter().map(|entry| (entry.index(), entry))));
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> Result<(), io::Error> {
        let first = last.map_or(0, |last| last.index() + 1);
        self.with(|kept| drop(kept.entries.split_off(&first)));
        Ok(())
    }

    async fn purge(&mut self, upto: LogIdOf<Types>) -> Result<(), io::Error> {
        self.with(|kept| {
            kept.entries = kept.entries.split_off(&(upto.index() + 1));
            kept.purged = Some(upto);
        });
        Ok(())
    }
}

/// Applies by counting.
#[derive(Clone, Default)]
pub struct Machine {
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        };
        Ok(SnapshotOf::<Types, ()> { meta, snapshot: () })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = ();
    type SnapshotBuilder = Machine;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.applied = Some(entry.log_id());
            if let Some(membership) = entry.get_membership() {
                self.membership = StoredMembershipOf::<Types>::new(self.applied, membership);
            }
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Machine {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMetaOf<Types>, (): ()) -> Result<(), io::Error> {
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        Ok(None)
    }
}

#[derive(Clone)]
struct Network(Nodes);

struct To {
    nodes: Nodes,
    target: u64,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = To;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> To {
        To { nodes: self.0.clone(), target }
    }
}

impl To {
    fn node(&self) -> Result<&Node, RPCError<Types>> {
        let node = self.nodes.get().and_then(|nodes| nodes.get(&self.target));
        node.ok_or_else(|| RPCError::Unreachable(Unreachable::new(&AnyError::error("not started yet"))))
    }
}

fn failed(error: impl std::error::Error + 'static) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::new(&AnyError::error(error.to_string())))
}

impl RaftNetworkV2<Types> for To {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.node()?.append_entries(rpc).await.map_err(failed)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.node()?.vote(rpc).await.map_err(failed)
    }

    async fn full_snapshot(
        &mut self,
        _: VoteOf<Types>,
        _: SnapshotOf<Types, ()>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let none = AnyError::error("no snapshot is ever taken");
        Err(StreamingError::Unreachable(Unreachable::new(&none)))
    }
}

pub fn run(proposers: usize, length: Duration) -> Result<Ran> {
    let threads = std::thread::available_parallelism()?.get();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(measured(proposers, length))
}

async fn measured(proposers: usize, length: Duration) -> Result<Ran> {
    let config = Config {
        election_timeout_min: 1000,
        election_timeout_max: 2000,
        heartbeat_interval: 200,
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    let config = Arc::new(config.validate()?);
    let nodes: Nodes = Arc::default();
    let mut all = BTreeMap::new();
    for id in 1..=3 {
        let network = Network(nodes.clone());
        let node = Raft::new(id, config.clone(), network, Log::default(), Machine::default()).await?;
        all.insert(id, node);
    }
    let leader = all.get(&1).context("three nodes")?.clone();
    let _ = nodes.set(all);
    leader.initialize((1..=3).map(|id| (id, BasicNode::default())).collect::<BTreeMap<_, _>>()).await?;
    while leader.current_leader().await != Some(1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..proposers)
        .map(|_| {
            let (leader, done, stop) = (leader.clone(), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    leader.client_write(Command).await?;
                    done.fetch_add(1, Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    // The first fifth warms up.
    tokio::time::sleep(length / 5).await;
    let (begun, before) = (Instant::now(), done.load(Relaxed));
    tokio::time::sleep(length).await;
    let (commands, nanos) = (done.load(Relaxed) - before, begun.elapsed().as_nanos());
    stop.store(true, Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(Ran {
        subject: "openraft 0.10.0-alpha.37",
        commands,
        nanos: u64::try_from(nanos)?,
        settings: "log in memory, empty commands, no snapshots, one tokio worker a core",
    })
}
