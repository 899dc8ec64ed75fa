//! What a thread of a [`DirectoryDisk`](super::DirectoryDisk) does: operations on files, one after another.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock};
use rustix::io::Errno;

use super::Completions;
use super::commits::Commits;
use super::direct::Direct;
use crate::storage::disk::{Completion, DiskError, Op, OpId, Outcome};
use crate::storage::spares::no_room;

/// Files kept open by each thread; the log writes one, and a snapshot another.
const OPEN_FILES: usize = 4;

/// What the page cache lets go of as a whole, or a part of it.
const PAGE: u64 = 4096;

/// The first failed change; see [`Disk`].
pub(super) type Latch = Arc<OnceLock<DiskError>>;

/// A thread's own state.
pub(super) struct Worker {
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
    pub(super) fn new(root: PathBuf, latch: Latch, aside: bool) -> Worker {
        let (direct, commits) = (Direct::default(), Commits::default());
        Worker { root, open: VecDeque::new(), direct, commits, lock: None, latch, aside }
    }

    /// Whoever waits for an answer would wait for ever if a panic ended the thread.
    pub(super) fn serve(mut self, inbox: &Receiver<(OpId, Op)>, outbox: &Completions) {
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
