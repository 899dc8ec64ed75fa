//! A load from its begin to its end: prepare, warm up, measure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::plan::Plan;
use super::recorder::Window;
use super::{Ending, LoadArgs, Measured, Target, closed, open};

/// Fills the keys at least so many at a time.
const FILLING: u64 = 64;
/// How often a key is tried that is to have a value before it is read.
const TRIES: u32 = 3;

/// Puts `targets` under load, the clients spread over them, and calls `begun` when the warming up is over. What is
/// under way at the end is given up. Cancelled, it gives up all of it.
///
/// Without targets nothing is done.
pub async fn run<T: Target>(targets: &[T], args: &LoadArgs, begun: impl FnOnce()) -> Measured {
    if targets.is_empty() {
        return Measured::default();
    }
    if args.reads > 0 {
        fill(targets, args).await;
    }
    let window = Arc::new(Window::new());
    let mut tasks = JoinSet::new();
    let mut load = Box::pin(async {
        match args.rate {
            None => closed::run(targets, args, &window, &mut tasks).await,
            Some(rate) => open::run(targets, args, rate, &window, &mut tasks).await,
        }
    });
    let over = tokio::select! {
        () = &mut load => true,
        () = sleep(args.warm_up) => false,
    };
    window.begin();
    let before = processor_time();
    begun();
    if !over {
        tokio::select! {
            () = &mut load => {}
            () = sleep(args.seconds) => {}
        }
    }
    window.end();
    let cpu = processor_time().saturating_sub(before);
    drop(load);
    // What its clients kept is noted when they are gone.
    tasks.shutdown().await;
    let cpu_nanos = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
    Measured { cpu_nanos, ..window.measured() }
}

/// Gives every key a value. One that cannot be written stays without: reads of it are answered too.
async fn fill<T: Target>(targets: &[T], args: &LoadArgs) {
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let writers = u64::from(args.clients).max(FILLING).min(args.keys);
    for (writer, target) in (0..writers).zip(targets.iter().cycle()) {
        let (next, target, keys) = (next.clone(), target.clone(), args.keys);
        let mut plan = Plan::new(args, u64::from(args.clients) + writer);
        tasks.spawn(async move {
            loop {
                let key = next.fetch_add(1, Relaxed);
                if key >= keys {
                    return;
                }
                for _ in 0..TRIES {
                    if plan.put(key).carry_out(&target).await == Ending::Done {
                        break;
                    }
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Of this process, all threads.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}
