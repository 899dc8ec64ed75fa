//! A key-value service that can be put under load: the one that is built here, and those it is compared with.

use std::any::Any;
use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use anyhow::{Context as _, Result};
use register::load::LoadArgs;
use register::{Client, ClientConfig};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::observer::{Observer, all_agree};
use crate::setup::Layout;

use super::context::Context;

/// How long a fresh cluster may take until it has a leader.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What [`Subject::start`] is busy with.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Running>> + 'a>>;

/// A service that can be started.
pub trait Subject {
    /// What is said beside its figures.
    fn describe(&self) -> Description;

    /// Starts so many nodes with their data in `dir`, which is made, or replaced if an earlier run made it. Waits until
    /// they take requests.
    fn start<'a>(&'a self, dir: &'a Path, nodes: u64) -> Starting<'a>;
}

/// What must be said beside figures of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name, with its version if it is not built here.
    pub name: String,
    /// `fsync`, with what is particular.
    pub durability: String,
    /// `mutual TLS`, with what is particular.
    pub tls: String,
    /// Settings that are not the defaults, and what else must be known.
    pub notes: Vec<String>,
}

/// A service that runs. Dropped, its processes end.
pub struct Running {
    /// Its nodes.
    pub pids: Vec<u32>,
    /// Asks its nodes what they counted, if they tell.
    pub observer: Option<Observer>,
    /// The program that puts it under load.
    pub program: PathBuf,
    /// What stands on its command line before the load's own options.
    pub arguments: Vec<OsString>,
    /// Ends the processes when it is dropped.
    pub nodes: Box<dyn Any>,
}

impl Running {
    /// The load program with all its options.
    #[must_use]
    pub fn load(&self, args: &LoadArgs) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(args.to_arguments());
        command
    }
}

/// The service that is built here, as it is deployed.
#[derive(Clone, Debug)]
pub struct Ours {
    register: PathBuf,
}

impl Ours {
    /// What its row says.
    pub const NAME: &str = "raft-register";

    /// With the programs of a run.
    #[must_use]
    pub fn new(context: &Context) -> Ours {
        Ours { register: context.register.clone() }
    }

    async fn run(&self, dir: &Path, nodes: u64) -> Result<Running> {
        let layout = Layout::create(dir, "bench", nodes)?;
        let mut cluster = Cluster::new(&layout);
        cluster.start_all()?;
        let endpoints: Vec<String> = layout.endpoints().into_iter().map(|(_, endpoint)| endpoint).collect();
        let name = raft::ClusterId::new(layout.cluster.as_str()).context("the cluster's name")?;
        let access = ClientConfig::new(name, endpoints.clone(), layout.client_certs());
        let client = Client::connect(access).await.context("starting the client that asks for counters")?;
        let observer = Observer::new(client, layout.endpoints());
        let wanted = layout.nodes.len();
        let waited = observer.wait_until("a leader that all follow", PATIENCE, |all| all_agree(all, wanted));
        if let Err(error) = waited.await {
            // A node that ended by itself says why in its log.
            cluster.check_alive()?;
            return Err(error);
        }
        let mut arguments: Vec<OsString> = vec!["bench".into(), "--output".into(), "json".into()];
        arguments.extend(["--endpoints".into(), endpoints.join(",").into()]);
        arguments.extend(["--certs-dir".into(), layout.certs().into()]);
        let (pids, nodes) = (cluster.pids(), Box::new(cluster));
        Ok(Running { pids, observer: Some(observer), program: self.register.clone(), arguments, nodes })
    }
}

impl Subject for Ours {
    fn describe(&self) -> Description {
        Description {
            name: Ours::NAME.to_owned(),
            durability: "fsync".to_owned(),
            tls: "mutual TLS".to_owned(),
            notes: Vec::new(),
        }
    }

    fn start<'a>(&'a self, dir: &'a Path, nodes: u64) -> Starting<'a> {
        Box::pin(self.run(dir, nodes))
    }
}
