//! Nodes that start with a long log and no snapshot.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::wait::{PATIENCE, Started, forget_cached};
use super::{agreed, float, removed, row, set};
use crate::fill::Fill;
use crate::setup::Snapshots;
use crate::suite::context::Context;
use crate::suite::figure::Better;
use crate::suite::results::Row;

/// Bytes of a value; with what stands around it an entry of the log has some 60 more.
const VALUE: usize = 1024;

/// One node of three starts, the others idle; and all of them, until a write is acknowledged.
pub(super) async fn measure(context: &Context) -> Result<Vec<Row>> {
    let bytes: u64 = context.level.pick(64, 256, 1024) << 20;
    let count = bytes / u64::try_from(VALUE).unwrap_or(u64::MAX);
    context.say(&format!("{}: {} MiB of log", super::GROUP, bytes >> 20));
    let (mut stage, dir) = set(context, "start", Snapshots::never()).await?;
    let client = stage.patient_client().await?;
    Fill { value_bytes: VALUE, ..Fill::entries(count) }.write(&client).await?;

    let mut one = row("start one node with a log");
    let mut all = row("start all nodes with a log, until a write");
    for row in [&mut one, &mut all] {
        row.parameters.insert("entries".to_owned(), float(count));
        row.parameters.insert("payload".to_owned(), float(u64::try_from(VALUE).unwrap_or(u64::MAX)));
        row.notes.push("no snapshot: the whole log is read".to_owned());
        row.notes.push("the system was asked to forget the files (POSIX_FADV_DONTNEED)".to_owned());
    }
    one.notes
        .push("ready: the log is read and the ports are open; applied: all that is committed".to_owned());
    all.notes.push(
        "all nodes killed with SIGKILL and started at once; a client that knows nothing yet".to_owned(),
    );

    for _ in 0..context.level.rounds() {
        let goal = agreed(&mut stage).await?;
        let leader = stage.observer.leader().await?;
        let node =
            stage.cluster.ids().into_iter().find(|id| *id != leader).context("there is no follower")?;
        stage.cluster.node(node)?.stop().await?;
        let size = forget_cached(&stage.layout.node(node)?.data)?;
        let started = Started::now(&mut stage, node)?;
        let ready = started.ready(&mut stage).await?;
        let applied = started.applied(&mut stage, goal).await?;
        one.sample("ready", "ms", Better::Lower, ms(ready));
        one.sample("applied", "ms", Better::Lower, ms(applied));
        one.sample("read", "MiB/s", Better::Higher, float(size) / float(1 << 20) / ready.as_secs_f64());
        one.sample("files", "MiB", Better::Neither, float(size) / float(1 << 20));

        agreed(&mut stage).await?;
        let nodes = stage.cluster.ids();
        for id in &nodes {
            stage.cluster.node(*id)?.kill()?;
            forget_cached(&stage.layout.node(*id)?.data)?;
        }
        let begun = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut started = Vec::new();
        for id in nodes {
            started.push(Started::now(&mut stage, id)?);
        }
        for node in started {
            slowest = slowest.max(node.ready(&mut stage).await?);
        }
        let fresh = stage.client().await?;
        fresh.put("after", "the start", PATIENCE).await.context("the first write after the start")?;
        all.sample("ready", "ms", Better::Lower, ms(slowest));
        all.sample("write", "ms", Better::Lower, ms(begun.elapsed()));
    }
    stage.cluster.stop_all().await?;
    drop(stage);
    removed(&dir)?;
    Ok(vec![one, all])
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
