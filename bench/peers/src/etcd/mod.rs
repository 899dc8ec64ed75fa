//! etcd under the load that our service is measured with: puts and linearizable reads over gRPC, with mutual TLS.

mod connection;
mod messages;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use register::load::{LoadArgs, run_and_tell};
use tokio::runtime::Builder;
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
    /// Whom the connections are made with; if it is not said, the leader for puts and all members for reads
    #[arg(long, value_enum)]
    to: Option<To>,
    /// Threads of this program; if it is not said, one for every two cores
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    let threads = match etcd.threads {
        Some(threads) => threads.get(),
        None => std::thread::available_parallelism()?.get() / 2,
    };
    let runtime = match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build()?,
        many => Builder::new_multi_thread().worker_threads(many).enable_all().build()?,
    };
    runtime.block_on(load(etcd))
}

async fn load(etcd: &Etcd) -> Result<()> {
    let tls = etcd.tls()?;
    let cluster = cluster(&etcd.endpoints, tls.as_ref()).await?;
    let endpoints = match etcd.to() {
        To::All => &etcd.endpoints[..],
        To::Leader => std::slice::from_ref(&cluster.leader),
    };
    // As many with each member as with any other.
    let count = usize::try_from(etcd.load.connections())?.next_multiple_of(endpoints.len());
    let mut connections = Vec::new();
    for endpoint in endpoints.iter().cycle().take(count) {
        connections.push(Connection::open(endpoint, tls.as_ref()).await?);
    }
    let subject = format!("etcd {}", cluster.version);
    run_and_tell(&subject, &connections, &etcd.load).await.context("writing to standard output")?;
    Ok(())
}

impl Etcd {
    /// What costs least where all members share a machine: a put that is sent to another member is passed on to the
    /// leader; a linearizable read is answered by any member, which asks the leader once for many. Fewer clients than
    /// members would read from some that do not lead.
    fn to(&self) -> To {
        let many = usize::try_from(self.load.clients).is_ok_and(|clients| clients >= self.endpoints.len());
        let usual = if self.load.reads > 50 && many { To::All } else { To::Leader };
        self.to.unwrap_or(usual)
    }

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        etcd: Etcd,
    }

    fn parse(args: &[&str]) -> Result<Etcd, clap::Error> {
        let endpoints = ["etcd", "--endpoints", "http://a:1,http://b:2,http://c:3"];
        Program::try_parse_from([&endpoints, args].concat()).map(|program| program.etcd)
    }

    #[test]
    fn puts_go_to_the_leader_and_reads_to_all() {
        let to = |args: &[&str]| parse(args).unwrap().to();
        assert_eq!(to(&[]), To::Leader);
        assert_eq!(to(&["--reads", "100"]), To::All);
        assert_eq!(to(&["--reads", "100", "--clients", "1"]), To::Leader);
        assert_eq!(to(&["--to", "all"]), To::All);
    }

    #[test]
    fn certificates_are_given_together_or_not_at_all() {
        assert!(parse(&["--ca", "a"]).is_err());
        assert!(parse(&["--cert", "a", "--key", "b"]).is_err());
        assert!(parse(&["--ca", "a", "--cert", "b", "--key", "c"]).is_ok());
    }
}
