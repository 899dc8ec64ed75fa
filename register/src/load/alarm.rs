//! Waits until a moment, to some microseconds. The runtime's own timer counts milliseconds, which would be added to
//! every latency of an open loop.

use tokio::time::{Instant, sleep_until};

/// Wakes one task.
#[derive(Debug)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: Option<precise::Timer>,
}

impl Alarm {
    /// With the kernel's timer, if it gives one. In tests time may be made up, and only the runtime knows it.
    pub(super) fn new() -> Alarm {
        Alarm {
            #[cfg(target_os = "linux")]
            timer: if cfg!(test) { None } else { precise::Timer::new().ok() },
        }
    }

    /// Waits until then; not at all if that has passed. Cancelled, it can be asked again.
    pub(super) async fn until(&self, at: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &self.timer
            && timer.until(at).await.is_ok()
        {
            return;
        }
        sleep_until(at).await;
    }
}

#[cfg(target_os = "linux")]
mod precise {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    /// A timer of the kernel, whose end the runtime sees as it sees a packet.
    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(super) fn new() -> io::Result<Timer> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[allow(deprecated, reason = "wrong for a type that may close what it shows; this one owns it")]
            Ok(Timer(AsyncFd::new(timer)?))
        }

        pub(super) async fn until(&self, at: Instant) -> io::Result<()> {
            loop {
                let left = at.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                // Setting it anew also forgets that it rang before.
                timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once_in(left))?;
                let mut ready = self.0.readable().await?;
                // The look at the clock says whether it was this time; the runtime must be told to wait for the next.
                ready.clear_ready();
            }
        }
    }

    fn once_in(left: Duration) -> Itimerspec {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos().into() };
        Itimerspec { it_interval: zero, it_value: value }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn it_rings_each_time_and_never_early() {
            let timer = Timer::new().unwrap();
            for micros in [1500, 0, 300, 50, 700] {
                let at = Instant::now() + Duration::from_micros(micros);
                timer.until(at).await.unwrap();
                assert!(Instant::now() >= at);
            }
        }

        #[tokio::test]
        async fn one_that_was_not_awaited_does_not_disturb_the_next() {
            let timer = Timer::new().unwrap();
            let soon = Instant::now() + Duration::from_millis(2);
            tokio::select! {
                biased;
                ended = timer.until(soon) => ended.unwrap(),
                () = tokio::task::yield_now() => {}
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            let later = Instant::now() + Duration::from_millis(5);
            timer.until(later).await.unwrap();
            assert!(Instant::now() >= later);
        }
    }
}
