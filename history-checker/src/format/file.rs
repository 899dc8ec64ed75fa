//! Which format a file has, and reading it whatever it has.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;

use super::{Event, LineError, ReadError, edn, jsonl};
use crate::history::{History, Operation};

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

    /// Reads a whole history in this format.
    ///
    /// # Errors
    /// When reading fails, or the first event that is wrong, with its place and the reason.
    pub fn read(self, input: impl BufRead, edn: edn::Options) -> Result<History, ReadError> {
        match self {
            Format::Jsonl => jsonl::read(input),
            Format::Edn => edn::read(input, edn),
        }
    }

    /// The events of a history in this format, as they are read.
    pub fn events<R: BufRead>(self, input: R, edn: edn::Options) -> Events<R> {
        match self {
            Format::Jsonl => Events::Jsonl(jsonl::events(input)),
            Format::Edn => Events::Edn(Box::new(edn::events(input, edn))),
        }
    }

    /// Writes a whole history in this format.
    ///
    /// # Errors
    /// When `sink` fails.
    pub fn write_history(self, sink: impl Write, history: &History) -> io::Result<()> {
        match self {
            Format::Jsonl => jsonl::write_history(sink, history),
            Format::Edn => edn::write_history(sink, history),
        }
    }

    /// Writes the invocation of an operation in this format.
    ///
    /// # Errors
    /// When `sink` fails.
    pub fn write_invocation(self, sink: impl Write, operation: &Operation) -> io::Result<()> {
        match self {
            Format::Jsonl => jsonl::write_invocation(sink, operation),
            Format::Edn => edn::write_invocation(sink, operation),
        }
    }

    /// Writes the completion of an operation in this format; nothing if there was none.
    ///
    /// # Errors
    /// When `sink` fails.
    pub fn write_completion(self, sink: impl Write, operation: &Operation) -> io::Result<()> {
        match self {
            Format::Jsonl => jsonl::write_completion(sink, operation),
            Format::Edn => edn::write_completion(sink, operation),
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

/// The events of a history in either format, each with its line. It ends after the first error.
pub enum Events<R> {
    /// Of JSON lines.
    Jsonl(jsonl::Events<R>),
    /// Of EDN.
    Edn(Box<edn::Events<R>>),
}

impl<R: BufRead> Events<R> {
    /// The error of the last event, with its place.
    pub fn wrong(&self, reason: LineError) -> ReadError {
        match self {
            Events::Jsonl(events) => events.wrong(reason),
            Events::Edn(events) => events.wrong(reason),
        }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<(usize, Event), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Events::Jsonl(events) => events.next(),
            Events::Edn(events) => events.next(),
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
