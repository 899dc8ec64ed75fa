//! Histories of Jepsen and Knossos, in EDN: one vector of maps, or one map after the other.
//!
//! ```text
//! {:process 3, :type :invoke, :f :cas, :value [1 2], :time 123}
//! {:process 3, :type :ok, :f :cas, :value [1 2], :time 456}
//! {:process :nemesis, :type :info, :f :start-partition, :value nil, :time 789}
//! ```
//! - `:type` is `:invoke`, `:ok`, `:fail` or `:info`; `:f` is `:read`, `:write`, `:cas`, `:add`, `:remove`, `:enqueue`
//!   or `:dequeue`; `:time`, in nanoseconds, may be absent. Other keys are ignored.
//! - `:process` is a number, or a name; names are numbered from [`NAMED`] on.
//! - An `ok` read of `nil` *says nothing*, as in Knossos: it becomes a read that was not applied. The value of a read's
//!   invocation is ignored.
//! - A `:fail` is an operation without effect. With `:swapped false` it is a CAS that was evaluated and did not swap;
//!   `:seen` is what it found.
//! - `:empty true` beside a `nil` says that the register was seen to hold nothing. `:version` is the answer's.
//! - With [`Options::keyed`] every value is a pair `[key value]`, as `jepsen.independent` writes it. A line that has a
//!   `:key` is one of those in any case, and so is a literal whose tag ends in `tuple`.
//! - `nemesis` causes faults. `:start` and `:start-x` begin the fault `nemesis` or `x`, `:stop` and `:stop-x` end it; any
//!   other `:f` begins the fault of that name, and ends it when it comes again. Jepsen writes every such line twice: a
//!   second `:start` or `:stop` is ignored. `:fault "name"` with `:edge :begin` or `:end` says all of this outright.
//! - Of values, strings, characters, numbers, booleans and `nil` are kept as they are; keywords, symbols, ratios and
//!   exact decimals as their text. Tags of other literals are dropped.
//!
//! A form may be as long as [`LONGEST_FORM`] and as deep as [`DEEPEST`]. The place of an event is the line on which its
//! form begins; of several forms on one line the later ones take the numbers that follow.

mod bytes;
mod form;
mod line;
mod token;
mod writer;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub use form::DEEPEST;
pub use line::NAMED;
pub use token::LONGEST_FORM;
pub use writer::{write_completion, write_fault, write_history, write_invocation};

use super::{Event, Joiner, ReadError};
use crate::history::History;

/// How to take what the format leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Every value is a pair of a key and the key's value.
    pub keyed: bool,
}

/// Reads a history from a file.
///
/// # Errors
/// When the file cannot be read, or the first form that is wrong, with its place and the reason.
pub fn read_file(path: impl AsRef<Path>, options: Options) -> Result<History, ReadError> {
    read(BufReader::new(File::open(path)?), options)
}

/// Reads a history form by form.
///
/// # Errors
/// When reading fails, or the first form that is wrong, with its place and the reason.
pub fn read(input: impl BufRead, options: Options) -> Result<History, ReadError> {
    let mut joiner = Joiner::default();
    let mut events = events(input, options);
    while let Some(event) = events.next() {
        let (line, event) = event?;
        joiner.accept(line, event).map_err(|reason| events.wrong(reason))?;
    }
    Ok(joiner.finish())
}

/// The events of a history, one form at a time. It ends after the first error.
pub fn events<R: BufRead>(input: R, options: Options) -> Events<R> {
    Events { forms: form::Forms::new(input), lines: line::Lines::new(options), last: 0, ended: false }
}

/// What [`events`] returns: each event with its place.
pub struct Events<R> {
    forms: form::Forms<R>,
    lines: line::Lines,
    /// The place of the last event.
    last: usize,
    ended: bool,
}

impl<R: BufRead> Events<R> {
    /// The error of the last event's form.
    pub fn wrong(&self, reason: super::LineError) -> ReadError {
        let (line, column) = self.forms.began();
        ReadError::Form { line, column, reason }
    }

    fn event(&mut self) -> Result<Option<(usize, Event)>, ReadError> {
        while let Some(form) = self.forms.next()? {
            if let Some(event) = self.lines.event(form).map_err(|reason| self.wrong(reason))? {
                self.last = self.forms.began().0.max(self.last + 1);
                return Ok(Some((self.last, event)));
            }
        }
        Ok(None)
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
