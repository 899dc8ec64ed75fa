//! The bare pipeline as a subject: what the service is measured against, loaded by the same generator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use raft::ClusterId;
use register::load::{Ending, Target};

use super::context::Context;
use super::subject::{Description, Running, Starting, Subject};
use crate::bare::{Access, BareClient, MTU, SUBJECT, Storage};
use crate::cluster::Cluster;
use crate::setup::Layout;

/// How often a node is looked after while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// The bare pipeline with certain settings.
#[derive(Clone, Debug)]
pub struct Bare {
    bench: PathBuf,
    storage: Storage,
    mtu: u16,
}

impl Bare {
    /// With the storage and the MTU that the service has.
    #[must_use]
    pub fn new(context: &Context) -> Bare {
        Bare { bench: context.bench.clone(), storage: Storage::default(), mtu: MTU }
    }

    /// With other settings.
    #[must_use]
    pub fn with(self, storage: Storage, mtu: u16) -> Bare {
        Bare { storage, mtu, ..self }
    }

    /// Rows of different settings are different rows.
    fn name(&self) -> String {
        let mut name = SUBJECT.to_owned();
        if self.storage != Storage::default() {
            name += &format!(", {}", self.storage.name());
        }
        if self.mtu != MTU {
            name += &format!(", MTU {}", self.mtu);
        }
        name
    }

    async fn run(&self, dir: &Path, nodes: u64) -> Result<Running> {
        let layout = Layout::create(dir, "bench", nodes)?;
        let leader = layout.nodes.first().context("a bare pipeline without nodes")?;
        let access = Access {
            cluster: ClusterId::new(layout.cluster.as_str()).context("the cluster's name")?,
            certs: layout.client_certs(),
            leader: leader.client_addr,
            mtu: self.mtu,
        };
        let mtu = self.mtu.to_string();
        let serve = ["bare", "serve", "--storage", self.storage.name(), "--mtu", &mtu].map(OsString::from);
        let mut cluster = Cluster::of_program(&layout, &self.bench, &serve);
        cluster.start_all()?;
        let ready = tokio::select! {
            ready = first_put(&access) => ready,
            ended = a_node_has_ended(&mut cluster) => ended,
        };
        if let Err(error) = ready {
            // A node that ended by itself says why in its log.
            cluster.check_alive()?;
            return Err(error);
        }
        let mut arguments: Vec<OsString> = ["bare", "load", "--mtu", &mtu].map(OsString::from).into();
        arguments.extend(["--cluster".into(), layout.cluster.as_str().into()]);
        arguments.extend(["--certs-dir".into(), layout.certs().into()]);
        arguments.extend(["--leader".into(), access.leader.to_string().into()]);
        let (pids, nodes) = (cluster.pids(), Box::new(cluster));
        Ok(Running { pids, observer: None, program: self.bench.clone(), arguments, nodes })
    }
}

/// The leader opens its client port once all followers are there.
async fn first_put(access: &Access) -> Result<()> {
    let client = BareClient::connect(access).await.context("reaching the leader of the bare pipeline")?;
    let ending = client.put(Bytes::from_static(b"ready"), Bytes::new()).await;
    anyhow::ensure!(ending == Ending::Done, "the first put on the bare pipeline ended as {ending:?}");
    Ok(())
}

async fn a_node_has_ended(cluster: &mut Cluster) -> Result<()> {
    loop {
        cluster.check_alive()?;
        tokio::time::sleep(LOOK).await;
    }
}

impl Subject for Bare {
    fn describe(&self) -> Description {
        Description {
            name: self.name(),
            durability: self.storage.in_words().to_owned(),
            tls: "mutual TLS".to_owned(),
            notes: vec![
                "no consensus, no sessions, no recovery: what remains is about what the machine can do"
                    .into(),
            ],
        }
    }

    fn start<'a>(&'a self, dir: &'a Path, nodes: u64) -> Starting<'a> {
        Box::pin(self.run(dir, nodes))
    }
}
