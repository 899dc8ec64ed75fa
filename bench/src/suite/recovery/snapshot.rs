//! A follower that needs the whole state, while clients work: how fast it gets it, and what that costs them.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use history_checker::{FaultEdge, Recorder};

use super::{agreed, float, removed, row, set};
use crate::measure::{Clock, Measured};
use crate::stage;
use crate::suite::behind::{self, Behind, Return};
use crate::suite::context::Context;
use crate::suite::faults::{judge, plan, undisturbed, window};
use crate::suite::figure::Better;
use crate::suite::results::{FaultSpan, Row};
use crate::workload::{self, Loop, Shared};

/// Clients settle.
const WARM: Duration = Duration::from_secs(1);

/// A follower is sent its snapshot at the default rate.
pub(super) async fn measure(context: &Context) -> Result<Row> {
    let bytes: u64 = context.level.pick(64, 256, 1024) << 20;
    let mut row = row("snapshot to a follower");
    row.parameters.insert("state".to_owned(), float(bytes));
    row.parameters.insert("operations per second".to_owned(), float(plan(Loop::Open).rate));
    row.notes.push(
        "a follower that was away until the log that it needs was gone: one with an empty disk is refused"
            .to_owned(),
    );
    row.notes.push("sent at the default limit of 32 MiB/s; clients in an open loop, undisturbed beside while it was sent".to_owned());
    for round in 0..context.level.pick(1, 2, 3) {
        context.say(&format!("{}: a state of {} MiB, round {round}", super::GROUP, bytes >> 20));
        once(context, bytes, &mut row).await?;
    }
    Ok(row)
}

async fn once(context: &Context, bytes: u64, row: &mut Row) -> Result<()> {
    let (mut stage, dir) = set(context, "snapshot", behind::snapshots(bytes)).await?;
    let away = Behind::make(&mut stage, bytes).await?;

    let history = dir.join("history.jsonl");
    let file = File::create(&history).with_context(|| format!("creating {}", history.display()))?;
    let recorder = Recorder::new(BufWriter::new(file));
    let shared = Shared::new(plan(Loop::Open), stage.access.clone(), recorder.clone(), Clock::start());
    let shared = Arc::new(shared);
    let mut clients = workload::start(&shared)?;
    tokio::time::sleep(WARM).await;
    let settled = shared.clock.now();
    tokio::time::sleep(Duration::from_secs(context.level.pick(2, 5, 10))).await;

    let what = format!("snapshot to n{}", away.node);
    let begin = shared.clock.now();
    recorder.fault(&what, FaultEdge::Begin, begin);
    let back = away.come_back(&mut stage).await?;
    let end = shared.clock.now();
    recorder.fault(&what, FaultEdge::End, end);
    shared.stop();
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.push(client.context("a client panicked")??);
    }
    let mut measured = Measured::default();
    measured.add_all(&all);

    row.notes.push(stage::read_back(&mut stage.cluster, &stage.observer, &shared).await?);
    agreed(&mut stage).await?;
    stage.cluster.stop_all().await?;
    recorder.flush().with_context(|| format!("writing {}", history.display()))?;
    row.notes.push(judge(recorder, &history).await?);
    drop(stage);
    removed(&dir)?;

    window(row, &measured.touching(&[(begin, end)]), str::to_owned);
    window(row, &measured.inside(&[(settled, begin)]), undisturbed);
    row.series = measured.answered_per_second().into_iter().map(float).collect();
    let seconds = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
    row.faults = vec![FaultSpan { what, from: seconds(begin), to: seconds(end) }];
    arrived(row, &back);
    Ok(())
}

fn arrived(row: &mut Row, back: &Return) {
    let Return { first_byte, durable, caught_up, bytes } = *back;
    for (name, time) in [("first byte", first_byte), ("durable", durable), ("caught up", caught_up)] {
        row.sample(name, "ms", Better::Lower, time.as_secs_f64() * 1000.0);
    }
    let mib = float(bytes) / float(1 << 20);
    row.sample("snapshot", "MiB", Better::Neither, mib);
    let sending = durable.saturating_sub(first_byte).as_secs_f64();
    row.sample("sent", "MiB/s", Better::Neither, mib / sending.max(0.001));
}
