//! `node.toml`: what a node is told. Unknown keys are errors, and every error names its key.
//!
//! ```toml
//! cluster = "demo"
//! node = 1
//! data_dir = "data"               # relative paths: from the directory of this file
//! certs_dir = "certs"             # peer-ca.pem, client-ca.pem, n1.pem, n1.key
//! profile = "lan"                 # lan | wan | lab
//! listen_peers = "0.0.0.0:7001"   # default: this member's `peer`, if that is an IP address
//! listen_clients = "0.0.0.0:7101" # default: this member's `client`, if that is an IP address
//!
//! [timing]                        # each key overrides the profile
//! heartbeat = "50ms"
//! election_min = "150ms"
//! election_max = "300ms"
//!
//! [snapshots]
//! min_log_bytes = 16777216        # taken when the log since the last weighs so much, and as much as that one
//! bytes_per_second = 33554432     # sent to nodes that need one at most; 0: no limit
//!
//! [[members]]                     # the initial members, this node among them
//! id = 1
//! peer = "10.0.0.1:7001"
//! client = "10.0.0.1:7101"
//! ```

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use raft::{ClusterId, Config, NodeId};
use serde::{Deserialize, Deserializer};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong kind.
    #[error("{path}: {source}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// Keys that do not go together.
    #[error("{path}: {what}")]
    Invalid {
        /// Which.
        path: PathBuf,
        /// Which keys, and why.
        what: String,
    },
}

/// A node's configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The cluster's name.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// Where its log lives.
    pub data_dir: PathBuf,
    /// Its certificates.
    pub certs: NodeCerts,
    /// Where it listens for peers.
    pub listen_peers: SocketAddr,
    /// Where it listens for clients.
    pub listen_clients: SocketAddr,
    /// Timing and limits.
    pub raft: Config,
    /// Every initial member, this node included.
    pub members: BTreeMap<NodeId, Member>,
}

