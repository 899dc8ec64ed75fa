//! Clusters of real processes on loopback, for the tests of the service.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

pub mod load;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use raft::{ClusterId, NodeId};
use register::{Client, ClientCerts, ClientConfig, NodeStatus};
use transport_quic::pki::Issued;
use transport_quic::{Pki, Validity};

/// Nothing here takes so long unless it is broken.
pub const LIMIT: Duration = Duration::from_secs(60);
/// For one request.
pub const SOON: Duration = Duration::from_secs(20);

/// A cluster's files, and the processes that run.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub pki: Pki,
    pub ports: Vec<Ports>,
    profile: &'static str,
    /// Bytes of log after which nodes take snapshots; as the program has it if none.
    pub snapshot_every: Option<u64>,
    /// Bytes of a snapshot sent in a second, where `snapshot_every` is set; 0: no limit.
    pub snapshot_rate: Option<u64>,
    running: Vec<Option<Child>>,
}

#[derive(Clone, Copy)]
pub struct Ports {
    pub peer: u16,
    pub client: u16,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Cluster {
    /// Files for `size` nodes; none is started.
    pub fn new(size: usize) -> Cluster {
        Cluster::with_profile(size, "lan")
    }

    pub fn with_profile(size: usize, profile: &'static str) -> Cluster {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::generate(&ClusterId::new("test").unwrap()).unwrap();
        let certs = dir.path().join("certs");
        fs::create_dir(&certs).unwrap();
        fs::write(certs.join("peer-ca.pem"), pki.peer_ca.cert_pem()).unwrap();
        fs::write(certs.join("client-ca.pem"), pki.client_ca.cert_pem()).unwrap();
        let ports = (0..size).map(|_| Ports { peer: free_port(), client: free_port() }).collect();
        let running = (0..size).map(|_| None).collect();
        let cluster =
            Cluster { dir, pki, ports, profile, snapshot_every: None, snapshot_rate: None, running };
        for node in cluster.nodes() {
            let issued = cluster.pki.issue_node(NodeId(node), &["127.0.0.1".into()], Validity::default());
            cluster.store(&format!("n{node}"), &issued.unwrap());
            cluster.write_config(node, "");
        }
        cluster.store("client-test", &cluster.pki.issue_client("test", Validity::default()).unwrap());
        cluster
    }

    /// A cluster that runs, and has a leader.
    pub fn started(size: usize) -> Cluster {
        let mut cluster = Cluster::new(size);
        cluster.start_all();
        cluster.leader();
        cluster
    }

    pub fn nodes(&self) -> std::ops::RangeInclusive<u64> {
        1..=self.ports.len() as u64
    }

    pub fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    pub fn data(&self, node: u64) -> PathBuf {
        self.dir.path().join(format!("data{node}"))
    }

    pub fn config(&self, node: u64) -> PathBuf {
        self.dir.path().join(format!("node{node}.toml"))
    }

    pub fn store(&self, name: &str, issued: &Issued) {
        fs::write(self.certs().join(format!("{name}.pem")), &issued.cert_pem).unwrap();
        let key = self.certs().join(format!("{name}.key"));
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(key);
        file.unwrap().write_all(issued.key_pem.as_bytes()).unwrap();
    }

    /// Writes a node's configuration, with lines of one's own at the top.
    pub fn write_config(&self, node: u64, extra: &str) {
        let profile = self.profile;
        let mut text = format!(
            "{extra}\ncluster = \"test\"\nnode = {node}\ncerts_dir = \"certs\"\nprofile = \"{profile}\"\n"
        );
        if !extra.contains("data_dir") {
            writeln!(text, "data_dir = \"data{node}\"").unwrap();
        }
        if let Some(bytes) = self.snapshot_every {
            let rate = self.snapshot_rate.unwrap_or(64 << 20);
            writeln!(text, "[snapshots]\nmin_log_bytes = {bytes}\nbytes_per_second = {rate}").unwrap();
        }
        for (id, Ports { peer, client }) in self.nodes().zip(&self.ports) {
            write!(text, "[[members]]\nid = {id}\npeer = \"127.0.0.1:{peer}\"\n").unwrap();
            writeln!(text, "client = \"127.0.0.1:{client}\"").unwrap();
        }
        fs::write(self.config(node), text).unwrap();
    }

    pub fn start_all(&mut self) {
        for node in self.nodes() {
            self.start(node);
        }
    }

    /// Starts a node and waits until it says that it is ready.
    pub fn start(&mut self, node: u64) {
        self.start_under(node, &[]);
    }

    /// As [`Cluster::start`], by a program that runs it.
    pub fn start_under(&mut self, node: u64, runner: &[&str]) {
        let child = self.spawn_under(node, runner);
        if let Err(ended) = self.adopt(node, child) {
            panic!("node {node} did not start: {ended:?}");
        }
    }

    fn adopt(&mut self, node: u64, mut child: Child) -> Result<(), Ended> {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.starts_with(&format!("ready: node {node} of test")) {
            return Err(ended(child));
        }
        // What it logs is kept for its end; a full pipe must not stop it.
        let mut stderr = child.stderr.take().unwrap();
        let log = self.log(node);
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut fs::File::create(log)?));
        self.running[index(node)] = Some(child);
        Ok(())
    }

    fn log(&self, node: u64) -> PathBuf {
        self.dir.path().join(format!("node{node}.log"))
    }

    pub fn is_running(&mut self, node: u64) -> bool {
        self.running[index(node)].as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Waits for the end of a node that ends by itself.
    pub fn end_of(&mut self, node: u64) -> Ended {
        let mut child = self.running[index(node)].take().unwrap();
        let code = wait_for("the end of a node", || child.try_wait().unwrap()).code();
        let stderr = fs::read_to_string(self.log(node)).unwrap_or_default();
        Ended { code, stdout: String::new(), stderr }
    }

    /// Starts a node that is expected to end by itself.
    pub fn start_and_end(&self, node: u64) -> Ended {
        ended(self.spawn(node))
    }

    fn spawn(&self, node: u64) -> Child {
        self.spawn_under(node, &[])
    }

    fn spawn_under(&self, node: u64, runner: &[&str]) -> Child {
        let program = [runner, &[env!("CARGO_BIN_EXE_raft-register")]].concat();
        let mut command = Command::new(program[0]);
        command.args(&program[1..]);
        command.args(["serve", "--config"]).arg(self.config(node)).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As a power cut does.
    pub fn kill(&mut self, node: u64) {
        if let Some(mut child) = self.running[index(node)].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// As a service manager does; returns the exit code.
    pub fn terminate(&mut self, node: u64) -> Option<i32> {
        let mut child = self.running[index(node)].take().unwrap();
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        child.wait().unwrap().code()
    }

    pub fn endpoints(&self) -> Vec<String> {
        self.ports.iter().map(|ports| format!("127.0.0.1:{}", ports.client)).collect()
    }

    /// Runs a client command against all nodes.
    pub fn cli<S: AsRef<OsStr>>(&self, args: &[S]) -> Ended {
        self.cli_with_stdin(args, b"")
    }

    pub fn cli_with_stdin<S: AsRef<OsStr>>(&self, args: &[S], stdin: &[u8]) -> Ended {
        let endpoints = self.endpoints().join(",");
        let mut command = Command::new(env!("CARGO_BIN_EXE_raft-register"));
        command.args(["--endpoints", &endpoints, "--client", "test", "--certs-dir"]).arg(self.certs());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        ended(child)
    }

    pub async fn client(&self) -> Client {
        self.client_with(ClientCerts::in_dir(&self.certs(), "test")).await
    }

    pub async fn client_with(&self, certs: ClientCerts) -> Client {
        Client::connect(self.client_config(certs)).await.unwrap()
    }

    pub fn client_config(&self, certs: ClientCerts) -> ClientConfig {
        ClientConfig::new(self.pki.cluster.clone(), self.endpoints(), certs)
    }

    /// What every node that runs says of itself.
    pub fn statuses(&self) -> Vec<NodeStatus> {
        runtime().block_on(async {
            let client = self.client().await;
            let mut all = Vec::new();
            for (endpoint, running) in self.endpoints().iter().zip(&self.running) {
                if running.is_some()
                    && let Ok(status) = client.status(endpoint, SOON).await
                {
                    all.push(status);
                }
            }
            all
        })
    }

    /// Waits until the nodes that run agree on a leader among them.
    pub fn leader(&self) -> u64 {
        wait_for("a leader that all agree on", || {
            let all = self.statuses();
            let leader = all.iter().find(|s| s.role == "leader")?;
            all.iter().all(|s| s.leader == Some(leader.node) && s.term == leader.term).then_some(leader.node)
        })
    }

    pub fn put_works(&self) {
        let put = self.cli(&["put", "canary", "sings"]);
        assert_eq!(put.code, Some(0), "the cluster does not go on: {put:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes() {
            self.kill(node);
        }
    }
}

/// A port that nobody has, below those that the system hands out by itself: a client's socket must
/// not take it before the node does, nor while the node is down. Each process begins elsewhere.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let free = std::iter::repeat_with(|| {
        let next = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Relaxed));
        u16::try_from(10_000 + next % 22_000).unwrap()
    });
    free.into_iter().find(|port| UdpSocket::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn index(node: u64) -> usize {
    usize::try_from(node).unwrap() - 1
}

/// Waits for a process's end.
fn ended(mut child: Child) -> Ended {
    let text = |pipe: &mut dyn Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || stdout.map(|mut out| text(&mut out)).unwrap_or_default());
    let code = wait_for("the end of a process", || child.try_wait().unwrap());
    let stderr = child.stderr.take().map(|mut err| text(&mut err)).unwrap_or_default();
    Ended { code: code.code(), stdout: reader.join().unwrap(), stderr }
}

/// Polls until there is an answer.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn in_dir(dir: &Path, name: &str) -> ClientCerts {
    ClientCerts {
        peer_ca: dir.join("peer-ca.pem"),
        cert: dir.join(format!("{name}.pem")),
        key: dir.join(format!("{name}.key")),
    }
}
