//! The directory of a run: certificates, a configuration per node, ports that are free now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result, bail};
use register::ClientCerts;

/// Where everything of a run is.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The run's directory.
    pub dir: PathBuf,
    /// The cluster's name.
    pub cluster: String,
    /// `raft-register`.
    pub program: PathBuf,
    /// The nodes, by id.
    pub nodes: Vec<NodeLayout>,
    /// Where the first of a pair reaches the second, if not directly.
    routes: BTreeMap<(u64, u64), SocketAddr>,
    snapshots: Option<Snapshots>,
}

/// When nodes take snapshots and how fast they send them, if not as the program has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// Bytes of log before one is taken.
    pub min_log_bytes: u64,
    /// Sent in a second; 0: no limit.
    pub bytes_per_second: u64,
}

impl Snapshots {
    /// Sent as fast as the program does by itself.
    pub const DEFAULT_RATE: u64 = 32 << 20;

    /// None: the whole log stays.
    #[must_use]
    pub fn never() -> Snapshots {
        Snapshots { min_log_bytes: 1 << 50, bytes_per_second: Snapshots::DEFAULT_RATE }
    }
}

/// Where a node is in the network.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where its peers reach it.
    pub peer_addr: SocketAddr,
    /// Where clients reach it.
    pub client_addr: SocketAddr,
    /// What stands before its command, so that it runs there.
    pub enter: Vec<OsString>,
}

impl Host {
    /// With an address that it shares with nobody.
    #[must_use]
    pub fn of_its_own(address: Ipv4Addr, enter: Vec<OsString>) -> Host {
        let [peer_addr, client_addr] = [7101, 7201].map(|port| SocketAddr::from((address, port)));
        Host { peer_addr, client_addr, enter }
    }
}

/// So many nodes on this machine's loopback, on ports that are free now.
pub fn on_loopback(nodes: u64) -> Result<Vec<Host>> {
    let ports = free_ports(2 * usize::try_from(nodes)?)?;
    let host = |pair: &[SocketAddr]| Host { peer_addr: pair[0], client_addr: pair[1], enter: Vec::new() };
    Ok(ports.chunks_exact(2).map(host).collect())
}

/// Where everything of a node is.
#[derive(Clone, Debug)]
pub struct NodeLayout {
    /// Its id.
    pub id: u64,
    /// Where its peers reach it.
    pub peer_addr: SocketAddr,
    /// Where clients reach it.
    pub client_addr: SocketAddr,
    /// What stands before its command.
    pub enter: Vec<OsString>,
    /// Its configuration.
    pub config: PathBuf,
    /// Its log, in words.
    pub log: PathBuf,
    /// Its process id while it runs.
    pub pid_file: PathBuf,
    /// Its state on disk.
    pub data: PathBuf,
}

/// A directory with this file is ours to replace.
const MARKER: &str = ".made-by-bench";
/// The name that the load's client certificate is made for.
const CLIENT: &str = "load";

impl Layout {
    /// Makes a fresh directory with everything that the nodes need. An earlier run's is replaced,
    /// anything else is left alone.
    pub fn create(dir: &Path, cluster: &str, nodes: u64) -> Result<Layout> {
        Layout::create_for(program()?, dir, cluster, nodes)
    }

    /// As [`Layout::create`], for a `raft-register` that is elsewhere.
    pub fn create_for(program: PathBuf, dir: &Path, cluster: &str, nodes: u64) -> Result<Layout> {
        Layout::create_at(program, dir, cluster, on_loopback(nodes)?)
    }

    /// With the nodes, whose ids are 1 and so on, at these places.
    pub fn create_at(program: PathBuf, dir: &Path, cluster: &str, hosts: Vec<Host>) -> Result<Layout> {
        fresh_directory(dir)?;
        let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
        let node = |(id, Host { peer_addr, client_addr, enter }): (u64, Host)| NodeLayout {
            id,
            peer_addr,
            client_addr,
            enter,
            config: dir.join(format!("n{id}.toml")),
            log: dir.join(format!("n{id}.log")),
            pid_file: dir.join(format!("n{id}.pid")),
            data: dir.join(format!("n{id}.data")),
        };
        let nodes = (1..).zip(hosts).map(node).collect();
        let (cluster, routes) = (cluster.to_owned(), BTreeMap::new());
        let layout = Layout { cluster, program, nodes, dir, routes, snapshots: None };
        layout.make_certificates()?;
        layout.write_configs()?;
        Ok(layout)
    }

