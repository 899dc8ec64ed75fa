//! Which format a file has, and reading it whatever it has.

use std::fmt;
use std::path::Path;

use super::{ReadError, edn, jsonl};
use crate::history::History;

/// A format of histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// [JSON lines](jsonl).
    Jsonl,
    /// [Jepsen's EDN](edn).
    Edn,
}

impl Format {
    /// By the name: `.edn` is EDN, everything else JSON lines.
    #[must_use]
    pub fn of(path: &Path) -> Format {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("edn") => Format::Edn,
            _ => Format::Jsonl,
        }
    }

    /// Reads a history in this format. EDN whose values are pairs of key and value needs [`edn::read_file`].
    ///
    /// # Errors
    /// When the file cannot be read, or the first event that is wrong, with its place and the reason.
    pub fn read_file(self, path: &Path) -> Result<History, ReadError> {
        match self {
            Format::Jsonl => jsonl::read_file(path),
            Format::Edn => edn::read_file(path, edn::Options::default()),
        }
    }
}

/// Reads a history in the format that its file's name says.
///
/// # Errors
/// When the file cannot be read, or the first event that is wrong, with its place and the reason.
pub fn open(path: impl AsRef<Path>) -> Result<History, ReadError> {
    Format::of(path.as_ref()).read_file(path.as_ref())
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Jsonl => "jsonl",
            Format::Edn => "edn",
        })
    }
}
