//! Waiting for what a node says and answers, to the millisecond.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Advice, fadvise};

use crate::stage::Stage;

/// For a node that starts with much to read, or that must get much.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// A node whose ports are open answers much sooner.
const ANSWER: Duration = Duration::from_millis(500);

/// A node that was just started.
pub(super) struct Started {
    node: u64,
    /// What its log had before.
    said: u64,
    pub(super) begun: Instant,
}

impl Started {
    /// Starts a node.
    pub(super) fn now(stage: &mut Stage, node: u64) -> Result<Started> {
        let said = fs::metadata(&stage.layout.node(node)?.log).map_or(0, |log| log.len());
        let begun = Instant::now();
        stage.cluster.node(node)?.start()?;
        Ok(Started { node, said, begun })
    }

    /// Until it says that it is ready: its log is read, its ports are open.
    pub(super) async fn ready(&self, stage: &mut Stage) -> Result<Duration> {
        let log = stage.layout.node(self.node)?.log.clone();
        loop {
            if says_ready(&log, self.said)? {
                return Ok(self.begun.elapsed());
            }
            stage.cluster.check_alive()?;
            if self.begun.elapsed() > PATIENCE {
                let tail = stage.cluster.node(self.node)?.log_tail();
                bail!("n{} is not ready after {PATIENCE:?}; {tail}", self.node);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until it has applied so much, after it was ready.
    pub(super) async fn applied(&self, stage: &mut Stage, goal: u64) -> Result<Duration> {
        loop {
            let applied = stage.observer.ask(self.node, ANSWER).await.map_or(0, |status| status.last_applied);
            if applied >= goal {
                return Ok(self.begun.elapsed());
            }
            stage.cluster.check_alive()?;
            if self.begun.elapsed() > PATIENCE {
                bail!("n{} has applied {applied} of {goal} entries after {PATIENCE:?}", self.node);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn says_ready(log: &Path, from: u64) -> Result<bool> {
    let mut text = String::new();
    let mut file = File::open(log).with_context(|| format!("opening {}", log.display()))?;
    file.seek(SeekFrom::Start(from))
        .and_then(|_| file.read_to_string(&mut text))
        .context("reading a node's log")?;
    Ok(text.lines().any(|line| line.starts_with("ready: ")))
}

/// Asks the system to forget what it holds of these files in memory, as after a restart of the machine, and says how many
/// bytes they have.
pub(super) fn forget_cached(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let path = entry.with_context(|| format!("listing {}", dir.display()))?.path();
        let reading = || format!("reading {}", path.display());
        if path.is_dir() {
            bytes += forget_cached(&path)?;
        } else {
            let file = File::open(&path).with_context(reading)?;
            bytes += file.metadata().with_context(reading)?.len();
            fadvise(&file, 0, None, Advice::DontNeed).with_context(reading)?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_after_the_start_counts() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "ready: node 1 of a\n").unwrap();
        let before = fs::metadata(&log).unwrap().len();
        assert!(!says_ready(&log, before).unwrap());
        fs::write(&log, "ready: node 1 of a\nreading the log\nready: node 1 of a\n").unwrap();
        assert!(says_ready(&log, before).unwrap());
    }

    #[test]
    fn all_files_below_a_directory_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        fs::write(dir.path().join("wal").join("1"), "four").unwrap();
        fs::write(dir.path().join("id"), "three").unwrap();
        assert_eq!(forget_cached(dir.path()).unwrap(), 9);
    }
}
