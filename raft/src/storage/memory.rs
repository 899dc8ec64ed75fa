//! An in-memory disk that forgets unsynced writes on a crash: the "Persister" of tests, under the
//! real log.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::disk::{Completion, Disk, DiskError, Op, OpId, Outcome, Waker};

/// A handle on a disk in memory. Operations complete as they are submitted.
///
/// The disk lives as long as one handle does. A clone is another handle, for the life of a node
/// that begins now: [`MemoryDisk::crash`] ends every life, so a node that is started afterwards
/// must get a new clone, and whatever the old ones still submit fails and changes nothing.
pub struct MemoryDisk {
    shared: Arc<Mutex<Shared>>,
    life: u64,
    handle: u64,
    completions: VecDeque<Completion>,
    next_op: u64,
    waker: Option<Waker>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::attach(Arc::default())
    }

    /// The power fails: writes that their file's last sync did not cover are undone, and so are
    /// names that their directory's did not. Every life ends, and with it its lock.
    pub fn crash(&self) {
        self.shared().crash();
    }

    /// A file's current content, synced or not.
    #[must_use]
    pub fn content(&self, file: &str) -> Option<Vec<u8>> {
        let shared = self.shared();
        shared.file(file).map(|file| file.data.clone())
    }

    /// Replaces an existing file's content durably, behind the back of whoever uses the disk: rot,
    /// or a torn write. Does nothing if there is no such file.
    pub fn overwrite(&self, file: &str, data: Vec<u8>) {
        if let Ok(file) = self.shared().file_mut(file) {
            *file = File { data, undo: Vec::new() };
        }
    }

    /// Removes a file durably, behind the back of whoever uses the disk.
    pub fn lose(&self, file: &str) {
        let mut shared = self.shared();
        shared.names.remove(file);
        shared.undo.retain(|(name, _)| name != file);
    }

    fn attach(shared: Arc<Mutex<Shared>>) -> MemoryDisk {
        let (life, handle) = {
            let mut shared = lock(&shared);
            shared.handles += 1;
            (shared.life, shared.handles)
        };
        MemoryDisk { shared, life, handle, completions: VecDeque::new(), next_op: 0, waker: None }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Default for MemoryDisk {
    fn default() -> MemoryDisk {
        MemoryDisk::new()
    }
}

impl Clone for MemoryDisk {
    fn clone(&self) -> MemoryDisk {
        MemoryDisk::attach(self.shared.clone())
    }
}

impl std::fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDisk").field("life", &self.life).finish_non_exhaustive()
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        let mut shared = self.shared();
        if shared.locked_by == Some(self.handle) {
            shared.locked_by = None;
        }
    }
}

impl Disk for MemoryDisk {
    fn submit(&mut self, op: Op) -> OpId {
        let id = OpId(self.next_op);
        self.next_op += 1;
        let result = {
            let mut shared = lock(&self.shared);
            if shared.life == self.life {
                shared.run(self.handle, &op).map_err(|error| op.failed(&error))
            } else {
                Err(DiskError { text: "this node has crashed".to_owned(), ..op.failed(&gone()) })
            }
        };
        self.completions.push_back(Completion { id, result });
        if let Some(waker) = &self.waker {
            waker();
        }
        id
    }

