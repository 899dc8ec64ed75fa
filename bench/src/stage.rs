//! A cluster that runs, with what stands around it; and what every run with clients does: wait until all nodes follow a
//! leader, keep the tally, read every key back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use raft::ClusterId;
use register::{Client, ClientConfig};
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::observer::{Observer, all_agree};
use crate::rig::disk::LoopDisk;
use crate::rig::namespaces::Namespaces;
use crate::rig::network::Network;
use crate::rig::proxy::Proxy;
use crate::setup::{self, Host, Layout, Snapshots};
use crate::workload::{Actor, Shared};

/// How long a node may take until it serves and agrees with the others.
const START_UP: Duration = Duration::from_secs(20);

/// What a cluster is to be like.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// `raft-register`.
    pub program: PathBuf,
    /// What is between the nodes, if there is to be something.
    pub between: Option<Between>,
    /// Whether each node has a file system of its own, of so many bytes.
    pub disks: Option<u64>,
    /// When snapshots are taken.
    pub snapshots: Option<Snapshots>,
}

/// By what means the links between nodes are disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// A network namespace for each node: [`Namespaces`].
    Namespaces,
    /// All on loopback, with a hop between them: [`Proxy`].
    Proxy,
}

/// Nodes that run. Dropped in the order of its parts: a process that waits for a frozen disk cannot be ended.
#[derive(Debug)]
pub struct Stage {
    /// By node, where nodes have their own.
    pub disks: BTreeMap<u64, LoopDisk>,
    /// The processes.
    pub cluster: Cluster,
    /// Between the nodes, if it was wished for.
    pub network: Option<Network>,
    /// Asks the nodes.
    pub observer: Arc<Observer>,
    /// How clients reach them.
    pub access: ClientConfig,
    /// Where everything is.
    pub layout: Layout,
}

/// How long a patient client waits for a node's answer before it asks another.
const PATIENT: Duration = Duration::from_secs(5);
/// Between two looks of the tally.
const TALLY: Duration = Duration::from_millis(500);
/// The seed of the proxy's draws.
const SEED: u64 = 1;
const NODES: u64 = 3;
const CLUSTER: &str = "bench";

impl Stage {
    /// Three nodes in a fresh directory; all of them follow one leader.
    pub async fn set(dir: &Path, wishes: &Wishes, attempt_timeout: Duration) -> Result<Stage> {
        let mut network = None;
        let hosts = if wishes.between == Some(Between::Namespaces) {
            let ids: Vec<u64> = (1..=NODES).collect();
            let namespaces = Namespaces::build(&ids)?;
            let hosts = ids.iter().map(|id| Host::of_its_own(namespaces.address(*id), namespaces.enter(*id)));
            let hosts = hosts.collect();
            network = Some(Network::new(namespaces));
            hosts
        } else {
            setup::on_loopback(NODES)?
        };
        let mut layout = Layout::create_at(wishes.program.clone(), dir, CLUSTER, hosts)
            .with_context(|| format!("preparing a cluster in {}", dir.display()))?;
        if let Some(snapshots) = wishes.snapshots {
            layout.snapshots(snapshots)?;
        }
        let mut disks = BTreeMap::new();
        for node in layout.nodes.iter().filter(|_| wishes.disks.is_some()) {
            let (image, bytes) = (node.data.with_extension("image"), wishes.disks.unwrap_or(0));
            disks.insert(node.id, LoopDisk::mount(&image, bytes, &node.data)?);
        }
        if wishes.between == Some(Between::Proxy) {
            let nodes: Vec<_> = layout.nodes.iter().map(|node| (node.id, node.peer_addr)).collect();
            let proxy = Proxy::start(&nodes, SEED)?;
            layout.route(proxy.routes().clone())?;
            network = Some(Network::new(proxy));
        }
        let mut cluster = Cluster::new(&layout);
        cluster.start_all()?;
        let access = ClientConfig { attempt_timeout, ..access(&layout)? };
        let observer = Arc::new(observe(&layout, &access).await?);
        started(&mut cluster, &observer).await?;
        Ok(Stage { disks, cluster, network, observer, access, layout })
    }

    /// A client of it that has time: many large values at once would seem lost to a hasty one, and be sent again.
    pub async fn patient_client(&self) -> Result<Client> {
        let access = ClientConfig { attempt_timeout: PATIENT, ..self.access.clone() };
        Client::connect(access).await.context("starting a client")
    }

    /// A client of it.
    pub async fn client(&self) -> Result<Client> {
        Client::connect(self.access.clone()).await.context("starting a client")
    }
}

/// How clients reach the nodes of a layout.
pub fn access(layout: &Layout) -> Result<ClientConfig> {
    let cluster = ClusterId::new(&layout.cluster).context("naming the cluster")?;
    let endpoints = layout.endpoints().into_iter().map(|(_, endpoint)| endpoint).collect();
    Ok(ClientConfig::new(cluster, endpoints, layout.client_certs()))
}

/// Somebody who asks the nodes of a layout.
pub async fn observe(layout: &Layout, access: &ClientConfig) -> Result<Observer> {
    let client = Client::connect(access.clone()).await.context("starting the observing client")?;
    Ok(Observer::new(client, layout.endpoints()))
}

/// Waits until every node follows one leader; how long that took, and who leads.
pub async fn started(cluster: &mut Cluster, observer: &Observer) -> Result<(Duration, u64)> {
    let nodes = cluster.ids().len();
    let begun = Instant::now();
    let agreed = observer.wait_until("all nodes to follow one leader", START_UP, |a| all_agree(a, nodes));
    let answers = match agreed.await {
        Ok(answers) => answers,
        Err(error) => {
            // A node that ended says more than one that is silent.
            cluster.check_alive()?;
            let tails: Result<Vec<_>> =
                cluster.ids().into_iter().map(|id| Ok(cluster.node(id)?.log_tail())).collect();
            return Err(error.context(tails?.join("\n")));
        }
    };
    let leader = answers.iter().find_map(|status| status.leader).unwrap_or(0);
    Ok((begun.elapsed(), leader))
}

/// Everything is healed: every key can be read, and all nodes agree.
pub async fn read_back(cluster: &mut Cluster, observer: &Observer, shared: &Arc<Shared>) -> Result<String> {
    let nodes = cluster.ids().len();
    let client =
        Client::connect(shared.access.clone()).await.context("starting the client that reads back")?;
    let mut actor = Actor::new(shared.clone(), client);
    let keys = shared.keys().count();
    for key in 0..keys {
        let begun = Instant::now();
        while !actor.get(key).await {
            if begun.elapsed() > START_UP {
                bail!("key {key} could not be read for {START_UP:?}, although every fault is healed");
            }
        }
    }
    let agreed = observer.wait_until("all nodes to agree", START_UP, |a| all_agree(a, nodes)).await?;
    cluster.check_alive()?;
    let applied = agreed.first().map_or(0, |status| status.last_applied);
    Ok(format!("all {keys} keys; all {nodes} nodes have applied all {applied} entries"))
}

/// A task that ends with its owner.
#[derive(Debug)]
pub struct Background(pub JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks the nodes again and again, so that little is lost of what a killed one had counted.
#[must_use]
pub fn keep_tally(observer: Arc<Observer>) -> Background {
    Background(tokio::spawn(async move {
        loop {
            tokio::time::sleep(TALLY).await;
            observer.look().await;
        }
    }))
}
