//! etcd under the load that our service is measured with: puts and linearizable reads over gRPC, with mutual TLS.

mod connection;
mod messages;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use register::load::{LoadArgs, run_and_tell};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use connection::Connection;

/// Whom to load, and how.
#[derive(Args)]
pub struct Etcd {
    /// The members: https://127.0.0.1:2379
    #[arg(long, value_delimiter = ',', required = true)]
    endpoints: Vec<String>,
    /// The authority that the members' certificates are checked with
    #[arg(long, requires = "cert")]
    ca: Option<PathBuf>,
    /// The client's certificate
    #[arg(long, requires = "key")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, requires = "ca")]
    key: Option<PathBuf>,
    /// Whom the connections are made with
    #[arg(long, value_enum, default_value_t = To::All)]
    to: To,
    /// Threads of this program
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// All members in turn: those that do not lead pass writes on
    All,
    /// The leader alone, as it is when the load begins
    Leader,
}

/// How long a cluster that was just started may take to elect a leader.
const ELECTION: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Loads it; says so line by line, as every load program does.
pub fn run(etcd: &Etcd) -> Result<()> {
    let runtime = match etcd.threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        many => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(many.into()).enable_all().build()?
        }
    };
    runtime.block_on(load(etcd))
}

async fn load(etcd: &Etcd) -> Result<()> {
    let tls = etcd.tls()?;
    let cluster = cluster(&etcd.endpoints, tls.as_ref()).await?;
    let endpoints = match etcd.to {
        To::All => &etcd.endpoints[..],
        To::Leader => std::slice::from_ref(&cluster.leader),
    };
    let mut connections = Vec::new();
    for (_, endpoint) in (0..etcd.load.connections()).zip(endpoints.iter().cycle()) {
        connections.push(Connection::open(endpoint, tls.as_ref()).await?);
    }
    let subject = format!("etcd {}", cluster.version);
    run_and_tell(&subject, &connections, &etcd.load).await.context("writing to standard output")?;
    Ok(())
}

impl Etcd {
    fn tls(&self) -> Result<Option<ClientTlsConfig>> {
        let (Some(ca), Some(cert), Some(key)) = (&self.ca, &self.cert, &self.key) else { return Ok(None) };
        let read =
            |file: &PathBuf| std::fs::read(file).with_context(|| format!("reading {}", file.display()));
        let identity = Identity::from_pem(read(cert)?, read(key)?);
        Ok(Some(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?)).identity(identity)))
    }
}

struct Cluster {
    version: String,
    /// The endpoint of the member that leads.
    leader: String,
}

/// Waits until the cluster has a leader.
async fn cluster(endpoints: &[String], tls: Option<&ClientTlsConfig>) -> Result<Cluster> {
    let begun = Instant::now();
    loop {
        let last = match leader(endpoints, tls).await {
            Ok(Some(cluster)) => return Ok(cluster),
            Ok(None) => "no member says that it leads".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if begun.elapsed() > ELECTION {
            bail!("{} has no leader after {ELECTION:?}: {last}", endpoints.join(","));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn leader(endpoints: &[String], tls: Option<&ClientTlsConfig>) -> Result<Option<Cluster>> {
    for endpoint in endpoints {
        let status = Connection::open(endpoint, tls).await?.status().await;
        let status = status.with_context(|| format!("asking {endpoint} for its status"))?;
        if status.header.is_some_and(|header| header.member_id == status.leader) {
            return Ok(Some(Cluster { version: status.version, leader: endpoint.clone() }));
        }
    }
    Ok(None)
}
