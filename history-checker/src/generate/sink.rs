//! Where a generated history goes.

use std::io::{self, Write};

use crate::format::{Format, jsonl};
use crate::history::{History, Operation};

/// Takes what the clients of a [`Shape`](super::Shape) see, in the order of real time. An operation's number is its
/// index in [`History::operations`].
pub trait Sink {
    /// An operation was asked for; its outcome is open.
    ///
    /// # Errors
    /// Whatever stops the generation.
    fn invoked(&mut self, number: usize, operation: &Operation) -> io::Result<()>;

    /// The client knows the outcome, or knows that it will not.
    ///
    /// # Errors
    /// Whatever stops the generation.
    fn completed(&mut self, number: usize, operation: &Operation) -> io::Result<()>;
}

/// Writes [JSON lines](crate::format::jsonl). Give it a buffer.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: Write> Sink for Lines<W> {
    fn invoked(&mut self, _: usize, operation: &Operation) -> io::Result<()> {
        jsonl::write_invocation(&mut self.0, operation)
    }

    fn completed(&mut self, _: usize, operation: &Operation) -> io::Result<()> {
        jsonl::write_completion(&mut self.0, operation)
    }
}

/// Writes any [format](Format). Give it a buffer.
#[derive(Debug)]
pub struct Written<W> {
    /// Where.
    pub to: W,
    /// How.
    pub format: Format,
}

impl<W: Write> Sink for Written<W> {
    fn invoked(&mut self, _: usize, operation: &Operation) -> io::Result<()> {
        self.format.write_invocation(&mut self.to, operation)
    }

    fn completed(&mut self, _: usize, operation: &Operation) -> io::Result<()> {
        self.format.write_completion(&mut self.to, operation)
    }
}

/// A history in memory.
#[derive(Default)]
pub(super) struct InMemory {
    pub(super) history: History,
}

impl Sink for InMemory {
    fn invoked(&mut self, _: usize, operation: &Operation) -> io::Result<()> {
        self.history.push(operation.clone());
        Ok(())
    }

    fn completed(&mut self, number: usize, operation: &Operation) -> io::Result<()> {
        self.history.complete(number, operation.outcome.clone());
        Ok(())
    }
}
