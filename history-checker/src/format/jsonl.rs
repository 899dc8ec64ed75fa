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

mod blocks;
mod faults;
mod line;
mod quick;
mod writer;

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

pub use line::parse;
pub use writer::{write_completion, write_fault, write_history, write_invocation};

use super::{Event, LineError, ReadError};
use crate::history::History;

/// Reads a history from a file.
///
/// # Errors
/// When the file cannot be read, or the first line that is wrong, with the reason.
pub fn read_file(path: impl AsRef<Path>) -> Result<History, ReadError> {
    read(File::open(path)?)
}

/// Reads a whole history; the text in blocks, whose lines are parsed on several threads. To see each event as soon as
/// its line is there, take [`events`].
///
/// # Errors
/// When reading fails, or the first line that is wrong, with the reason.
pub fn read(input: impl Read) -> Result<History, ReadError> {
    blocks::read(input, blocks::BLOCK)
}

/// The events of a history, one line at a time, each with its line. It ends after the first error.
pub fn events<R: BufRead>(input: R) -> Events<R> {
    Events { input, keys: line::Keys::default(), text: Vec::new(), line: 0, ended: false }
}

/// What [`events`] returns.
pub struct Events<R> {
    input: R,
    keys: line::Keys,
    text: Vec<u8>,
    line: usize,
    ended: bool,
}

impl<R: BufRead> Events<R> {
    /// The error of the last event's line.
    pub fn wrong(&self, reason: LineError) -> ReadError {
        ReadError::Line { line: self.line, reason }
    }

    fn event(&mut self) -> Result<Option<(usize, Event)>, ReadError> {
        loop {
            self.text.clear();
            if self.input.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !self.text.trim_ascii().is_empty() {
                let event = line::parse_with(&self.text, &mut self.keys);
                let event = event.map_err(|reason| ReadError::Line { line: self.line, reason })?;
                return Ok(Some((self.line, event)));
            }
        }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<(usize, Event), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.event().transpose();
        self.ended = !matches!(event, Some(Ok(_)));
        event
    }
}