/// The files that a node proves itself with, and trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCerts {
    /// Vouches for nodes.
    pub peer_ca: PathBuf,
    /// Vouches for clients.
    pub client_ca: PathBuf,
    /// The node's certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where a member is reached, `host:port` each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// By its peers.
    pub peer: String,
    /// By clients.
    pub client: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cluster: ClusterId,
    node: u64,
    data_dir: PathBuf,
    certs_dir: PathBuf,
    #[serde(default)]
    profile: Profile,
    listen_peers: Option<SocketAddr>,
    listen_clients: Option<SocketAddr>,
    #[serde(default)]
    timing: Timing,
    #[serde(default)]
    snapshots: Snapshots,
    members: Vec<FileMember>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    #[default]
    Lan,
    Wan,
    Lab,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Timing {
    #[serde(default, deserialize_with = "duration")]
    heartbeat: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    election_min: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    election_max: Option<Duration>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshots {
    min_log_bytes: Option<u64>,
    bytes_per_second: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMember {
    id: u64,
    peer: String,
    client: String,
}

impl NodeConfig {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<NodeConfig, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        NodeConfig::parse(&text, path)
    }

    /// Checks a file's content; `path` is where it would be.
    pub fn parse(text: &str, path: &Path) -> Result<NodeConfig, ConfigError> {
        let file: File = toml::from_str(text)
            .map_err(|source| ConfigError::Parse { path: path.into(), source: Box::new(source) })?;
        file.check(path.parent().unwrap_or(Path::new("")))
            .map_err(|what| ConfigError::Invalid { path: path.into(), what })
    }
}

impl File {
    fn check(self, base: &Path) -> Result<NodeConfig, String> {
        let node = NodeId(self.node);
        let mut raft = match self.profile {
            Profile::Lan => Config::lan(),
            Profile::Wan => Config::wan(),
            Profile::Lab => Config::lab(),
        };
        raft.heartbeat = self.timing.heartbeat.unwrap_or(raft.heartbeat);
        raft.election_min = self.timing.election_min.unwrap_or(raft.election_min);
        raft.election_max = self.timing.election_max.unwrap_or(raft.election_max);
        raft.snapshot_min_log_bytes = self.snapshots.min_log_bytes.unwrap_or(raft.snapshot_min_log_bytes);
        raft.snapshot_bytes_per_second = self
            .snapshots
            .bytes_per_second
            .map_or(raft.snapshot_bytes_per_second, |rate| Some(rate).filter(|rate| *rate > 0));
        // The largest compare-and-set, with its session's tag.
        raft.max_command_bytes = crate::command::MAX_COMMAND + 64;
        raft.validate().map_err(|error| format!("timing: {error}"))?;

        let mut members = BTreeMap::new();
        for FileMember { id, peer, client } in self.members {
            for (key, address) in [("peer", &peer), ("client", &client)] {
                port_of(address)
                    .ok_or_else(|| format!("members: {key} of member {id}: {address:?} is not host:port"))?;
            }
            if members.insert(NodeId(id), Member { peer, client }).is_some() {
                return Err(format!("members: id {id} stands there twice"));
            }
        }
        let me = members.get(&node).ok_or_else(|| format!("members: node {node} is not among them"))?;
        let certs_dir = base.join(self.certs_dir);
        let file = |name: &str, extension: &str| certs_dir.join(format!("{name}.{extension}"));
        let own = transport_quic::pki::node_file(node);
        Ok(NodeConfig {
            cluster: self.cluster,
            node,
            data_dir: base.join(self.data_dir),
            certs: NodeCerts {
                peer_ca: file(transport_quic::pki::PEER_CA, "pem"),
                client_ca: file(transport_quic::pki::CLIENT_CA, "pem"),
                cert: file(&own, "pem"),
                key: file(&own, "key"),
            },
            listen_peers: listen(self.listen_peers, &me.peer),
            listen_clients: listen(self.listen_clients, &me.client),
            raft,
            members,
        })
    }
}

/// Where to listen: as told, or on the very address that others dial; where they dial a name, on
/// every address.
fn listen(told: Option<SocketAddr>, dialled: &str) -> SocketAddr {
    let any = || SocketAddr::from((Ipv4Addr::UNSPECIFIED, port_of(dialled).unwrap_or(0)));
    told.or_else(|| dialled.parse().ok()).unwrap_or_else(any)
}

fn port_of(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    if host.is_empty() { None } else { port.parse().ok().filter(|port| *port != 0) }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// `150ms`, `2s` or `1m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(format!("{text:?} is not a duration like \"150ms\", \"2s\" or \"1m\"")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} does not begin with a number"))?;
    let millis = number.checked_mul(factor).ok_or_else(|| format!("{text:?} is too long"))?;
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        cluster = "demo"
        node = 2
        data_dir = "data"
        certs_dir = "/etc/certs"
        [timing]
        election_max = "400ms"
        [[members]]
        id = 1
        peer = "10.0.0.1:7001"
        client = "10.0.0.1:7101"
        [[members]]
        id = 2
        peer = "10.0.0.2:7002"
        client = "n2.example:7102"
    "#;

    fn parse(text: &str) -> Result<NodeConfig, String> {
        NodeConfig::parse(text, Path::new("/srv/node.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_file() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.node, NodeId(2));
        assert_eq!(config.data_dir, Path::new("/srv/data"));
        assert_eq!(config.certs.key, Path::new("/etc/certs/n2.key"));
        assert_eq!(config.listen_peers, "10.0.0.2:7002".parse().unwrap());
        assert_eq!(config.listen_clients, "0.0.0.0:7102".parse().unwrap());
        assert_eq!(config.raft.election_max, Duration::from_millis(400));
        assert_eq!(config.raft.heartbeat, Config::lan().heartbeat);
    }

    #[test]
    fn an_error_names_its_key() {
        for (from, to, named) in [
            ("data_dir = \"data\"", "data_dir = \"data\"\n        dat_dir = 1", "dat_dir"),
            ("[timing]", "[timing]\n        hartbeat = \"1s\"", "hartbeat"),
            ("id = 1", "id = 1\n        learner = true", "learner"),
            ("certs_dir = \"/etc/certs\"", "", "certs_dir"),
            ("\"400ms\"", "\"400\"", "election_max"),
            ("\"400ms\"", "\"100ms\"", "timing"),
            ("id = 1", "id = 2", "id 2 stands there twice"),
            ("node = 2", "node = 3", "node 3 is not among them"),
            ("n2.example:7102", "n2.example", "client of member 2"),
            ("cluster = \"demo\"", "cluster = \"De mo\"", "De mo"),
        ] {
            let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(named) && error.contains("node.toml"), "{to}: {error}");
        }
    }

    #[test]
    fn timing_relations_are_checked() {
        let error = parse(&GOOD.replace("[timing]", "[timing]\n heartbeat = \"60ms\"")).unwrap_err();
        assert!(error.contains("heartbeat"), "{error}");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("150ms"), Ok(Duration::from_millis(150)));
        assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
        for bad in ["", "s", "1", "1h", "-1s", "99999999999999999999s", "18446744073709551615m"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
