//! The connection for snapshots that this node dials to a peer: only while there are some to send.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::dial::{DialError, Dialled, dial};
use crate::link::Link;
use crate::purpose::Purpose;
use crate::queue::FrameQueue;
use crate::refusal::NO_ERROR;
use crate::shared::Shared;
use crate::stats::add;

/// A connection that carried nothing for so long is closed; the next snapshot dials again.
const IDLE: Duration = Duration::from_secs(10);
/// Before dialling again. Consensus asks again where the peer is, so that nothing is gained by haste.
const RETRY: Duration = Duration::from_millis(200);

/// Sends what is queued, forever; dials when something is.
pub(crate) async fn run(link: Arc<Link>, shared: Arc<Shared>) {
    let queue = link.snapshots();
    loop {
        queue.filled().await;
        match dial(&shared, link.peer(), link.address(), Purpose::Snapshots, &OnceLock::new()).await {
            Ok(dialled) => {
                add(&shared.stats.counters().connects, 1);
                link.set_snapshot_connection(Some(dialled.connection.clone()));
                write(queue, &shared, dialled).await;
                link.set_snapshot_connection(None);
            }
            Err(error) => {
                add(&shared.stats.counters().failed_dials, 1);
                if let DialError::Refused(refused) = error {
                    shared.refuse(&format!("node {}", link.peer()), &refused);
                }
                sleep(RETRY).await;
            }
        }
        add(&shared.stats.counters().frames_dropped, queue.clear());
    }
}

/// Writes frames until there are none for a while, or the connection is gone.
async fn write(queue: &FrameQueue, shared: &Shared, dialled: Dialled) {
    let Dialled { connection, control: mut stream, tracked, .. } = dialled;
    let counters = shared.stats.counters();
    let mut chunks = Vec::new();
    loop {
        let frames = tokio::select! {
            taken = timeout(IDLE, queue.take(&mut chunks)) => match taken {
                Ok(frames) => frames,
                Err(_) => break,
            },
            _ = connection.closed() => break,
        };
        if stream.write_all_chunks(&mut chunks).await.is_err() {
            add(&counters.frames_dropped, frames);
            break;
        }
        add(&counters.frames_written, frames);
        chunks.clear();
    }
    connection.close(NO_ERROR, b"");
    drop(tracked);
}
