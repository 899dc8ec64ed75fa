//! A follower that was away for many entries, all of which the leader still has.

use anyhow::{Context as _, Result, ensure};

use super::wait::Started;
use super::{agreed, float, removed, row, set};
use crate::fill::Fill;
use crate::setup::Snapshots;
use crate::suite::context::Context;
use crate::suite::figure::Better;
use crate::suite::results::Row;

/// Nobody writes meanwhile.
pub(super) async fn measure(context: &Context) -> Result<Row> {
    let count = context.level.pick(20_000, 200_000, 1_000_000);
    let (mut stage, dir) = set(context, "catch-up", Snapshots::never()).await?;
    let client = stage.patient_client().await?;
    let mut row = row("catch up");
    row.parameters.insert("entries".to_owned(), float(count));
    row.parameters.insert("payload".to_owned(), 256.0);
    row.notes.push("from the leader's log, without a snapshot; nobody writes meanwhile".to_owned());
    row.notes.push("rate: from when the node says that it is ready until it has applied all".to_owned());
    for round in 0..context.level.rounds() {
        context.say(&format!("{}: {count} entries behind, round {round}", super::GROUP));
        let leader = stage.observer.leader().await?;
        let node =
            stage.cluster.ids().into_iter().find(|id| *id != leader).context("there is no follower")?;
        agreed(&mut stage).await?;
        stage.cluster.node(node)?.stop().await?;
        Fill::entries(count).write(&client).await?;
        let goal = stage.observer.look().await.iter().map(|status| status.commit_index).max().unwrap_or(0);
        let started = Started::now(&mut stage, node)?;
        let ready = started.ready(&mut stage).await?;
        let applied = started.applied(&mut stage, goal).await?;
        let all = stage.observer.look().await;
        let installed = all.iter().any(|status| status.node == node && status.snapshot_index > 0);
        ensure!(!installed, "n{node} was sent a snapshot, although the leader has all of its log");
        let seconds = applied.saturating_sub(ready).as_secs_f64();
        row.sample("ready", "ms", Better::Lower, ready.as_secs_f64() * 1000.0);
        row.sample("caught up", "ms", Better::Lower, applied.as_secs_f64() * 1000.0);
        row.sample("rate", "entries/s", Better::Higher, float(count) / seconds.max(0.001));
    }
    stage.cluster.stop_all().await?;
    drop(stage);
    removed(&dir)?;
    Ok(row)
}
