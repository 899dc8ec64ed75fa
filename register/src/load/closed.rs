//! Closed loop: each client has one operation under way. Where the service stalls, so do the clients, and few
//! operations are slow; the throughput tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::plan::Plan;
use super::recorder::{Recorder, Window};
use super::{Ending, LoadArgs, Target};

/// A client that was refused waits so long: a service in trouble is not asked as fast as it can say no.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends when all operations that there may be have ended.
pub(super) async fn run<T: Target>(
    targets: &[T],
    args: &LoadArgs,
    window: &Arc<Window>,
    tasks: &mut JoinSet<()>,
) {
    let begun = Arc::new(AtomicU64::new(0));
    for (client, target) in (0..args.clients).zip(targets.iter().cycle()) {
        let client = Client {
            target: target.clone(),
            plan: Plan::new(args, client.into()),
            recorder: Recorder::new(window.clone()),
            begun: begun.clone(),
            limit: args.operations,
        };
        tasks.spawn(client.run());
    }
    while tasks.join_next().await.is_some() {}
}

struct Client<T> {
    target: T,
    plan: Plan,
    recorder: Recorder,
    /// Operations that all clients have begun, if there is a limit.
    begun: Arc<AtomicU64>,
    limit: Option<u64>,
}

impl<T: Target> Client<T> {
    async fn run(mut self) {
        while self.limit.is_none_or(|limit| self.begun.fetch_add(1, Relaxed) < limit) {
            let operation = self.plan.next();
            self.recorder.begin(Instant::now());
            let ending = operation.carry_out(&self.target).await;
            self.recorder.end(ending);
            if ending != Ending::Done {
                sleep(PAUSE).await;
            }
        }
    }
}
