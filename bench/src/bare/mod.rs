//! The bare pipeline: the yardstick beside which the service is measured. Three processes, QUIC with mutual TLS, a
//! checksum on each entry, a synced log and a map on every node; and nothing else: no terms, no elections, no
//! sessions, no recovery. The leader is always the same. What this reaches on a machine is about what a replicated
//! service with these settings could reach there if consensus cost nothing.
//!
//! A put is acknowledged when the leader's sync and one follower's have ended; what arrives while a sync is under way
//! goes with the next. A get is answered when a follower has echoed a round that began after it came; all that wait
//! share one.
//!
//! | file | what |
//! |---|---|
//! | `wire` | frames |
//! | `store` | the map, and what waits to be committed |
//! | `log` | syncs, on a thread: [`Storage`] says how |
//! | `leader` · `follower` | what a node does with what it hears |
//! | `outbox` · `net` | streams: what waits to be written, what is read |
//! | `node` | a node as a process |
//! | `client` | [`BareClient`], what the load works with |

mod client;
mod follower;
mod leader;
mod log;
mod net;
mod node;
mod outbox;
mod store;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use raft::ClusterId;
use register::ClientCerts;
use register::load::{LoadArgs, run_and_tell};

pub use client::{Access, BareClient};
pub use log::{Storage, SyncedFile};
pub use net::{dial, endpoint, with_mtu};
pub use node::ServeArgs;

/// The largest UDP payload that the service tries.
pub const MTU: u16 = transport_quic::settings::LARGEST_PAYLOAD;
/// Under which name results tell it.
pub const SUBJECT: &str = "bare pipeline";

/// The bare pipeline's processes.
#[derive(Clone, Debug, Args)]
pub struct BareArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// A node
    Serve(ServeArgs),
    /// Load on the leader
    Load(ClientArgs),
}

/// The options of a load on the bare pipeline.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// The cluster's name
    #[arg(long)]
    cluster: String,
    /// Where `raft-register cert` has made the certificates
    #[arg(long)]
    certs_dir: PathBuf,
    /// The name in the client's certificate
    #[arg(long, default_value = "load")]
    client: String,
    /// The client port of the leader
    #[arg(long)]
    leader: SocketAddr,
    /// The largest UDP payload
    #[arg(long, default_value_t = MTU)]
    mtu: u16,
    #[command(flatten)]
    load: LoadArgs,
}

/// Runs one of the processes, on a runtime of one thread.
pub fn run(args: &BareArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    runtime.block_on(async {
        match &args.command {
            Command::Serve(args) => node::serve(args).await,
            Command::Load(args) => load(args).await,
        }
    })
}

async fn load(args: &ClientArgs) -> Result<()> {
    let access = Access {
        cluster: ClusterId::new(&args.cluster).context("--cluster")?,
        certs: ClientCerts::in_dir(&args.certs_dir, &args.client),
        leader: args.leader,
        mtu: args.mtu,
    };
    let mut clients = Vec::new();
    for _ in 0..args.load.connections() {
        clients.push(BareClient::connect(&access).await?);
    }
    run_and_tell(SUBJECT, &clients, &args.load).await.context("saying what was measured")?;
    Ok(())
}
