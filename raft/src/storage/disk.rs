//! The `Disk` trait: operations are submitted, and complete later, so that a simulator can delay,
//! reorder, tear and fail them, and a real one can run them elsewhere.

use std::io;

use bytes::Bytes;

/// Names a submitted operation in its [`Completion`]; never used twice by one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// What a disk may write as one, in bytes; see [`Op::WriteSync`].
pub const BLOCK: u64 = 4096;

/// Something to do to a disk. Names are relative to the disk's root, with `/` between their parts;
/// the empty name is the root itself. Offsets and lengths are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Take the disk for this handle alone, until it is dropped. Held by another:
    /// [`io::ErrorKind::WouldBlock`].
    Lock,
    /// The names of the files and directories directly in a directory, sorted:
    /// [`Outcome::Names`].
    List {
        /// The directory.
        dir: String,
    },
    /// At most `length` bytes from `offset` on, fewer where the file ends: [`Outcome::Data`].
    Read {
        /// The file.
        file: String,
        /// Where to begin.
        offset: u64,
        /// How many at most.
        length: u64,
    },
    /// As [`Op::Read`], but from the medium where that can be had: what a cache holds says nothing of it.
    ReadBack {
        /// The file.
        file: String,
        /// Where to begin.
        offset: u64,
        /// How many at most.
        length: u64,
    },
    /// Write bytes at a place; a missing file is created, a gap before `offset` reads as zeros.
    Write {
        /// The file.
        file: String,
        /// Where they go.
        offset: u64,
        /// What.
        data: Bytes,
    },
    /// As [`Op::Write`], of what is neither read nor changed soon: a cache would only be in the way.
    WriteOnce {
        /// The file.
        file: String,
        /// Where they go.
        offset: u64,
        /// What.
        data: Bytes,
    },
    /// As [`Op::Write`], and durable once it is done, with the length that the file needs for it: one group commit.
    /// It vouches for its own bytes, not for what other writes left in that file; and what stands behind them in the
    /// file may have become zeros, up to the next multiple of [`BLOCK`].
    WriteSync {
        /// The file.
        file: String,
        /// Where they go.
        offset: u64,
        /// What.
        data: Bytes,
    },
    /// Make a file's content and size durable: every write to it that had completed when this was
    /// submitted. Its name may still be lost, see [`Op::SyncDir`].
    Sync {
        /// The file.
        file: String,
    },
    /// Reserve room for a file of so many bytes: a missing file is created, one that is shorter is
    /// filled up with zeros. Where the file system cannot reserve, the file stays as long as it is.
    /// [`io::ErrorKind::StorageFull`] where there is no room.
    Allocate {
        /// The file.
        file: String,
        /// How long it is to be, at least.
        length: u64,
    },
    /// Make the names in a directory durable.
    SyncDir {
        /// The directory.
        dir: String,
    },
    /// Make a directory; one that exists is no error.
    CreateDir {
        /// The directory; its parent must exist.
        dir: String,
    },
    /// Rename a file, over another one if there is one.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Remove a file; nothing to do where there is none.
    Remove {
        /// The file.
        file: String,
    },
}

/// What a successful operation answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is done.
    Done,
    /// What [`Op::Read`] read.
    Data(Bytes),
    /// What [`Op::List`] found.
    Names(Vec<String>),
}

/// An operation has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completion {
    /// Which.
    pub id: OpId,
    /// How.
    pub result: Result<Outcome, DiskError>,
}

/// An operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("cannot {operation} {} at offset {offset}: {text}", if .file.is_empty() { "the directory" } else { .file })]
pub struct DiskError {
    /// What was tried: `write`, `sync`, …
    pub operation: &'static str,
    /// On which file or directory, relative to the disk's root.
    pub file: String,
    /// Where in it, in bytes; 0 where that means nothing.
    pub offset: u64,
    /// The system's classification.
    pub kind: io::ErrorKind,
    /// The system's words.
    pub text: String,
}

