//! Snapshots that are not damaged, and not to be touched: of a newer format, or of another cluster.

use bytes::Buf;

use super::DIRECTORY;
use super::files::names;
use super::format::{FIELD, FORMAT, HEAD, MAGIC, META};
use crate::checksum::crc32c;
use crate::consensus::types::ClusterId;
use crate::seeded_bug;
use crate::storage::disk::{Disk, DiskError, Op, Outcome, run};
use crate::storage::error::OpenError;

/// What an intact header says. It has the same shape in every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) cluster_crc: u32,
    pub(super) crc: u32,
}

impl Header {
    /// From a whole header; none of one that is damaged.
    pub(super) fn read(record: &[u8]) -> Option<Header> {
        let (covered, mut crc) = record.split_at_checked(record.len().checked_sub(FIELD)?)?;
        let crc = crc.get_u32_le();
        let mut fields = covered.strip_prefix(MAGIC)?;
        let intact = crc32c(covered) == crc;
        let (format, cluster_crc) = (fields.try_get_u32_le().ok()?, fields.try_get_u32_le().ok()?);
        Some(Header { format, cluster_crc, crc }).filter(|_| intact)
    }

    /// The whole header with which a file begins, as far as it is there.
    fn of(file: &[u8]) -> Option<Header> {
        let mut meta = file.get(HEAD - FIELD..HEAD)?;
        let meta = usize::try_from(meta.get_u32_le()).ok().filter(|meta| *meta <= META)?;
        Header::read(file.get(..HEAD + meta + FIELD)?)
    }
}

/// Refuses a directory with such a snapshot. Changes nothing; damage is left to others.
pub(in crate::storage) fn refuse_foreign<D: Disk>(
    disk: &mut D,
    cluster: &ClusterId,
) -> Result<(), OpenError> {
    let directory = disk.location();
    let failed = |error: DiskError| OpenError::Storage { directory: directory.clone(), error: error.into() };
    let ours = crc32c(cluster.as_str().as_bytes());
    for name in names(disk).map_err(failed)?.into_iter().filter(|name| name.ends_with(".snap")) {
        let file = format!("{DIRECTORY}/{name}");
        let length = (HEAD + META + FIELD) as u64;
        let Ok(Outcome::Data(data)) = run(disk, Op::Read { file: file.clone(), offset: 0, length }) else {
            continue;
        };
        match Header::of(&data).filter(|_| !seeded_bug!("foreign-snapshot-passed-over")) {
            Some(header) if header.format > FORMAT => {
                return Err(OpenError::NewerFormat { directory, found: header.format, known: FORMAT });
            }
            Some(header) if header.cluster_crc != ours => {
                return Err(OpenError::ForeignSnapshot { directory, file });
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
