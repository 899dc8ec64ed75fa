//! JSON lines: one event per line, in real-time order.
//!
//! ```text
//! {"process":3,"kind":"invoke","op":"cas","key":"k","value":[1,2],"time":123}
//! {"process":3,"kind":"ok","op":"cas","key":"k","value":[1,2],"swapped":false,"seen":7,"version":9,"time":456}
//! {"fault":"kill n1","kind":"begin","time":789}
//! ```
//! `kind` is `invoke`, `ok` (it took effect), `fail` (it certainly never will) or `info` (unknown: it stays open).
//! `time` is in nanoseconds. A value is any JSON scalar, a delete is a write of `null`, a CAS carries `[from,to]`; a
//! read's value stands in its `ok`. An `ok` may repeat the value of a write or CAS, and an absent or `null` one is not
//! compared; values on `fail` and `info` are ignored, and so are fields that are not listed here, and blank lines.
//! A process may go on after an `info`; its earlier operation stays open all the same.

mod line;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use line::{Completion, End, Event};
pub use writer::{write_completion, write_fault, write_history, write_invocation};

use super::{LineError, ReadError};
use crate::history::{History, Outcome};

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
    let mut reader = Reader::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if !text.trim_ascii().is_empty() {
            reader.accept(line, &text).map_err(|reason| ReadError::Line { line, reason })?;
        }
    }
    Ok(reader.history)
}

/// Joins completions to their invocations.
#[derive(Default)]
struct Reader {
    history: History,
    /// The operation that each process has under way.
    open: HashMap<u64, usize>,
}

impl Reader {
    fn accept(&mut self, line: usize, text: &[u8]) -> Result<(), LineError> {
        match line::parse(text)? {
            Event::Fault { name, edge, time } => {
                let at = self.history.advance(line, time);
                self.history.add_fault(name, edge, at);
            }
            Event::Invoke { process, key, action, time } => {
                if let Some(&earlier) = self.open.get(&process) {
                    let line = self.history.operations()[earlier].invoked.line;
                    return Err(LineError::AlreadyOpen { process, line });
                }
                let invoked = self.history.advance(line, time);
                self.open.insert(process, self.history.invoke(process, key, action, invoked));
            }
            Event::Complete(completion) => self.complete(line, completion)?,
        }
        Ok(())
    }

    fn complete(&mut self, line: usize, completion: Completion) -> Result<(), LineError> {
        let process = completion.process;
        let index = self.open.remove(&process).ok_or(LineError::NotInvoked { process })?;
        let operation = &self.history.operations()[index];
        let differs = |what| Err(LineError::Differs { what, line: operation.invoked.line });
        if completion.op != line::op_name(&operation.action) {
            return differs("op");
        }
        if completion.key.is_some() && completion.key != operation.key {
            return differs("key");
        }
        if let End::Ok { repeated: Some(repeated), .. } = &completion.end
            && *repeated != operation.action
        {
            return differs("value");
        }
        let mark = self.history.advance(line, completion.time);
        let outcome = match completion.end {
            End::Ok { answer, version, .. } => Outcome::Ok { returned: mark, answer, version },
            End::Fail => Outcome::NotApplied { returned: mark },
            End::Info => Outcome::Unknown { gave_up: Some(mark) },
        };
        self.history.complete(index, outcome);
        Ok(())
    }
}
