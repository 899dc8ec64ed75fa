//! A directory of a real file system: a thread for the log, and one for what is done aside.

mod commits;
mod direct;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock};
use rustix::io::Errno;

use super::disk::{Completion, Disk, DiskError, Op, OpId, Outcome, Waker};
use super::spares::no_room;
use commits::Commits;
use direct::Direct;

/// Files kept open by each thread; the log writes one, and a snapshot another.
const OPEN_FILES: usize = 4;

/// What the page cache lets go of as a whole, or a part of it.
const PAGE: u64 = 4096;

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

/// The first failed change; see [`Disk`].
type Latch = Arc<OnceLock<DiskError>>;

/// A thread's own state.
struct Worker {
    root: PathBuf,
    /// Files open for writing, the one used last at the end.
    open: VecDeque<(String, fs::File)>,
    direct: Direct,
    commits: Commits,
    /// Held for as long as the thread runs.
    lock: Option<fs::File>,
    latch: Latch,
    /// Whether want of room is no reason to end; see [`Disk`].
    aside: bool,
}

impl Worker {
    fn new(root: PathBuf, latch: Latch, aside: bool) -> Worker {
        let (direct, commits) = (Direct::default(), Commits::default());
        Worker { root, open: VecDeque::new(), direct, commits, lock: None, latch, aside }
    }

    /// Whoever waits for an answer would wait for ever if a panic ended the thread.
    fn serve(mut self, inbox: &Receiver<(OpId, Op)>, outbox: &Completions) {
        while let Ok((id, op)) = inbox.recv() {
            let cut_short = op.failed(&io::Error::other("the disk's thread panicked"));
            let answered = catch_unwind(AssertUnwindSafe(|| {
                let result = self.answer(&op);
                // Whoever submitted it may use its bytes again.
                drop(op);
                result
            }));
            let result = answered.unwrap_or_else(|_| Err(self.latch.get_or_init(|| cut_short).clone()));
            outbox.push(Completion { id, result });
        }
    }

    fn answer(&mut self, op: &Op) -> Result<Outcome, DiskError> {
        if let Some(error) = self.latch.get() {
            return Err(error.clone());
        }
        self.run(op).map_err(|error| {
            let error = op.failed(&error);
            let harmless = op.only_looks() || self.aside && no_room(&error);
            if !harmless {
                self.latch.get_or_init(|| error.clone());
            }
            error
        })
    }

    fn run(&mut self, op: &Op) -> io::Result<Outcome> {
        match op {
            Op::Lock => self.take_lock()?,
            Op::List { dir } => return list(&self.path(dir)).map(Outcome::Names),
            Op::Read { file, offset, length } => {
                return read(&self.path(file), *offset, *length).map(Outcome::Data);
            }
            Op::ReadBack { file, offset, length } => {
                let path = self.path(file);
                // Even where nothing goes past the cache although it is asked for (compressed, encrypted or
                // journalled data), what comes is then the medium's.
                forget(&path, *offset, *length)?;
                if let Some(data) = self.direct.read(&path, *offset, *length)? {
                    return Ok(Outcome::Data(data));
                }
                return read(&path, *offset, *length).map(Outcome::Data);
            }
            Op::Write { file, offset, data } => {
                self.commits.close(file);
                self.file(file)?.write_all_at(data, *offset)?;
            }
            Op::WriteOnce { file, offset, data } => {
                self.commits.close(file);
                let path = self.path(file);
                let written = self.direct.write(&path, file, *offset, data)?;
                self.file(file)?.write_all_at(&data[written..], offset + written as u64)?;
            }
            Op::WriteSync { file, offset, data } => {
                if !self.commits.write(&self.path(file), file, *offset, data)? {
                    self.commits.close(file);
                    let file = self.file(file)?;
                    file.write_all_at(data, *offset)?;
                    file.sync_data()?;
                }
            }
            Op::Sync { file } => self.file(file)?.sync_data()?,
            Op::Allocate { file, length } => {
                let file = self.file(file)?;
                if file.metadata()?.len() < *length {
                    match fallocate(file, FallocateFlags::empty(), 0, *length) {
                        // Then what is written ahead shows whether there is room; its length says how far it came.
                        Err(Errno::OPNOTSUPP) => {}
                        reserved => reserved?,
                    }
                }
            }
            Op::SyncDir { dir } => fs::File::open(self.path(dir))?.sync_all()?,
            Op::CreateDir { dir } => match fs::create_dir(self.path(dir)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.path(dir).is_dir() => {}
                result => result?,
            },
            Op::Rename { from, to } => {
                self.close(from);
                self.close(to);
                fs::rename(self.path(from), self.path(to))?;
            }
            Op::Remove { file } => {
                self.close(file);
                match fs::remove_file(self.path(file)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result?,
                }
            }
        }
        Ok(Outcome::Done)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn file(&mut self, name: &str) -> io::Result<&fs::File> {
        match self.open.iter().position(|(open, _)| open == name) {
            Some(at) => {
                let file = self.open.remove(at);
                self.open.extend(file);
            }
            None => {
                let path = self.path(name);
                let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
                if self.open.len() == OPEN_FILES {
                    self.open.pop_front();
                }
                self.open.push_back((name.to_owned(), file));
            }
        }
        self.open.back().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn close(&mut self, name: &str) {
        self.open.retain(|(open, _)| open != name);
        self.direct.close(name);
        self.commits.close(name);
    }

    fn take_lock(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.path(Op::Lock.target()))?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            self.lock = Some(file);
        }
        Ok(())
    }
}

fn list(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Lets go of what the page cache holds of a part of a file, but for what is still to be written.
fn forget(path: &Path, offset: u64, length: u64) -> io::Result<()> {
    let (start, length) = pages(offset, length);
    Ok(fadvise(&fs::File::open(path)?, start, length, Advice::DontNeed)?)
}

/// The whole pages that hold a part of a file: where they begin, and their bytes; none where that is to the end of
/// the file, or more than a file can have.
fn pages(offset: u64, length: u64) -> (u64, Option<NonZeroU64>) {
    let start = offset - offset % PAGE;
    let end = offset.saturating_add(length).checked_next_multiple_of(PAGE);
    let end = end.filter(|end| i64::try_from(*end).is_ok());
    (start, end.and_then(|end| NonZeroU64::new(end - start)))
}

fn read(path: &Path, offset: u64, length: u64) -> io::Result<Bytes> {
    let file = fs::File::open(path)?;
    let there = file.metadata()?.len().saturating_sub(offset).min(length);
    let mut data = vec![0; usize::try_from(there).map_err(|_| io::ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut data, offset)?;
    Ok(Bytes::from(data))
}

#[cfg(test)]
mod tests;
