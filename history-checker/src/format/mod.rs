//! How histories are stored: one module per format.

pub mod edn;
mod encoding;
mod event;
mod file;
pub mod jsonl;
mod open;
mod paired;

use std::io;

use crate::history::OpKind;

pub use event::{Completion, End, Event, Joiner};
pub use file::{Events, Format, open};
pub use paired::{RewriteError, Rewriter};

use crate::value::shown;
pub(crate) use open::InFlight;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read. The cause stands in the message, so it is no [source](std::error::Error::source).
    #[error("cannot read: {0}")]
    Io(io::Error),
    /// A line is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: LineError,
    },
    /// A form is wrong; as a form may span lines, the column is named too.
    #[error("line {line}, column {column}: {reason}")]
    Form {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
        /// What is wrong with it.
        reason: LineError,
    },
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The file is not UTF-8 text at all.
    #[error("this is {0}")]
    Encoding(&'static str),
    /// Not an object of the format.
    #[error("malformed JSON: {0}")]
    Malformed(String),
    /// Not a form of the format.
    #[error("malformed EDN: {0}")]
    MalformedEdn(String),
    /// A field holds something else than it should.
    #[error("`{field}` must be {expected}")]
    WrongField {
        /// The field.
        field: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// A field that this kind of line needs is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// `kind` is not one of the format's.
    #[error("unknown kind `{}` (expected {expected})", shown(kind))]
    UnknownKind {
        /// As it stands in the line.
        kind: String,
        /// The allowed ones.
        expected: &'static str,
    },
    /// `op` is not one of the format's.
    #[error("unknown op `{}` (expected {})", shown(.0), OpKind::listed())]
    UnknownOp(String),
    /// The value does not fit the operation.
    #[error("`value` of a {op} must be {expected}")]
    WrongValue {
        /// The operation.
        op: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// An answer for a process that asked nothing.
    #[error("process {process} completes an operation that it did not invoke")]
    NotInvoked {
        /// The process.
        process: u64,
    },
    /// A process may have one operation under way.
    #[error("process {process} invokes an operation while its previous one (line {line}) is open")]
    AlreadyOpen {
        /// The process.
        process: u64,
        /// Of the open invocation.
        line: usize,
    },
    /// Only registers are checked while they are read.
    #[error("a {op} is no operation of a register")]
    NoRegister {
        /// Its name.
        op: &'static str,
    },
    /// The answer is to another question.
    #[error("the completion is of another {what} than its invocation (line {line})")]
    Differs {
        /// `op`, `key` or `value`.
        what: &'static str,
        /// Of the invocation.
        line: usize,
    },
}

/// The operation of this name.
pub(crate) fn kind_of(name: &str) -> Result<OpKind, LineError> {
    OpKind::named(name).ok_or_else(|| LineError::UnknownOp(name.to_owned()))
}