    /// Nodes that are started from now on reach each other by these ways.
    pub fn route(&mut self, routes: BTreeMap<(u64, u64), SocketAddr>) -> Result<()> {
        self.routes = routes;
        self.write_configs()
    }

    /// Nodes that are started from now on take snapshots like this.
    pub fn snapshots(&mut self, snapshots: Snapshots) -> Result<()> {
        self.snapshots = Some(snapshots);
        self.write_configs()
    }

    /// A node by its id.
    pub fn node(&self, id: u64) -> Result<&NodeLayout> {
        self.nodes.iter().find(|node| node.id == id).with_context(|| format!("there is no node n{id}"))
    }

    /// The load's certificate.
    #[must_use]
    pub fn client_certs(&self) -> ClientCerts {
        ClientCerts::in_dir(&self.certs(), CLIENT)
    }

    /// Where clients reach the nodes.
    #[must_use]
    pub fn endpoints(&self) -> Vec<(u64, String)> {
        self.nodes.iter().map(|node| (node.id, node.client_addr.to_string())).collect()
    }

    /// Where the certificates are.
    #[must_use]
    pub fn certs(&self) -> PathBuf {
        self.dir.join("certs")
    }

    /// By the very command that an operator uses.
    fn make_certificates(&self) -> Result<()> {
        self.cert(&["init", "--cluster", &self.cluster])?;
        for node in &self.nodes {
            self.cert(&["create-node", &node.id.to_string(), "--san", &node.client_addr.ip().to_string()])?;
        }
        self.cert(&["create-client", CLIENT])
    }

