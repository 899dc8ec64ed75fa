//! Past the page cache (`O_DIRECT`): what is written once and not read soon, since the copy into fresh pages is
//! what a large file costs most; and what is read to see whether the medium still has it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;
use rustix::fs::OFlags;

/// Of memory, place in the file and length: enough for every device.
const ALIGNMENT: usize = 4096;
/// Bytes written or read at once.
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
        let mut at = offset;
        for part in data[..whole].chunks(BUFFER) {
            let aligned = aligned(&mut self.buffer, part.len());
            aligned.copy_from_slice(part);
            match file.write_all_at(aligned, at) {
                Err(error) if refused(&error) => {
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
        let file = self.supported(direct(fs::OpenOptions::new().write(true).create(true)).open(path))?;
        self.file = file.map(|file| (name.to_owned(), file));
        Ok(!self.unsupported)
    }

    /// Reads from the medium, or from a cache where the file system goes through it even so. None where there is no
    /// such way.
    pub(super) fn read(&mut self, path: &Path, offset: u64, length: u64) -> io::Result<Option<Bytes>> {
        if self.unsupported || !offset.is_multiple_of(ALIGNMENT as u64) {
            return Ok(None);
        }
        let Some(file) = self.supported(direct(fs::OpenOptions::new().read(true)).open(path))? else {
            return Ok(None);
        };
        let there = file.metadata()?.len().saturating_sub(offset).min(length);
        let there = usize::try_from(there).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut data = vec![0; there.next_multiple_of(ALIGNMENT) + ALIGNMENT];
        let start = data.as_ptr().align_offset(ALIGNMENT);
        let aligned = &mut data[start..start + there.next_multiple_of(ALIGNMENT)];
        let filled = fill(aligned, there, |into, at| file.read_at(into, offset + at));
        let Some(Some(filled)) = self.supported(filled)? else { return Ok(None) };
        Ok(Some(Bytes::from(data).slice(start..start + filled)))
    }

    /// None, and never tried again, where the file system or the device refuses.
    fn supported<T>(&mut self, result: io::Result<T>) -> io::Result<Option<T>> {
        match result {
            Err(error) if refused(&error) => {
                self.unsupported = true;
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// The file is to have another name, or none.
    pub(super) fn close(&mut self, name: &str) {
        self.file.take_if(|(open, _)| open == name);
    }
}

/// Fills so many bytes of `data`, fewer where the file ends. None where a read stopped within a block: from there
/// nothing can be read in this way.
fn fill(
    data: &mut [u8],
    there: usize,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<Option<usize>> {
    let mut filled = 0;
    while filled < there {
        match read(&mut data[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read.min(there - filled),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled < there && !filled.is_multiple_of(ALIGNMENT) {
            return Ok(None);
        }
    }
    Ok(Some(filled))
}

/// Whether a file system or a device says that it has no such way.
pub(super) fn refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

fn direct(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    options.custom_flags(OFlags::DIRECT.bits().cast_signed())
}

/// So many bytes of the buffer, at a place in memory that a device can use.
pub(super) fn aligned(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length + ALIGNMENT {
        buffer.resize(length + ALIGNMENT, 0);
    }
    let start = buffer.as_ptr().align_offset(ALIGNMENT);
    &mut buffer[start..start + length]
}

#[cfg(test)]
mod tests;
