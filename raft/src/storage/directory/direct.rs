//! Writing past the page cache what is written once and not read soon: the copy into fresh pages is what a
//! large file costs most, and it drives out what others need.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Of memory, place in the file and length: enough for every device.
const ALIGNMENT: usize = 4096;
/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// One file at a time.
#[derive(Default)]
pub(super) struct Direct {
    file: Option<(String, fs::File)>,
    buffer: Vec<u8>,
    /// This file system has no such way.
    unsupported: bool,
}

impl Direct {
    /// Writes as much of the beginning of `data` as can go past the cache; says how much that was.
    pub(super) fn write(&mut self, path: &Path, name: &str, offset: u64, data: &[u8]) -> io::Result<usize> {
        let whole = data.len() / ALIGNMENT * ALIGNMENT;
        if whole == 0 || !offset.is_multiple_of(ALIGNMENT as u64) || !self.open(path, name)? {
            return Ok(0);
        }
        let Some((_, file)) = &self.file else { return Ok(0) };
        self.buffer.resize(BUFFER + ALIGNMENT, 0);
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let mut at = offset;
        for part in data[..whole].chunks(BUFFER) {
            let aligned = &mut self.buffer[start..start + part.len()];
            aligned.copy_from_slice(part);
            match file.write_all_at(aligned, at) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.unsupported = true;
                    break;
                }
                written => written?,
            }
            at += part.len() as u64;
        }
        Ok(usize::try_from(at - offset).unwrap_or(whole))
    }

    /// Whether the file is open now.
    fn open(&mut self, path: &Path, name: &str) -> io::Result<bool> {
        if self.unsupported || self.file.as_ref().is_some_and(|(open, _)| open == name) {
            return Ok(!self.unsupported);
        }
        let direct = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
        match fs::OpenOptions::new().write(true).create(true).custom_flags(direct).open(path) {
            Ok(file) => self.file = Some((name.to_owned(), file)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.unsupported = true,
            Err(error) => return Err(error),
        }
        Ok(!self.unsupported)
    }

    /// The file is to have another name, or none.
    pub(super) fn close(&mut self, name: &str) {
        self.file.take_if(|(open, _)| open == name);
    }
}
