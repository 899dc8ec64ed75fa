//! The log of a node of the bare pipeline: a thread that writes and syncs, and what waits for it meanwhile.
//!
//! What is written is never read again, and a pre-written file is begun anew at its end: this is a yardstick of what
//! durable writes cost, not something to recover from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result};
use bytes::Bytes;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How entries become durable, on a thread that does nothing else.
///
/// There is none that submits to io_uring from the node's own thread: no safe interface to it is among this
/// workspace's dependencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// Appended, then `fdatasync`: a sync writes the file's new size too.
    Append,
    /// Blocks that were written and synced before are overwritten, through the page cache, then `fdatasync`. This is
    /// what `raft-register` does where nothing else goes.
    Prewritten,
    /// Blocks that were written and synced before are overwritten past the page cache, each write durable when it
    /// ends (O_DIRECT, O_DSYNC). Padded to 4 KiB. This is what `raft-register` does with the segments of its log; it
    /// writes the last block again with what follows.
    #[default]
    Direct,
}

/// Of memory, place in the file and length: enough for every device.
const ALIGNMENT: usize = 4096;

impl Storage {
    /// All of them.
    pub const ALL: [Storage; 3] = [Storage::Append, Storage::Prewritten, Storage::Direct];

    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Storage::Append => "append",
            Storage::Prewritten => "prewritten",
            Storage::Direct => "direct",
        }
    }

    /// In words, for a row's durability.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Storage::Append => "fsync: append, fdatasync",
            Storage::Prewritten => "fsync: overwrite written blocks, fdatasync",
            Storage::Direct => "fsync: overwrite written blocks, O_DIRECT and O_DSYNC",
        }
    }
}

/// A file that is made durable at each write.
#[derive(Debug)]
pub struct SyncedFile {
    file: File,
    storage: Storage,
    /// Where the next write goes.
    end: u64,
    /// Of a pre-written file.
    length: u64,
    buffer: Vec<u8>,
}

impl SyncedFile {
    /// Makes a new file; of one that is to be overwritten, `length` bytes are written and synced first.
    pub fn create(path: &Path, storage: Storage, length: u64) -> Result<SyncedFile> {
        let made = || format!("making the log {}", path.display());
        let file = OpenOptions::new().write(true).create_new(true).open(path).with_context(made)?;
        if storage != Storage::Append {
            fill(&file, length).with_context(made)?;
        }
        file.sync_all().with_context(made)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new("."))).with_context(made)?;
        directory.sync_all().with_context(made)?;
        let file = if storage == Storage::Direct { open_direct(path)? } else { file };
        Ok(SyncedFile { file, storage, end: 0, length, buffer: Vec::new() })
    }

    /// Writes all of it in one go; when this returns, it is durable.
    pub fn write(&mut self, runs: &[Bytes]) -> io::Result<()> {
        let length: usize = runs.iter().map(Bytes::len).sum();
        let whole = if self.storage == Storage::Direct { length.next_multiple_of(ALIGNMENT) } else { length };
        if self.buffer.len() < whole + ALIGNMENT {
            self.buffer.resize(whole + ALIGNMENT, 0);
        }
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let bytes = &mut self.buffer[start..start + whole];
        let mut at = 0;
        for run in runs {
            bytes[at..at + run.len()].copy_from_slice(run);
            at += run.len();
        }
        bytes[at..].fill(0);
        if self.storage == Storage::Append {
            self.file.write_all(bytes)?;
            return self.file.sync_data();
        }
        if self.end + whole as u64 > self.length {
            self.end = 0;
        }
        if whole as u64 > self.length {
            let text = format!("{whole} bytes at once, but the log has {}", self.length);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        self.file.write_all_at(bytes, self.end)?;
        self.end += whole as u64;
        if self.storage == Storage::Prewritten { self.file.sync_data() } else { Ok(()) }
    }
}

fn fill(file: &File, length: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    while at < length {
        let piece = usize::try_from(length - at).unwrap_or(zeros.len()).min(zeros.len());
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
    }
    Ok(())
}

fn open_direct(path: &Path) -> Result<File> {
    let flags = (OFlags::DIRECT | OFlags::DSYNC).bits().cast_signed();
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path);
    file.with_context(|| {
        format!("opening {} past the page cache: can its file system do that?", path.display())
    })
}

/// What was appended, and its way to the thread.
#[derive(Debug)]
pub(super) struct Log {
    thread: Sender<Vec<Bytes>>,
    waiting: Vec<Bytes>,
    /// The last entry that was appended.
    last: u64,
    /// The last entry of what the thread is at.
    in_flight: Option<u64>,
}