    fn poll(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    fn location(&self) -> String {
        "the disk in memory".to_owned()
    }
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::BrokenPipe)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is on the disk, and how to undo what is not durable yet.
#[derive(Default)]
struct Shared {
    /// Counted up by every crash.
    life: u64,
    handles: u64,
    locked_by: Option<u64>,
    names: BTreeMap<String, Node>,
    /// What a name meant before each change that its directory's sync has not covered.
    undo: Vec<(String, Option<Node>)>,
    files: Vec<File>,
}

/// What a name means.
#[derive(Clone, Copy)]
enum Node {
    Dir,
    /// A place in `Shared::files`: a renamed file is the same file.
    File(usize),
}

#[derive(Default)]
struct File {
    data: Vec<u8>,
    /// What each write since the last sync replaced.
    undo: Vec<Replaced>,
}

struct Replaced {
    offset: usize,
    bytes: Vec<u8>,
    length_of_file: usize,
}

impl Shared {
    fn run(&mut self, handle: u64, op: &Op) -> io::Result<Outcome> {
        match op {
            Op::Lock => match self.locked_by {
                Some(holder) if holder != handle => return Err(io::ErrorKind::WouldBlock.into()),
                _ => self.locked_by = Some(handle),
            },
            Op::List { dir } => return self.list(dir).map(Outcome::Names),
            Op::Read { file, offset, length } => {
                return self.file_or_missing(file)?.read(*offset, *length).map(Outcome::Data);
            }
            Op::Write { file, offset, data } => self.create(file)?.write(*offset, data)?,
            Op::WriteSync { file, offset, data } => {
                let file = self.create(file)?;
                file.write(*offset, data)?;
                file.undo.clear();
            }
            Op::Sync { file } => self.file_mut(file)?.undo.clear(),
            Op::Allocate { file, length } => {
                let file = self.create(file)?;
                let end = file.data.len() as u64;
                if *length > end {
                    file.write(
                        end,
                        &vec![0; usize::try_from(*length - end).map_err(|_| io::ErrorKind::FileTooLarge)?],
                    )?;
                }
            }
            Op::SyncDir { dir } => {
                self.check_dir(dir)?;
                self.undo.retain(|(name, _)| parent(name) != dir);
            }
            Op::CreateDir { dir } => {
                self.check_dir(parent(dir))?;
                if !matches!(self.names.get(dir), Some(Node::Dir)) {
                    self.rename_to(dir, Some(Node::Dir));
                }
            }
            Op::Rename { from, to } => {
                self.check_dir(parent(to))?;
                let node = self.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
                self.rename_to(to, Some(node));
                self.rename_to(from, None);
            }
            Op::Remove { file } => {
                self.file_mut(file)?;
                self.rename_to(file, None);
            }
        }
        Ok(Outcome::Done)
    }

    fn rename_to(&mut self, name: &str, node: Option<Node>) {
        let before = match node {
            Some(node) => self.names.insert(name.to_owned(), node),
            None => self.names.remove(name),
        };
        self.undo.push((name.to_owned(), before));
    }

    fn crash(&mut self) {
        self.life += 1;
        self.locked_by = None;
        while let Some((name, before)) = self.undo.pop() {
            match before {
                Some(node) => self.names.insert(name, node),
                None => self.names.remove(&name),
            };
        }
        // A directory whose own name was lost takes its content with it.
        let names: Vec<String> = self.names.keys().cloned().collect();
        for name in names {
            if self.check_dir(parent(&name)).is_err() {
                self.names.remove(&name);
            }
        }
        self.files.iter_mut().for_each(File::crash);
    }

    fn check_dir(&self, dir: &str) -> io::Result<()> {
        match self.names.get(dir) {
            _ if dir.is_empty() => Ok(()),
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.check_dir(dir)?;
        let inside = self.names.keys().filter(|name| parent(name) == dir);
        Ok(inside.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }

    fn create(&mut self, name: &str) -> io::Result<&mut File> {
        self.check_dir(parent(name))?;
        if !self.names.contains_key(name) {
            self.files.push(File::default());
            self.rename_to(name, Some(Node::File(self.files.len() - 1)));
        }
        self.file_mut(name)
    }

    fn file(&self, name: &str) -> Option<&File> {
        match self.names.get(name) {
            Some(Node::File(at)) => self.files.get(*at),
            Some(Node::Dir) | None => None,
        }
    }

    fn file_or_missing(&self, name: &str) -> io::Result<&File> {
        self.file(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file_mut(&mut self, name: &str) -> io::Result<&mut File> {
        match self.names.get(name) {
            Some(Node::File(at)) => self.files.get_mut(*at).ok_or_else(|| io::ErrorKind::NotFound.into()),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl File {
    fn read(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.data.len());
        let (start, end) = (clamp(offset), clamp(offset.saturating_add(length)));
        Ok(Bytes::copy_from_slice(&self.data[start..end]))
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start.checked_add(data.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let length_of_file = self.data.len();
        if end > length_of_file {
            self.data.resize(end, 0);
        }
        let replaced_end = end.min(length_of_file).max(start);
        let bytes = self.data[start..replaced_end].to_vec();
        self.undo.push(Replaced { offset: start, bytes, length_of_file });
        self.data[start..end].copy_from_slice(data);
        Ok(())
    }

    fn crash(&mut self) {
        while let Some(Replaced { offset, bytes, length_of_file }) = self.undo.pop() {
            self.data[offset..offset + bytes.len()].copy_from_slice(&bytes);
            self.data.truncate(length_of_file);
        }
    }
}

/// The directory that a name stands in; the root is the empty name.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
mod tests;
