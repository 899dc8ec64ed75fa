//! etcd as a subject: three members on this machine with mutual TLS among themselves and with clients, durable as they
//! are by default, loaded by the program of `bench/peers`.
//!
//! | file | what |
//! |---|---|
//! | `config` | a member's configuration file |
//! | `member` | a member's process, and always its end |
//! | `health` | asks members whether they take requests |

mod config;
mod health;
mod member;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use raft::{ClusterId, NodeId};
use transport_quic::{Validity, pki};

use self::config::Config;
use self::member::Member;
use super::context::Context;
use super::subject::{Description, Running, Starting, Subject};
use crate::setup::fresh_directory;

/// How long a fresh cluster may take until it takes requests.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(100);
/// The name that the load's client certificate is made for.
const CLIENT: &str = "load";

/// etcd, as it is installed.
#[derive(Clone, Debug)]
pub struct Etcd {
    program: PathBuf,
    peers: PathBuf,
    version: String,
    separate_http: bool,
}

impl Etcd {
    /// The error says why it has to be left out.
    pub fn find(context: &Context) -> Result<Etcd> {
        let program = context.etcd.clone().context(
            "etcd is left out: it is not on the PATH (Debian and Ubuntu: `apt-get install etcd-server`)",
        )?;
        let peers =
            context.peers.clone().context("etcd is left out: its load, bench/peers, was not built")?;
        let said = said(&program, "--version")?;
        let version = version(&said).with_context(|| format!("`etcd --version` said {said:?}"))?;
        let separate_http = said_in_help(&program, config::SEPARATE_HTTP)?;
        Ok(Etcd { program, peers, version: version.to_owned(), separate_http })
    }

    async fn run(&self, dir: &Path, nodes: u64) -> Result<Running> {
        fresh_directory(dir)?;
        let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
        let certs = dir.join("certs");
        make_certificates(&certs, nodes)?;
        let configs = self.configs(&dir, &certs, nodes)?;
        let members = configs.iter().map(|config| Member::start(&self.program, &dir, config));
        let mut members = members.collect::<Result<Vec<_>>>()?;
        wait_until_healthy(&mut members, &configs).await?;
        let endpoints: Vec<String> = configs.iter().map(Config::endpoint).collect();
        let mut arguments: Vec<OsString> = vec!["etcd".into()];
        arguments.extend(["--endpoints".into(), endpoints.join(",").into()]);
        arguments.extend(["--ca".into(), certs.join(format!("{}.pem", pki::PEER_CA)).into()]);
        let client = pki::client_file(CLIENT);
        arguments.extend(["--cert".into(), certs.join(format!("{client}.pem")).into()]);
        arguments.extend(["--key".into(), certs.join(format!("{client}.key")).into()]);
        let pids = members.iter().map(Member::pid).collect();
        let program = self.peers.clone();
        Ok(Running { pids, observer: None, program, arguments, nodes: Box::new(members) })
    }

    fn configs(&self, dir: &Path, certs: &Path, nodes: u64) -> Result<Vec<Config>> {
        let mut ports = free_ports(4 * usize::try_from(nodes)?)?.into_iter();
        let mut members = Vec::new();
        for id in 1..=nodes {
            let mut addr = || ports.next().context("out of ports");
            members.push(Config {
                name: pki::node_file(NodeId(id)),
                dir: dir.to_owned(),
                certs: certs.to_owned(),
                peer: addr()?,
                client: addr()?,
                health: addr()?,
                http: addr().map(|http| self.separate_http.then_some(http))?,
                cluster: Vec::new(),
            });
        }
        let cluster: Vec<_> = members.iter().map(|member| (member.name.clone(), member.peer)).collect();
        Ok(members.into_iter().map(|member| Config { cluster: cluster.clone(), ..member }).collect())
    }
}

impl Subject for Etcd {
    fn describe(&self) -> Description {
        let mut notes = vec![
            "defaults but for TLS, the log level (error) and the gateway from JSON, which is off".to_owned(),
            "puts are sent to the leader, reads to all members: of the two what costs less here".to_owned(),
        ];
        if self.separate_http {
            notes
                .push("HTTP has a port of its own, so that gRPC's is served by gRPC's own server".to_owned());
        }
        Description {
            name: format!("etcd {}", self.version),
            durability: "fsync".to_owned(),
            tls: "mutual TLS".to_owned(),
            notes,
        }
    }

