//! A directory of a real file system: a thread for the log, and one for what is done aside.

mod commits;
mod direct;
mod worker;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::disk::{Completion, Disk, DiskError, Op, OpId, Waker};
use worker::{Latch, Worker};

/// A directory as a [`Disk`]. Operations run on two threads of its own, on each one after another. Dropping
/// it waits for those that were submitted, and gives up the lock.
///
/// Group commits go past the page cache where the file system lets them, else through it and then `fdatasync`:
/// `docs/performance.md` has the measurements of both.
pub struct DirectoryDisk {
    root: PathBuf,
    log: Lane,
    aside: Lane,
    completions: Arc<Completions>,
    next_op: u64,
    /// Submitted, and not yet handed out as a completion.
    pending: u64,
}

#[derive(Default)]
struct Completions {
    ready: Mutex<VecDeque<Completion>>,
    arrived: Condvar,
    waker: Mutex<Option<Waker>>,
}

impl DirectoryDisk {
    /// Uses a directory, which is made (with its parents) if there is none. Nothing in it is read,
    /// written or locked yet.
    ///
    /// # Errors
    /// The directory cannot be made, or no thread can be started.
    pub fn open(root: impl AsRef<Path>) -> Result<DirectoryDisk, DiskError> {
        let root = root.as_ref().to_path_buf();
        let make = Op::CreateDir { dir: String::new() };
        let failed = |error: io::Error| DiskError { file: root.display().to_string(), ..make.failed(&error) };
        create_root(&root).map_err(failed)?;
        let completions = Arc::new(Completions::default());
        let latch = Latch::default();
        let log = Worker::new(root.clone(), latch.clone(), false);
        let log = Lane::start("raft-disk", log, completions.clone()).map_err(failed)?;
        let aside = Worker::new(root.clone(), latch, true);
        let aside = Lane::start("raft-disk-aside", aside, completions.clone()).map_err(failed)?;
        Ok(DirectoryDisk { root, log, aside, completions, next_op: 0, pending: 0 })
    }

    fn count(&mut self) -> OpId {
        let id = OpId(self.next_op);
        self.next_op += 1;
        self.pending += 1;
        id
    }
}

/// A thread and the way to it.
struct Lane {
    /// `None` only while dropping.
    submissions: Option<Sender<(OpId, Op)>>,
    worker: Option<JoinHandle<()>>,
}

impl Lane {
    fn start(name: &str, worker: Worker, outbox: Arc<Completions>) -> io::Result<Lane> {
        let (submissions, inbox) = channel();
        let name = name.to_owned();
        let worker = std::thread::Builder::new().name(name).spawn(move || worker.serve(&inbox, &outbox))?;
        Ok(Lane { submissions: Some(submissions), worker: Some(worker) })
    }

    fn submit(&self, id: OpId, op: Op, completions: &Completions) {
        let unsent = match &self.submissions {
            Some(submissions) => submissions.send((id, op)).err().map(|unsent| unsent.0.1),
            None => Some(op),
        };
        // The worker does not end before this handle does; if it did, nobody else would answer.
        if let Some(op) = unsent {
            let error = io::Error::new(io::ErrorKind::BrokenPipe, "the disk's thread has ended");
            completions.push(Completion { id, result: Err(op.failed(&error)) });
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.submissions = None;
        if let Some(worker) = self.worker.take() {
            // Its panics were answered as they came.
            let _ = worker.join();
        }
    }
}

/// Makes the directory, and its parents, if they are missing, and their names durable.
fn create_root(root: &Path) -> io::Result<()> {
    let parents = new_names(root);
    fs::create_dir_all(root)?;
    parents.iter().try_for_each(|parent| fs::File::open(parent)?.sync_all())
}

/// The directories that get a new name in them when `root` is made.
fn new_names(root: &Path) -> Vec<PathBuf> {
    let missing = root.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir());
    let parent =
        |dir: &Path| dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned);
    missing.map(|dir| parent(dir).unwrap_or_else(|| PathBuf::from("."))).collect()
}

impl std::fmt::Debug for DirectoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryDisk").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Disk for DirectoryDisk {
    fn submit(&mut self, op: Op) -> OpId {
        let id = self.count();
        self.log.submit(id, op, &self.completions);
        id
    }

    fn submit_aside(&mut self, op: Op) -> OpId {
        let id = self.count();
        self.aside.submit(id, op, &self.completions);
        id
    }

    fn poll(&mut self) -> Option<Completion> {
        let completion = self.completions.ready().pop_front()?;
        self.pending -= 1;
        Some(completion)
    }

    fn wait(&mut self) -> Option<Completion> {
        if self.pending == 0 {
            return None;
        }
        let ready = self.completions.ready();
        let mut ready = self
            .completions
            .arrived
            .wait_while(ready, |ready| ready.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let completion = ready.pop_front()?;
        drop(ready);
        self.pending -= 1;
        Some(completion)
    }

    fn set_waker(&mut self, waker: Waker) {
        *lock(&self.completions.waker) = Some(waker);
    }

    fn prepares(&self) -> bool {
        true
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Completions {
    fn ready(&self) -> MutexGuard<'_, VecDeque<Completion>> {
        lock(&self.ready)
    }

    fn push(&self, completion: Completion) {
        self.ready().push_back(completion);
        self.arrived.notify_one();
        if let Some(waker) = &*lock(&self.waker) {
            // A panic of who is called is not the disk's: others wait for it.
            let _ = catch_unwind(AssertUnwindSafe(waker));
        }
    }
}

#[cfg(test)]
mod tests;
