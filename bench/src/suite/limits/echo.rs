//! The other process of a round trip: it says where it listens, and sends back what it receives until it is killed.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use quinn::Connection;
use raft::NodeId;
use transport_quic::{ALPN_PEER, ConnectionSettings, Credentials, TrustAnchors, pki, tls};

use crate::bare;

/// A process that echoes.
#[derive(Clone, Debug, Args)]
pub struct EchoArgs {
    #[command(subcommand)]
    over: Over,
}

#[derive(Clone, Debug, Subcommand)]
enum Over {
    /// Datagrams
    Udp,
    /// A stream of a connection that is set up as between peers
    Quic {
        /// Where this process's certificate is, as node 1
        #[arg(long)]
        certs_dir: PathBuf,
    },
}

/// Any port of loopback.
pub(super) const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Who echoes, as its certificate says.
pub(super) const ECHO: NodeId = NodeId(1);

/// Echoes until the process is killed.
pub fn run(args: &EchoArgs) -> Result<()> {
    match &args.over {
        Over::Udp => udp(),
        Over::Quic { certs_dir } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("starting the runtime")?.block_on(quic(certs_dir))
        }
    }
}

/// The authorities and what a node proves itself with, from a directory that [`pki`] made.
pub(super) fn certificates(dir: &Path, node: NodeId) -> Result<(TrustAnchors, Credentials)> {
    let file = |name: &str, extension: &str| dir.join(format!("{name}.{extension}"));
    let own = pki::node_file(node);
    let trust = TrustAnchors::load(&file(pki::PEER_CA, "pem"))?;
    Ok((trust, Credentials::load(&file(&own, "pem"), &file(&own, "key"))?))
}

fn udp() -> Result<()> {
    let socket = UdpSocket::bind(HERE).context("opening a UDP socket")?;
    say(socket.local_addr()?)?;
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).context("receiving")?;
        socket.send_to(&buffer[..length], from).context("sending back")?;
    }
}

async fn quic(certs: &Path) -> Result<()> {
    let (trust, credentials) = certificates(certs, ECHO)?;
    let tls = tls::server_config(ALPN_PEER, &trust, &credentials, &ConnectionSettings::lan_peers())?;
    let endpoint = bare::endpoint(HERE, Some(tls), bare::MTU)?;
    say(endpoint.local_addr()?)?;
    while let Some(incoming) = endpoint.accept().await {
        // Whoever measures says what went wrong.
        if let Ok(connection) = incoming.await {
            let _ = echo(connection).await;
        }
    }
    Ok(())
}

async fn echo(connection: Connection) -> Result<()> {
    let (mut send, mut recv) = connection.accept_bi().await?;
    let mut buffer = [0; 2048];
    while let Some(length) = recv.read(&mut buffer).await? {
        send.write_all(&buffer[..length]).await?;
    }
    Ok(())
}

fn say(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush().context("saying where it listens")
}
