//! How long it takes until a node serves again: with a long log, behind by many entries, behind by a whole state.
//!
//! | file | what |
//! |---|---|
//! | `start` | one node, and all nodes, start with a log of so many bytes |
//! | `catch_up` | a follower was away for so many entries |
//! | `snapshot` | a follower was away until it needs the whole state |
//! | `wait` | for what a node says and answers |
//!
//! The logs and states come through clients, as any would.

mod catch_up;
mod snapshot;
mod start;
mod wait;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::context::Context;
use super::faults::ATTEMPT_TIMEOUT;
use super::results::{Results, Row};
use crate::observer::all_agree;
use crate::setup::Snapshots;
use crate::stage::{Stage, Wishes};

/// The name of this group.
pub const GROUP: &str = "recovery";

/// The rows of this group.
pub async fn run(context: &Context, results: &mut Results) {
    results.take("recovery: starting with a long log", start::measure(context).await);
    results.take("recovery: a follower that catches up", one(catch_up::measure(context).await));
    results.take("recovery: a snapshot to a follower", one(snapshot::measure(context).await));
}

fn one(row: Result<Row>) -> Result<Vec<Row>> {
    row.map(|row| vec![row])
}

/// Three nodes, and the directory to be removed when they have ended.
async fn set(context: &Context, name: &str, snapshots: Snapshots) -> Result<(Stage, PathBuf)> {
    let dir = context.dir.join(GROUP).join(name);
    let wishes =
        Wishes { program: context.register.clone(), between: None, disks: None, snapshots: Some(snapshots) };
    Ok((Stage::set(&dir, &wishes, ATTEMPT_TIMEOUT).await?, dir))
}

/// Waits until all nodes have applied everything; how much that is.
async fn agreed(stage: &mut Stage) -> Result<u64> {
    let nodes = stage.cluster.ids().len();
    let agreed =
        stage.observer.wait_until("all nodes to agree", wait::PATIENCE, |all| all_agree(all, nodes)).await?;
    stage.cluster.check_alive()?;
    Ok(agreed.first().map_or(0, |status| status.last_applied))
}

fn removed(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))
}

fn row(what: &str) -> Row {
    Row {
        group: GROUP.to_owned(),
        what: what.to_owned(),
        subject: format!("raft-register {}", env!("CARGO_PKG_VERSION")),
        durability: "fsync".to_owned(),
        tls: "mutual TLS".to_owned(),
        client: "same machine, loopback".to_owned(),
        ..Row::default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts for people")]
fn float(count: u64) -> f64 {
    count as f64
}
