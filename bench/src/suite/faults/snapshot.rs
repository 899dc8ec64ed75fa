//! The fault that is none: while clients work, a follower comes back that needs a snapshot.

use std::sync::Arc;

use anyhow::Result;
use history_checker::FaultEdge;

use crate::nemesis::Injected;
use crate::stage::Stage;
use crate::suite::behind::Behind;
use crate::workload::Shared;

/// As a fault: it begins with the start of the follower's process, and ends when it has what the others have.
pub(super) async fn under_load(stage: &mut Stage, shared: &Arc<Shared>, bytes: u64) -> Result<Injected> {
    let away = Behind::make(stage, bytes).await?;
    let what = format!("snapshot to n{} (follower)", away.node);
    let begin = shared.clock.now();
    shared.recorder.fault(&what, FaultEdge::Begin, begin);
    let back = away.come_back(stage).await?;
    let end = shared.clock.now();
    shared.recorder.fault(&what, FaultEdge::End, end);
    let evidence = vec![
        format!("a snapshot of {} MiB", back.bytes >> 20),
        format!("first byte after {} ms", back.first_byte.as_millis()),
        format!("durable after {} ms", back.durable.as_millis()),
        format!("caught up in {} ms", back.caught_up.as_millis()),
    ];
    Ok(Injected { what, begin, end, back: end, evidence })
}
