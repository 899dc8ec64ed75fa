//! A process that gets little of the processor: stopped most of the time, for so short that nobody takes it for dead.
//! Signals work everywhere, which limits of a cgroup do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// It is stopped for so long,
pub const STOPPED: Duration = Duration::from_millis(50);
/// and then runs for so long.
pub const RUNNING: Duration = Duration::from_millis(10);

/// Goes on until it is ended or dropped; then the process runs freely.
#[derive(Debug)]
pub struct Throttle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    end: AtomicBool,
    stops: AtomicU64,
}

impl Throttle {
    /// On a process that its owner does not wait for meanwhile: its id must stay its own.
    pub fn start(pid: u32) -> Result<Throttle> {
        let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let target = target.with_context(|| format!("{pid} is no process id"))?;
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let beat = move || {
            while !theirs.end.load(Relaxed) && kill_process(target, Signal::STOP).is_ok() {
                theirs.stops.fetch_add(1, Relaxed);
                thread::sleep(STOPPED);
                // It is there, or the next signal would say so.
                let _ = kill_process(target, Signal::CONT);
                thread::sleep(RUNNING);
            }
        };
        let thread = thread::Builder::new().name("throttle".to_owned()).spawn(beat);
        Ok(Throttle { shared, thread: Some(thread.context("starting the thread that stops a process")?) })
    }

    /// The evidence is how often it was stopped.
    pub fn end(mut self) -> Result<String> {
        self.finish();
        let stops = self.shared.stops.load(Relaxed);
        if stops == 0 {
            bail!("the process that was to be slowed was never stopped");
        }
        Ok(format!(
            "stopped {stops} times, {} ms of every {}",
            STOPPED.as_millis(),
            (STOPPED + RUNNING).as_millis()
        ))
    }

    fn finish(&mut self) {
        self.shared.end.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_process_was_stopped_and_runs_again() {
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let throttle = Throttle::start(sleeper.id()).unwrap();
        thread::sleep(Duration::from_millis(10));
        assert!(throttle.end().unwrap().starts_with("stopped "));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