/// Called, from any thread, when a completion has become available.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// Where the log is kept. Operations take effect in the order in which they were submitted, but for
/// those that were submitted *aside*, which are in order among themselves only.
///
/// After a write or a sync has failed, a disk does nothing more: each later operation fails with
/// that same error. A sync that is tried again may succeed although the data are gone. Only what
/// fails aside for want of room ([`io::ErrorKind::StorageFull`], [`io::ErrorKind::QuotaExceeded`])
/// fails alone.
pub trait Disk: Send + 'static {
    /// Starts an operation. Does not block.
    fn submit(&mut self, op: Op) -> OpId;

    /// Starts an operation that nothing urgent may wait for: snapshots, segments made ahead. Does not
    /// block. Never for a file on which operations of the other kind are pending.
    fn submit_aside(&mut self, op: Op) -> OpId {
        self.submit(op)
    }

    /// The next completion, if there is one. Does not block.
    fn poll(&mut self) -> Option<Completion>;

    /// Blocks until there is a completion; `None` if no operation is pending.
    fn wait(&mut self) -> Option<Completion>;

    /// Whom to call when a completion has become available; replaces the one before.
    fn set_waker(&mut self, waker: Waker);

    /// Whether a log's segments should be made ahead: room reserved and blocks written, since a sync of
    /// bytes that overwrite others need not write a file's new size and place too.
    fn prepares(&self) -> bool {
        false
    }

    /// What and where this disk is, for people.
    fn location(&self) -> String;
}

/// Submits one operation and waits for it; completions of others are dropped. For opening only.
pub(super) fn run<D: Disk>(disk: &mut D, op: Op) -> Result<Outcome, DiskError> {
    let (operation, file) = (op.verb(), op.target().to_owned());
    let id = disk.submit(op);
    while let Some(completion) = disk.wait() {
        if completion.id == id {
            return completion.result;
        }
    }
    let text = "the disk never answered".to_owned();
    Err(DiskError { operation, file, offset: 0, kind: io::ErrorKind::BrokenPipe, text })
}

/// As [`run`], of an operation that only looks: once more where it failed, which may be a whim of the bus.
pub(super) fn look<D: Disk>(disk: &mut D, op: Op) -> Result<Outcome, DiskError> {
    match run(disk, op.clone()) {
        Err(error) if error.kind != io::ErrorKind::NotFound => run(disk, op),
        result => result,
    }
}

/// A whole file, or `None` if there is none of that name.
pub(super) fn read_all<D: Disk>(disk: &mut D, file: &str) -> Result<Option<Bytes>, DiskError> {
    match look(disk, Op::Read { file: file.to_owned(), offset: 0, length: u64::MAX }) {
        Ok(Outcome::Data(data)) => Ok(Some(data)),
        Ok(Outcome::Done | Outcome::Names(_)) => Ok(Some(Bytes::new())),
        Err(error) if error.kind == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Op {
    /// What the operation does, in a word or two, for error messages.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Op::Lock => "lock",
            Op::List { .. } => "list",
            Op::Read { .. } => "read",
            Op::ReadBack { .. } => "read back",
            Op::Write { .. } | Op::WriteOnce { .. } => "write",
            Op::WriteSync { .. } => "write and sync",
            Op::Sync { .. } => "sync",
            Op::Allocate { .. } => "make room for",
            Op::SyncDir { .. } => "sync directory",
            Op::CreateDir { .. } => "create directory",
            Op::Rename { .. } => "rename",
            Op::Remove { .. } => "remove",
        }
    }

    /// The file or directory that it is about.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Op::Lock => "LOCK",
            Op::List { dir } | Op::SyncDir { dir } | Op::CreateDir { dir } => dir,
            Op::Rename { from, .. } => from,
            Op::Read { file, .. }
            | Op::ReadBack { file, .. }
            | Op::Write { file, .. }
            | Op::WriteOnce { file, .. }
            | Op::WriteSync { file, .. }
            | Op::Sync { file }
            | Op::Allocate { file, .. }
            | Op::Remove { file } => file,
        }
    }

    /// Where in the file, in bytes; 0 where that means nothing.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Op::Read { offset, .. }
            | Op::ReadBack { offset, .. }
            | Op::Write { offset, .. }
            | Op::WriteOnce { offset, .. }
            | Op::WriteSync { offset, .. } => *offset,
            Op::Lock
            | Op::List { .. }
            | Op::Sync { .. }
            | Op::Allocate { .. }
            | Op::SyncDir { .. }
            | Op::CreateDir { .. }
            | Op::Rename { .. }
            | Op::Remove { .. } => 0,
        }
    }

    /// Whether it leaves the disk as it was, so that its failure says nothing about the data.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        matches!(self, Op::Lock | Op::List { .. } | Op::Read { .. } | Op::ReadBack { .. })
    }

    /// The error that this operation ends with.
    #[must_use]
    pub fn failed(&self, error: &io::Error) -> DiskError {
        DiskError {
            operation: self.verb(),
            file: self.target().to_owned(),
            offset: self.offset(),
            kind: error.kind(),
            text: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
