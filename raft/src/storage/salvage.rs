//! Files that the disk gives back only in part: a sector that cannot be read is damage, and recovery has rules for
//! damage. What may be a matter of the whole file, or of the whole disk, stays an error.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::disk::{Disk, DiskError, Op, Outcome, look, read_all};
use super::record::{SEGMENT_HEADER, Segment};
use super::recovery::Source;
use super::spares::file_of;

/// Bytes read at once where more cannot be read: a physical sector, and a page of a cache.
const PIECE: usize = 4096;
/// Pieces of a file that may be unreadable, 1 MiB: each may take seconds, and where there are more it is not a few
/// sectors that the disk has lost.
const HOLES: usize = 256;
/// Segments kept in memory while reading.
const KEPT: usize = 3;

/// A file's bytes, with zeros in place of those that cannot be read.
struct Salvaged {
    bytes: Vec<u8>,
    /// Where pieces are missing, and why.
    holes: BTreeMap<u64, DiskError>,
}

/// Whether a file is there and can be opened: then it is its content that cannot be read.
pub(super) fn opens<D: Disk>(disk: &mut D, file: &str) -> bool {
    look(disk, Op::Read { file: file.to_owned(), offset: 0, length: 0 }).is_ok()
}

/// Reads a file of which not all can be read, as `error` says, piece by piece.
fn salvage<D: Disk>(disk: &mut D, file: &str, error: DiskError) -> Result<Salvaged, DiskError> {
    let mut salvaged = Salvaged { bytes: Vec::new(), holes: BTreeMap::new() };
    loop {
        let offset = salvaged.bytes.len() as u64;
        match look(disk, Op::Read { file: file.to_owned(), offset, length: PIECE as u64 }) {
            Ok(Outcome::Data(data)) if !data.is_empty() => salvaged.bytes.extend_from_slice(&data),
            Ok(_) => break,
            Err(missing) if salvaged.holes.len() < HOLES && opens(disk, file) => {
                tracing::error!(file, offset, error = %missing, "what stands there cannot be read");
                salvaged.bytes.resize(salvaged.bytes.len() + PIECE, 0);
                salvaged.holes.insert(offset, missing);
            }
            Err(_) => return Err(error),
        }
    }
    let nothing = salvaged.holes.len() * PIECE >= salvaged.bytes.len();
    if nothing { Err(error) } else { Ok(salvaged) }
}

/// The segments of a disk; what was read last is kept, since each is looked at from the one before too.
pub(super) struct Files<'a, D> {
    pub(super) disk: &'a mut D,
    kept: Vec<(Segment, Bytes)>,
    holes: BTreeMap<Segment, BTreeMap<u64, DiskError>>,
}

impl<D> Files<'_, D> {
    pub(super) fn new(disk: &mut D) -> Files<'_, D> {
        Files { disk, kept: Vec::new(), holes: BTreeMap::new() }
    }
}

impl<D: Disk> Files<'_, D> {
    fn read_anew(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        let file = file_of(segment);
        match read_all(self.disk, &file) {
            Ok(bytes) => Ok(bytes.unwrap_or_default()),
            Err(error) => {
                let Salvaged { bytes, holes } = salvage(self.disk, &file, error)?;
                self.holes.entry(segment).or_default().extend(holes);
                Ok(Bytes::from(bytes))
            }
        }
    }
}

impl<D: Disk> Source for Files<'_, D> {
    fn read(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        if let Some((_, bytes)) = self.kept.iter().find(|(kept, _)| *kept == segment) {
            return Ok(bytes.clone());
        }
        let bytes = self.read_anew(segment)?;
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push((segment, bytes.clone()));
        Ok(bytes)
    }

    fn head(&mut self, segment: Segment) -> Result<Bytes, DiskError> {
        let op = Op::Read { file: file_of(segment), offset: 0, length: SEGMENT_HEADER as u64 };
        match look(self.disk, op) {
            Ok(Outcome::Data(head)) => Ok(head),
            Ok(Outcome::Done | Outcome::Names(_)) => Ok(Bytes::new()),
            Err(_) => {
                let whole = self.read(segment)?;
                Ok(whole.slice(..whole.len().min(SEGMENT_HEADER)))
            }
        }
    }

    fn unreadable(&self, segment: Segment, from: u64, to: u64) -> Option<DiskError> {
        let until = self.holes.get(&segment)?.range(..to).next_back();
        until.filter(|(offset, _)| *offset + PIECE as u64 > from).map(|(_, error)| error.clone())
    }
}

#[cfg(test)]
mod tests;
