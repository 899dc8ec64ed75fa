//! Snapshot files: written under a temporary name, made durable, renamed, read back; received piece by piece; read for
//! others. All of it aside of the log.
//!
//! | file | what |
//! |---|---|
//! | `format` | how a snapshot looks in its file |
//! | `decoder` | checks that it is whole, as its bytes come |
//! | `body` | the sessions and the state machine's own bytes, in and out |
//! | `landing` | from bytes that come to a durable file |
//! | `walk` | whether the newest is still what was written |
//! | `foreign` | which are not to be touched |
//! | `files` | which files there are, and who reads them |

pub mod body;
mod decoder;
mod files;
mod foreign;
mod format;
#[cfg(test)]
mod golden;
mod landing;
mod walk;

pub use files::{Event, ReadFor, Snapshots};
pub(super) use files::{newest, whole};
pub(super) use foreign::refuse_foreign;
pub use format::BadSnapshot;

use crate::consensus::types::LogId;

pub(super) const DIRECTORY: &str = "snapshots";

/// The file of the snapshot that ends with `last`.
pub(crate) fn file_of(last: LogId) -> String {
    format!("{DIRECTORY}/{:020}-{:020}.snap", last.index.0, last.term.0)
}
