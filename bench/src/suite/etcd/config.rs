//! A member's configuration file. With one, etcd takes nothing from its environment, where anything might stand.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use transport_quic::pki;

/// The option that gives HTTP a port of its own, where a version has it (3.4.26, 3.5.9). Without it the port that
/// speaks gRPC is served by Go's HTTP server, which is slower at that.
pub(super) const SEPARATE_HTTP: &str = "listen-client-http-urls";

/// What one member is told.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) certs: PathBuf,
    /// For the other members.
    pub(super) peer: SocketAddr,
    /// For clients.
    pub(super) client: SocketAddr,
    /// Says without TLS whether it takes requests.
    pub(super) health: SocketAddr,
    /// For clients that speak HTTP, if it can be told apart.
    pub(super) http: Option<SocketAddr>,
    /// All members: their names, and where the others reach them.
    pub(super) cluster: Vec<(String, SocketAddr)>,
}

impl Config {
    /// For the load.
    pub(super) fn endpoint(&self) -> String {
        format!("https://{}", self.client)
    }

    /// Where it is written.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join(format!("{}.yaml", self.name))
    }

    /// Writes it.
    pub(super) fn write(&self) -> Result<()> {
        let file = self.file();
        fs::write(&file, self.text()).with_context(|| format!("writing {}", file.display()))
    }

    fn text(&self) -> String {
        let cluster: Vec<String> =
            self.cluster.iter().map(|(name, peer)| format!("{name}=https://{peer}")).collect();
        let mut text = format!("name: {}\n", self.name);
        let mut add = |key: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}: {value}");
        };
        add("data-dir", &quoted(&self.dir.join(format!("{}.data", self.name))));
        add("listen-peer-urls", &format!("https://{}", self.peer));
        add("initial-advertise-peer-urls", &format!("https://{}", self.peer));
        add("listen-client-urls", &self.endpoint());
        add("advertise-client-urls", &self.endpoint());
        add("listen-metrics-urls", &format!("http://{}", self.health));
        if let Some(http) = self.http {
            add(SEPARATE_HTTP, &format!("https://{http}"));
        }
        add("initial-cluster", &cluster.join(","));
        add("initial-cluster-state", "new");
        add("initial-cluster-token", "bench");
        // It would dial the member itself, with a certificate that is not a client's.
        add("enable-grpc-gateway", "false");
        add("logger", "zap");
        add("log-level", "error");
        add("log-outputs", "[stderr]");
        text += &self.security("client", pki::CLIENT_CA);
        text += &self.security("peer", pki::PEER_CA);
        text
    }

    /// Of one of its two ports: whom it lets in is said by the authority.
    fn security(&self, port: &str, authority: &str) -> String {
        let file = |name: &str, extension: &str| quoted(&self.certs.join(format!("{name}.{extension}")));
        format!(
            "{port}-transport-security:\n  cert-file: {}\n  key-file: {}\n  client-cert-auth: true\n  \
             trusted-ca-file: {}\n",
            file(&self.name, "pem"),
            file(&self.name, "key"),
            file(authority, "pem"),
        )
    }
}

/// Debug's quotes and escapes are YAML's.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(http: Option<u16>) -> Config {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Config {
            name: "n1".into(),
            dir: "/d".into(),
            certs: "/d/certs".into(),
            peer: at(1),
            client: at(2),
            health: at(3),
            http: http.map(at),
            cluster: vec![("n1".into(), at(1)), ("n2".into(), at(5))],
        }
    }

    #[test]
    fn both_ports_ask_for_certificates_of_their_own_authority() {
        let text = config(None).text();
        assert_eq!(text.matches("client-cert-auth: true").count(), 2, "{text}");
        let (client, peer) = text.split_once("peer-transport-security").unwrap();
        assert!(client.contains("trusted-ca-file: \"/d/certs/client-ca.pem\""), "{client}");
        assert!(peer.contains("trusted-ca-file: \"/d/certs/peer-ca.pem\""), "{peer}");
        assert!(text.contains("initial-cluster: n1=https://127.0.0.1:1,n2=https://127.0.0.1:5\n"), "{text}");
    }

    #[test]
    fn http_is_separate_only_where_that_is_known() {
        assert!(!config(None).text().contains(SEPARATE_HTTP));
        assert!(config(Some(4)).text().contains("listen-client-http-urls: https://127.0.0.1:4\n"));
    }

    #[test]
    fn nothing_makes_a_write_less_durable() {
        assert!(!config(None).text().contains("unsafe"));
    }
}
