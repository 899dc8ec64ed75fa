//! JSON lines: one event per line, in real-time order.
//!
//! ```text
//! {"process":3,"kind":"invoke","op":"cas","key":"k","value":[1,2],"time":123}
//! {"process":3,"kind":"ok","op":"cas","key":"k","value":[1,2],"swapped":false,"seen":7,"version":9,"time":456}
//! {"fault":"kill n1","kind":"begin","time":789}
//! ```
//! `kind` is `invoke`, `ok` (it took effect), `fail` (it certainly never will) or `info` (unknown: it stays open).
//! `op` is `read`, `write`, `cas`, `add` (to a counter or a set), `remove`, `enqueue` or `dequeue`.
//! `time` is in nanoseconds. A value is any JSON scalar, a delete is a write of `null`, a CAS carries `[from,to]`; the
//! value of a read or a dequeue stands in its `ok`, as an array where a set was read. An `ok` may repeat the value of a write or CAS, and an absent or `null` one is not
//! compared; values on `fail` and `info` are ignored, and so are fields that are not listed here, and blank lines.
//! A process may go on after an `info`; its earlier operation stays open all the same.

mod line;
mod writer;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub use line::parse;
pub use writer::{write_completion, write_fault, write_history, write_invocation};

use super::{Joiner, ReadError};
use crate::history::History;

/// Reads a history from a file.
///
/// # Errors
/// When the file cannot be read, or the first line that is wrong, with the reason.
pub fn read_file(path: impl AsRef<Path>) -> Result<History, ReadError> {
    read(BufReader::new(File::open(path)?))
}

/// Reads a history line by line.
///
/// # Errors
/// When reading fails, or the first line that is wrong, with the reason.
pub fn read(mut input: impl BufRead) -> Result<History, ReadError> {
    let mut joiner = Joiner::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if !text.trim_ascii().is_empty() {
            let event = parse(&text);
            let accepted = event.and_then(|event| joiner.accept(line, event));
            accepted.map_err(|reason| ReadError::Line { line, reason })?;
        }
    }
    Ok(joiner.finish())
}
