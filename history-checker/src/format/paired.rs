//! Events to operations without keeping those that have ended: what a history needs on its way into another format.

use std::io::{self, Write};

use super::event::Event;
use super::open::InFlight;
use super::{Format, LineError, edn, jsonl};
use crate::history::{FaultEdge, Mark, Operation, Outcome};

/// Checks that events fit together, as [`Joiner`](super::Joiner) does, and writes each of them.
#[derive(Debug)]
pub struct Rewriter<W> {
    sink: W,
    format: Format,
    /// The operation that each process has under way.
    open: InFlight<Operation>,
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The sink failed.
    #[error("cannot write: {0}")]
    Io(io::Error),
    /// It does not fit what came before.
    #[error(transparent)]
    Event(LineError),
}

impl From<io::Error> for RewriteError {
    fn from(error: io::Error) -> RewriteError {
        RewriteError::Io(error)
    }
}

impl<W: Write> Rewriter<W> {
    /// Writes to `sink`; give it a buffered one.
    pub fn new(sink: W, format: Format) -> Rewriter<W> {
        Rewriter { sink, format, open: InFlight::default() }
    }

    /// Writes what stands in a line. Lines must come in order.
    ///
    /// # Errors
    /// When the event does not fit what came before, or the sink fails.
    pub fn accept(&mut self, line: usize, event: Event) -> Result<(), RewriteError> {
        match event {
            Event::Fault { name, edge, time } => self.fault(&name, edge, time)?,
            Event::Invoke { process, key, action, time } => {
                self.open.begin(process, |earlier| earlier.invoked.line).map_err(RewriteError::Event)?;
                let (invoked, outcome) = (Mark { line, time }, Outcome::Unknown { gave_up: None });
                let operation = Operation { process, key, action, invoked, outcome };
                match self.format {
                    Format::Jsonl => jsonl::write_invocation(&mut self.sink, &operation)?,
                    Format::Edn => edn::write_invocation(&mut self.sink, &operation)?,
                }
                self.open.insert(process, operation);
            }
            Event::Complete(completion) => {
                let fits = |operation: &Operation| completion.fits(operation);
                let mut operation = self.open.end(completion.process, fits).map_err(RewriteError::Event)?;
                operation.outcome = completion.end.outcome(Mark { line, time: completion.time });
                match self.format {
                    Format::Jsonl => jsonl::write_completion(&mut self.sink, &operation)?,
                    Format::Edn => edn::write_completion(&mut self.sink, &operation)?,
                }
            }
        }
        Ok(())
    }

    /// Pushes buffered text out.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn finish(mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn fault(&mut self, name: &str, edge: FaultEdge, time: u64) -> io::Result<()> {
        match self.format {
            Format::Jsonl => jsonl::write_fault(&mut self.sink, name, edge, time),
            Format::Edn => edn::write_fault(&mut self.sink, name, edge, time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Joiner;

    const LINES: [&str; 3] = [
        r#"{"process":0,"kind":"invoke","op":"write","value":1,"time":1}"#,
        r#"{"process":0,"kind":"ok","op":"read","value":1,"time":2}"#,
        r#"{"process":0,"kind":"ok","op":"write","time":3}"#,
    ];

    #[test]
    fn a_completion_that_does_not_fit_counts_for_nothing_as_in_the_joiner() {
        let (mut rewriter, mut joiner) = (Rewriter::new(Vec::new(), Format::Jsonl), Joiner::default());
        let mut fits = Vec::new();
        for (line, text) in (1..).zip(LINES) {
            let event = jsonl::parse(text.as_bytes()).unwrap();
            let joined = joiner.accept(line, event.clone());
            let rewritten = rewriter.accept(line, event);
            assert_eq!(rewritten.is_ok(), joined.is_ok(), "line {line}: {rewritten:?}");
            fits.push(joined.is_ok());
        }
        assert_eq!(fits, [true, false, true]);
    }
}
