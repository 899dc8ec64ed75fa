//! Group commits past the page cache: whole blocks that are durable when their write ends (`O_DIRECT`, `O_DSYNC`).
//! A write through the cache and `fdatasync` is two system calls, a copy into a page and the page's way to the device
//! and back; `docs/performance.md` has what that comes to.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, fstatfs};

use super::direct::{aligned, refused};
use crate::storage::disk::BLOCK;

/// The file systems of which it is known that such a write asks the device for durability, as `f_type` says them: ext4,
/// XFS, Btrfs, tmpfs. Others let the flags pass and may do nothing for them (FUSE, 9p).
const KNOWN: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];

const REFUSED: &str = "this file system, or its device, refuses O_DIRECT";

/// One file at a time.
pub(super) struct Commits {
    /// File systems that are trusted with it.
    known: &'static [u64],
    open: Option<Open>,
    /// As large as the largest write was.
    buffer: Vec<u8>,
    /// This file system, or the device, has no such way.
    unsupported: bool,
}

struct Open {
    name: String,
    file: fs::File,
    /// It is at least so long.
    length: u64,
    /// Where the last write ended.
    end: u64,
    /// What its last block begins with, up to there: the next write goes on in it.
    last: Vec<u8>,
}

impl Default for Commits {
    fn default() -> Commits {
        Commits { known: &KNOWN, open: None, buffer: Vec::new(), unsupported: false }
    }
}

impl Commits {
    /// As [`crate::storage::disk::Op::WriteSync`]. False, and nothing is written, where there is no such way, and where
    /// whole blocks would make the file longer than its bytes do.
    pub(super) fn write(&mut self, path: &Path, name: &str, offset: u64, data: &[u8]) -> io::Result<bool> {
        let end = offset.checked_add(data.len() as u64).and_then(|end| end.checked_next_multiple_of(BLOCK));
        let Some(end) = end.filter(|_| !self.unsupported && !data.is_empty()) else { return Ok(false) };
        if !self.open(path, name, end)? {
            return Ok(false);
        }
        let Some(open) = &mut self.open else { return Ok(false) };
        match open.write(&mut self.buffer, offset, data) {
            Err(error) if refused(&error) => Ok(self.give_up(path, REFUSED)),
            result => result.map(|()| true),
        }
    }

    /// Whether the file is open and so long.
    fn open(&mut self, path: &Path, name: &str, length: u64) -> io::Result<bool> {
        if self.open.as_ref().is_none_or(|open| open.name != name) {
            let flags = (OFlags::DIRECT | OFlags::DSYNC).bits().cast_signed();
            let file = match fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) if refused(&error) => return Ok(self.give_up(path, REFUSED)),
                Err(error) => return Err(error),
            };
            if !self.known.contains(&u64::try_from(fstatfs(&file)?.f_type).unwrap_or_default()) {
                return Ok(
                    self.give_up(path, "it is not known that this file system makes such writes durable")
                );
            }
            self.open = Some(Open { name: name.to_owned(), file, length: 0, end: 0, last: Vec::new() });
        }
        let Some(open) = &mut self.open else { return Ok(false) };
        if open.length < length {
            open.length = open.file.metadata()?.len();
        }
        Ok(open.length >= length)
    }

    /// From now on commits go the other way; false, which is what that means for the one at hand.
    fn give_up(&mut self, path: &Path, why: &'static str) -> bool {
        tracing::info!(file = %path.display(), why, "commits go through the page cache, and fdatasync follows");
        self.unsupported = true;
        self.open = None;
        false
    }

    /// The file is to have another name, or none, or is written in another way.
    pub(super) fn close(&mut self, name: &str) {
        self.open.take_if(|open| open.name == name);
    }
}

impl Open {
    fn write(&mut self, buffer: &mut Vec<u8>, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset - offset % BLOCK;
        let before = size(offset - start)?;
        let end = before + data.len();
        let blocks = aligned(buffer, end.next_multiple_of(size(BLOCK)?));
        if self.end - self.last.len() as u64 == start && before <= self.last.len() {
            blocks[..before].copy_from_slice(&self.last[..before]);
        } else {
            self.file.read_exact_at(&mut blocks[..size(BLOCK)?], start)?;
        }
        blocks[before..end].copy_from_slice(data);
        blocks[end..].fill(0);
        self.file.write_all_at(blocks, start)?;
        self.end = start + end as u64;
        self.last.clear();
        self.last.extend_from_slice(&blocks[end - end % size(BLOCK)?..end]);
        Ok(())
    }
}

fn size(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests;
