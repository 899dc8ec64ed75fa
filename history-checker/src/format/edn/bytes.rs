//! The bytes of a file one by one, with the place of each.

use std::io::{self, BufRead, ErrorKind};

/// A place in the text: line and column in bytes, both counted from 1.
pub(super) type Place = (usize, usize);

pub(super) struct Bytes<R> {
    input: R,
    line: usize,
    column: usize,
    /// Bytes taken since [`Bytes::restart`].
    taken: usize,
}

impl<R: BufRead> Bytes<R> {
    pub(super) fn new(input: R) -> Bytes<R> {
        Bytes { input, line: 1, column: 1, taken: 0 }
    }

    /// The place of the next byte.
    pub(super) fn place(&self) -> Place {
        (self.line, self.column)
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn restart(&mut self) {
        self.taken = 0;
    }

    /// The next byte, left where it is; `None` at the end.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.input.consume(1);
        self.taken += 1;
        if byte == b'\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Ok(Some(byte))
    }
}
