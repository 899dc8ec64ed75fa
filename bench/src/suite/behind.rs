//! A follower that was away until the log that it needs was gone, and comes back: the leader sends it a snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use register::NodeStatus;

use crate::fill::Fill;
use crate::setup::Snapshots;
use crate::stage::Stage;

/// A follower that is away, and what it will need.
#[derive(Debug)]
pub(super) struct Behind {
    pub(super) node: u64,
    data: PathBuf,
    /// Of the state, at least.
    bytes: u64,
    /// What was committed when it was behind enough.
    goal: u64,
}

/// How a follower came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Return {
    /// From the start of its process to the first byte of a snapshot.
    pub(super) first_byte: Duration,
    /// Until all of it was in a file with a name, which is durable.
    pub(super) durable: Duration,
    /// Until the node had applied what was committed shortly before it was started.
    pub(super) caught_up: Duration,
    /// Of the snapshot.
    pub(super) bytes: u64,
}

/// How often the state may be written over until a snapshot takes the log's place.
const ATTEMPTS: u32 = 32;
/// One that listens answers sooner; one that does not listen yet does so soon.
const ANSWER: Duration = Duration::from_millis(200);
/// Between two questions. Each is a handshake of its own, whose cryptography alone took 5 % of two processors when there
/// was one every 5 ms.
const PAUSE: Duration = Duration::from_millis(20);
/// For sending and installing a snapshot.
const PATIENCE: Duration = Duration::from_secs(300);

/// With these the first snapshot is taken when the whole state is written: a transfer to the follower begins with the
/// first that it needs, goes on when it is back, and is to be of the whole.
pub(super) fn snapshots(bytes: u64) -> Snapshots {
    Snapshots { min_log_bytes: bytes + bytes / 16, bytes_per_second: Snapshots::DEFAULT_RATE }
}

impl Behind {
    /// Ends a follower, and writes a state of so many bytes until the others have dropped the log that it needs.
    pub(super) async fn make(stage: &mut Stage, bytes: u64) -> Result<Behind> {
        let nodes = stage.cluster.ids();
        let leader = stage.observer.leader().await?;
        let node = nodes.iter().copied().find(|id| *id != leader).context("there is no follower")?;
        stage.cluster.node(node)?.kill()?;
        let client = stage.patient_client().await?;
        Fill::state(bytes).write(&client).await?;
        let all = stage.observer.look().await.iter().map(|status| status.commit_index).max().unwrap_or(0);
        for _ in 0..ATTEMPTS {
            let others = stage.observer.look().await;
            let gone = others.iter().filter(|status| status.first_log_index > all).count();
            if gone + 1 >= nodes.len() {
                let data = stage.layout.node(node)?.data.clone();
                let goal = others.iter().map(|status| status.commit_index).max().unwrap_or(all);
                return Ok(Behind { node, data, bytes, goal });
            }
            // The log since the last snapshot must weigh as much as that one.
            Fill { count: (Fill::state(bytes).count / 8).max(1), ..Fill::state(bytes) }
                .write(&client)
                .await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!(
            "no snapshot has taken the log's place, although the state of {bytes} bytes was written over and over"
        )
    }

    /// Starts the follower, and waits until it has what the others have.
    pub(super) async fn come_back(&self, stage: &mut Stage) -> Result<Return> {
        let node = self.node;
        let begun = Instant::now();
        stage.cluster.node(node)?.start()?;
        let arrival = Watch::start(&self.data, begun)?;
        let is_back = |s: &NodeStatus| s.last_applied >= self.goal && s.snapshot_index > 0;
        while !(arrival.is_over()
            && stage.observer.ask(node, ANSWER).await.is_some_and(|status| is_back(&status)))
        {
            stage.cluster.check_alive()?;
            if begun.elapsed() > PATIENCE {
                let tail = stage.cluster.node(node)?.log_tail();
                bail!("n{node} has not caught up by a snapshot within {PATIENCE:?}; {tail}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        let caught_up = begun.elapsed();
        let (first_byte, durable, bytes) = arrival.end().context("no snapshot arrived at the follower")?;
        if bytes < self.bytes {
            bail!(
                "a snapshot of {bytes} bytes arrived at n{node}, but the state has {} and more",
                self.bytes
            );
        }
        Ok(Return { first_byte, durable, caught_up, bytes })
    }
}

/// Looks at the directory where snapshots arrive.
struct Watch {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Option<(Duration, Duration, u64)>>,
}

impl Watch {
    fn start(data: &Path, begun: Instant) -> Result<Watch> {
        let end = Arc::new(AtomicBool::new(false));
        let (dir, told) = (data.join("snapshots"), end.clone());
        let watch = move || {
            let mut first_byte = None;
            loop {
                let (part, whole) = look(&dir);
                if part > 0 || whole > 0 {
                    first_byte.get_or_insert(begun.elapsed());
                }
                if whole > 0 {
                    return Some((first_byte?, begun.elapsed(), whole));
                }
                if told.load(Relaxed) {
                    return None;
                }
                thread::sleep(Duration::from_millis(5));
            }
        };
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(watch);
        Ok(Watch { end, thread: thread.context("starting the thread that watches a directory")? })
    }

    /// Whether the snapshot is there, so that there is no need to ask its node before.
    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// First byte, the whole, and its bytes; none if it did not come.
    fn end(self) -> Option<(Duration, Duration, u64)> {
        self.end.store(true, Relaxed);
        self.thread.join().ok().flatten()
    }
}

/// Bytes of a snapshot that is arriving, and of one that has its name.
fn look(dir: &Path) -> (u64, u64) {
    let (mut part, mut whole) = (0, 0);
    for file in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        match file.path().extension().and_then(|extension| extension.to_str()) {
            Some("part") => part = part.max(length),
            Some("snap") => whole = whole.max(length),
            _ => {}
        }
    }
    (part, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arriving_snapshot_is_told_from_a_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path()), (0, 0));
        std::fs::write(dir.path().join("a.part"), "123").unwrap();
        assert_eq!(look(dir.path()), (3, 0));
        std::fs::write(dir.path().join("b.snap"), "12345").unwrap();
        assert_eq!(look(dir.path()), (3, 5));
    }
}