    fn start<'a>(&'a self, dir: &'a Path, nodes: u64) -> Starting<'a> {
        Box::pin(self.run(dir, nodes))
    }
}

/// Those that a cluster of ours has: other programs read them as well.
fn make_certificates(certs: &Path, nodes: u64) -> Result<()> {
    let cluster = ClusterId::new("bench").context("the cluster's name")?;
    let names = [Ipv4Addr::LOCALHOST.to_string()];
    pki::init(certs, &cluster).context("making authorities for etcd")?;
    for id in 1..=nodes {
        let made = pki::create_node(certs, NodeId(id), &names, Validity::default());
        made.with_context(|| format!("making a certificate for member {id} of etcd"))?;
    }
    pki::create_client(certs, CLIENT, Validity::default()).context("making a certificate for etcd's load")?;
    Ok(())
}

async fn wait_until_healthy(members: &mut [Member], configs: &[Config]) -> Result<()> {
    let begun = Instant::now();
    for (at, config) in configs.iter().enumerate() {
        while let Err(why) = health::check(config.health).await {
            // A member that ended by itself says why in its log.
            members.iter_mut().try_for_each(Member::check_alive)?;
            if begun.elapsed() > PATIENCE {
                let log = members[at].log_tail();
                bail!("{} of etcd takes no requests after {PATIENCE:?} ({why:#}); {log}", config.name);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Ports that nobody uses now. All are held until all are known, so that none is given twice.
fn free_ports(count: usize) -> Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()
        .context("looking for free TCP ports on 127.0.0.1")?;
    listeners.iter().map(|listener| listener.local_addr().context("asking a socket for its port")).collect()
}

/// What a program says when it is asked one thing, on both outputs.
fn said(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("starting {} {argument}", program.display()))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(format!("{out}{err}"))
}

fn said_in_help(program: &Path, option: &str) -> Result<bool> {
    let option = format!("--{option}");
    Ok(said(program, "--help")?.split_whitespace().any(|word| word == option))
}

fn version(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("etcd Version:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use register::load::LoadArgs;

    use super::*;
    use crate::suite::service::sample;

    #[test]
    fn the_version_is_found() {
        let said = "etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n";
        assert_eq!(version(said), Some("3.4.23"));
        assert_eq!(version("command not found"), None);
    }

    fn context(etcd: Option<PathBuf>, peers: Option<PathBuf>) -> Context {
        Context {
            only: None,
            level: crate::suite::context::Level::Quick,
            dir: PathBuf::new(),
            bench: PathBuf::new(),
            register: PathBuf::new(),
            checker: PathBuf::new(),
            simulator: None,
            peers,
            etcd,
            began: Instant::now(),
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let why = |context: &Context| Etcd::find(context).unwrap_err().to_string();
        assert!(why(&context(None, None)).contains("apt-get install etcd-server"));
        assert!(why(&context(Some("etcd".into()), None)).contains("bench/peers"));
    }

    #[tokio::test]
    #[ignore = "needs two programs: `ETCD=/usr/bin/etcd PEERS=…/peers cargo test -p bench --lib -- --ignored etcd`"]
    async fn a_cluster_takes_a_load_and_ends_with_its_owner() {
        let program = |name| std::env::var_os(name).map(PathBuf::from);
        let etcd = Etcd::find(&context(program("ETCD"), program("PEERS"))).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let running = etcd.start(&dir.path().join("etcd"), 3).await.unwrap();
        for reads in [0, 100] {
            let second = Duration::from_secs(1);
            let args = LoadArgs { keys: 100, reads, warm_up: second, seconds: second, ..LoadArgs::default() };
            let sample = sample::take(&running, &args).await.unwrap();
            println!("{:?} {:.0} /s, nodes {:?}", etcd.describe(), sample.measured.rate(), sample.nodes);
            assert!(sample.measured.done > 0 && sample.measured.unknown == 0, "{:?}", sample.measured);
            assert_eq!(sample.measured.subject, etcd.describe().name);
            assert!(sample.nodes.processor > Duration::ZERO && sample.nodes.resident > 0);
        }
        let pids = running.pids.clone();
        drop(running);
        assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "{pids:?}");
    }

    #[test]
    fn ports_differ() {
        let ports: std::collections::BTreeSet<_> = free_ports(12).unwrap().into_iter().collect();
        assert_eq!(ports.len(), 12);
    }
}