    fn cert(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("cert").args(args).arg("--certs-dir").arg(self.certs());
        let output = command.output().with_context(|| format!("starting {}", self.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`raft-register cert {}` failed ({}): {}", args.join(" "), output.status, said.trim());
        }
        Ok(())
    }

    fn write_configs(&self) -> Result<()> {
        for node in &self.nodes {
            fs::write(&node.config, self.config(node))
                .with_context(|| format!("writing {}", node.config.display()))?;
        }
        Ok(())
    }

    fn config(&self, node: &NodeLayout) -> String {
        // Debug's quotes and escapes are TOML's.
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let mut text = format!(
            "cluster = {:?}\nnode = {}\ndata_dir = {}\ncerts_dir = {}\nprofile = \"lan\"\n",
            self.cluster,
            node.id,
            quoted(&node.data),
            quoted(&self.certs()),
        );
        text += &format!("listen_peers = \"{}\"\n", node.peer_addr);
        if let Some(Snapshots { min_log_bytes, bytes_per_second }) = self.snapshots {
            text += &format!(
                "\n[snapshots]\nmin_log_bytes = {min_log_bytes}\nbytes_per_second = {bytes_per_second}\n"
            );
        }
        for NodeLayout { id, peer_addr, client_addr, .. } in &self.nodes {
            let peer_addr = self.routes.get(&(node.id, *id)).unwrap_or(peer_addr);
            text +=
                &format!("\n[[members]]\nid = {id}\npeer = \"{peer_addr}\"\nclient = \"{client_addr}\"\n");
        }
        text
    }
}

/// `raft-register`, beside this program.
fn program() -> Result<PathBuf> {
    let here = std::env::current_exe().context("finding this program's own path")?;
    let program = here.with_file_name(format!("raft-register{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        bail!("{} is missing: build it with `cargo build --release -p register -p bench`", program.display());
    }
    Ok(program)
}

/// Makes it, empty. What an earlier run of this program left in it is ended and removed; anything else is left alone.
pub(crate) fn fresh_directory(dir: &Path) -> Result<()> {
    let marker = dir.join(MARKER);
    if dir.exists() {
        let empty = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?.next().is_none();
        if !empty && !marker.exists() {
            bail!("{} exists and was not made by this program: give another --dir", dir.display());
        }
        end_leftovers(dir)?;
        fs::remove_dir_all(dir).with_context(|| format!("removing the earlier run in {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    fs::write(&marker, "This directory is replaced by the next run.\n")
        .with_context(|| format!("writing {}", marker.display()))
}

/// Ends the nodes of an earlier run whose own end was too sudden to do it. A process id may belong
/// to another program by now: only one whose command line names this directory's configuration is
/// ended.
fn end_leftovers(dir: &Path) -> Result<()> {
    let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
    for entry in fs::read_dir(&dir).with_context(|| format!("listing {}", dir.display()))? {
        let path = entry.with_context(|| format!("listing {}", dir.display()))?.path();
        if path.extension().is_none_or(|extension| extension != "pid") {
            continue;
        }
        let Some(pid) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<i32>().ok())
        else {
            continue;
        };
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let configs = ["toml", "yaml"].map(|extension| path.with_extension(extension));
        let is_config = |arg: &[u8]| configs.iter().any(|file| arg == file.as_os_str().as_encoded_bytes());
        let is_ours = command_line.split(|byte| *byte == 0).any(is_config);
        if let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|_| is_ours) {
            // It may end by itself between the look and the signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    Ok(())
}

/// Ports that nobody uses now, below those that the system hands out by itself: no client's socket is to take one while
/// its node is down. Each process begins its search elsewhere.
fn free_ports(count: usize) -> Result<Vec<SocketAddr>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u16 = 10_000;
    const PORTS: u16 = 22_000;
    // All are held until all are known, so that none is given twice.
    let mut held: Vec<UdpSocket> = Vec::new();
    for _ in 0..PORTS {
        if held.len() == count {
            break;
        }
        let step = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Relaxed));
        let port = FIRST + u16::try_from(step % u32::from(PORTS)).unwrap_or(0);
        held.extend(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)));
    }
    if held.len() < count {
        bail!("fewer than {count} UDP ports from {FIRST} to {} are free on 127.0.0.1", FIRST + PORTS - 1);
    }
    held.iter().map(|socket| socket.local_addr().context("asking a socket for its port")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_ours_are_replaced() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("demo");
        fresh_directory(&dir).unwrap();
        fs::write(dir.join("old"), "").unwrap();
        fresh_directory(&dir).unwrap();
        assert!(!dir.join("old").exists());

        let foreign = outer.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("precious"), "").unwrap();
        assert!(fresh_directory(&foreign).unwrap_err().to_string().contains("not made by this program"));
        assert!(foreign.join("precious").exists());
    }

    #[test]
    fn a_node_listens_at_its_own_address_and_dials_where_it_was_told_to() {
        let node = |id: u64| NodeLayout {
            id,
            peer_addr: SocketAddr::from(([127, 0, 0, 1], 7000 + u16::try_from(id).unwrap())),
            client_addr: SocketAddr::from(([127, 0, 0, 1], 7100)),
            enter: Vec::new(),
            config: PathBuf::new(),
            log: PathBuf::new(),
            pid_file: PathBuf::new(),
            data: PathBuf::new(),
        };
        let (dir, program, cluster) = (PathBuf::from("run"), PathBuf::new(), "c".to_owned());
        let routes = BTreeMap::from([((1, 2), SocketAddr::from(([127, 0, 0, 1], 9)))]);
        let snapshots = Some(Snapshots::never());
        let layout = Layout { dir, cluster, program, nodes: vec![node(1), node(2)], routes, snapshots };
        let text = layout.config(&layout.nodes[0]);
        assert!(text.contains("listen_peers = \"127.0.0.1:7001\""), "{text}");
        assert!(text.contains("id = 2\npeer = \"127.0.0.1:9\""), "{text}");
        assert!(text.contains("id = 1\npeer = \"127.0.0.1:7001\""), "{text}");
        assert!(layout.config(&layout.nodes[1]).contains("id = 1\npeer = \"127.0.0.1:7001\""));
    }

    #[test]
    fn free_ports_differ() {
        let ports = free_ports(6).unwrap();
        let unique: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(unique.len(), 6);
    }
}