/// Says that the thread has ended a batch.
pub(super) type Ends = UnboundedReceiver<io::Result<()>>;

impl Log {
    /// Makes the file in the directory, which must be new, and starts the thread.
    pub(super) fn start(dir: &Path, storage: Storage, length: u64) -> Result<(Log, Ends)> {
        fs::create_dir(dir).with_context(|| format!("making {}", dir.display()))?;
        let file = SyncedFile::create(&dir.join("log"), storage, length)?;
        let ((log, batches), (end, ends)) = (Log::new(), unbounded_channel());
        let thread = std::thread::Builder::new().name("sync".to_owned());
        thread.spawn(move || serve(file, &batches, &end)).context("starting the thread that syncs")?;
        Ok((log, ends))
    }

    pub(super) fn new() -> (Log, Receiver<Vec<Bytes>>) {
        let (thread, batches) = channel();
        (Log { thread, waiting: Vec::new(), last: 0, in_flight: None }, batches)
    }

    /// Entries up to `last` become durable with the next batch.
    pub(super) fn append(&mut self, entries: Bytes, last: u64) {
        self.waiting.push(entries);
        self.last = last;
    }

    /// Hands all that waits to the thread, unless it is at something.
    pub(super) fn submit(&mut self) {
        if self.in_flight.is_none() && !self.waiting.is_empty() {
            self.in_flight = Some(self.last);
            // The thread ends only when this does, or after an error that it reported.
            let _ = self.thread.send(std::mem::take(&mut self.waiting));
        }
    }

    /// A batch has become durable: up to which entry. What waited is handed on.
    pub(super) fn ended(&mut self) -> Option<u64> {
        let durable = self.in_flight.take();
        self.submit();
        durable
    }
}

fn serve(mut file: SyncedFile, batches: &Receiver<Vec<Bytes>>, end: &UnboundedSender<io::Result<()>>) {
    while let Ok(batch) = batches.recv() {
        let result = file.write(&batch);
        let failed = result.is_err();
        if end.send(result).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(storage: Storage, length: u64, batches: &[&[&'static [u8]]]) -> Vec<u8> {
        let dir = tempfile::tempdir_in(".").unwrap();
        let path = dir.path().join("log");
        let mut file = SyncedFile::create(&path, storage, length).unwrap();
        for batch in batches {
            let runs: Vec<Bytes> = batch.iter().map(|run| Bytes::from_static(run)).collect();
            file.write(&runs).unwrap();
        }
        fs::read(&path).unwrap()
    }

    #[test]
    fn batches_follow_each_other() {
        assert_eq!(written(Storage::Append, 0, &[&[b"ab", b"c"], &[b"d"]]), b"abcd");
        assert_eq!(written(Storage::Prewritten, 6, &[&[b"ab", b"c"], &[b"d"]]), b"abcd\0\0");
    }

    #[test]
    fn a_full_file_is_begun_anew() {
        assert_eq!(written(Storage::Prewritten, 4, &[&[b"abc"], &[b"de"]]), b"dec\0");
    }

    #[test]
    fn direct_writes_fill_whole_blocks() {
        let log = written(Storage::Direct, 3 * ALIGNMENT as u64, &[&[b"ab"], &[&[7; ALIGNMENT + 1]]]);
        assert_eq!(&log[..3], b"ab\0");
        assert_eq!(&log[ALIGNMENT..2 * ALIGNMENT + 2], [&[7; ALIGNMENT + 1][..], &[0]].concat());
    }

    #[test]
    fn what_no_file_could_hold_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = SyncedFile::create(&dir.path().join("log"), Storage::Prewritten, 4).unwrap();
        let error = file.write(&[Bytes::from_static(b"abcde")]).unwrap_err();
        assert!(error.to_string().contains("5 bytes at once"), "{error}");
    }

    #[test]
    fn what_arrives_while_a_sync_is_under_way_goes_with_the_next_one() {
        let (mut log, batches) = Log::new();
        log.append(Bytes::from_static(b"a"), 1);
        log.submit();
        for (run, last) in [(b"b", 2), (b"c", 3)] {
            log.append(Bytes::from_static(run), last);
            log.submit();
        }
        assert_eq!(batches.try_recv().unwrap().concat(), b"a");
        assert!(batches.try_recv().is_err());
        assert_eq!(log.ended(), Some(1));
        assert_eq!(batches.try_recv().unwrap().concat(), b"bc");
        assert_eq!((log.ended(), log.ended()), (Some(3), None));
    }
}
