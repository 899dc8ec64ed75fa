//! Open loop: operations begin when their time has come, evenly spread, whether earlier ones are answered or not. Their
//! latency counts from that time, however late they begin: where the service stalls, all that was to be done meanwhile
//! is slow, as it is for users who do not wait for each other.
//!
//! As many as there are clients may be under way. What comes due beyond that waits, is counted as late when it begins,
//! and as unfinished if it never does.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::plan::{Operation, Plan};
use super::recorder::{Recorder, Window};
use super::{LoadArgs, Target};

/// Ends when all operations that there may be have ended. Dropped, it tells the window what was never begun.
pub(super) async fn run<T: Target>(
    targets: &[T],
    args: &LoadArgs,
    rate: NonZeroU32,
    window: &Arc<Window>,
    tasks: &mut JoinSet<()>,
) {
    let idle = (0..args.clients).map(|_| Recorder::new(window.clone())).collect();
    let schedule = Schedule {
        origin: Instant::now(),
        rate,
        limit: args.operations.unwrap_or(u64::MAX),
        next: 0,
        plan: Plan::new(args, 0),
        idle,
    };
    let shared = Arc::new(Shared { schedule: Mutex::new(schedule), freed: Notify::new() });
    let _rest = Rest { shared: shared.clone(), window: window.clone() };
    let alarm = Alarm::new();
    let mut targets = targets.iter().cycle();
    loop {
        let next = {
            let mut schedule = shared.schedule();
            while let Some((recorder, due)) = schedule.begin()
                && let Some(target) = targets.next()
            {
                tasks.spawn(carry_out(shared.clone(), target.clone(), recorder, due));
            }
            schedule.wait()
        };
        while tasks.try_join_next().is_some() {}
        match next {
            Wait::Until(at) => alarm.until(at).await,
            Wait::ForAnAnswer => shared.freed.notified().await,
            Wait::ForTheEnd => break,
        }
    }
    while tasks.join_next().await.is_some() {}
}

struct Shared {
    schedule: Mutex<Schedule>,
    /// A recorder became idle.
    freed: Notify,
}

/// When which operation is due.
struct Schedule {
    origin: Instant,
    rate: NonZeroU32,
    limit: u64,
    /// The first operation that has not begun.
    next: u64,
    plan: Plan,
    /// One for each operation that may begin besides those under way.
    idle: Vec<Recorder>,
}

struct Due {
    at: Instant,
    operation: Operation,
}

enum Wait {
    Until(Instant),
    ForAnAnswer,
    ForTheEnd,
}

impl Shared {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schedule {
    fn time_of(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate.get());
        self.origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The next operation, if its time has come.
    fn due(&mut self) -> Option<Due> {
        let at = self.time_of(self.next);
        if self.next >= self.limit || at > Instant::now() {
            return None;
        }
        self.next += 1;
        Some(Due { at, operation: self.plan.next() })
    }

    /// The next operation, if its time has come and it may begin.
    fn begin(&mut self) -> Option<(Recorder, Due)> {
        let recorder = self.idle.pop()?;
        match self.due() {
            Some(due) => Some((recorder, due)),
            None => {
                self.idle.push(recorder);
                None
            }
        }
    }

    fn wait(&self) -> Wait {
        if self.next >= self.limit {
            Wait::ForTheEnd
        } else if self.idle.is_empty() {
            Wait::ForAnAnswer
        } else {
            Wait::Until(self.time_of(self.next))
        }
    }

    /// Due by now, and not begun.
    fn never_begun(&self) -> u64 {
        let elapsed = self.origin.elapsed().as_nanos();
        let due = elapsed * u128::from(self.rate.get()) / 1_000_000_000;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.limit).saturating_sub(self.next)
    }
}

/// One operation, and then those that could not begin in time.
async fn carry_out<T: Target>(shared: Arc<Shared>, target: T, mut recorder: Recorder, due: Due) {
    let mut due = due;
    loop {
        recorder.begin(due.at);
        let ending = due.operation.carry_out(&target).await;
        recorder.end(ending);
        let mut schedule = shared.schedule();
        match schedule.due() {
            Some(late) => {
                recorder.late();
                due = late;
            }
            None => {
                schedule.idle.push(recorder);
                break;
            }
        }
    }
    shared.freed.notify_one();
}

/// Tells the window at the end what was never begun.
struct Rest {
    shared: Arc<Shared>,
    window: Arc<Window>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        let mut schedule = self.shared.schedule();
        self.window.never_begun(schedule.never_begun());
        // They hand over what they kept.
        schedule.idle.clear();
    }
}
