//! A whole file: read in blocks of lines, parsed on several threads, joined in order.

use std::io::{ErrorKind, Read};

use rayon::prelude::*;

use super::line::{Keys, parse_with};
use crate::format::{Event, Joiner, LineError, ReadError};
use crate::history::History;

/// Bytes of a block: some thousand lines, so that handing it to another thread costs next to nothing for each.
pub(super) const BLOCK: usize = 128 << 10;

/// Blocks that are parsed at a time, while those before are joined.
const BATCH: usize = 16;

/// Reads blocks of about `size` bytes.
pub(super) fn read(input: impl Read, size: usize) -> Result<History, ReadError> {
    let mut input = Blocks { input, size, rest: Vec::new(), ended: false };
    let mut joined = Joined::default();
    let mut waiting = Vec::new();
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        let mut failed = None;
        while batch.len() < BATCH {
            match input.next() {
                Ok(Some(block)) => batch.push(block),
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        // A short file is not worth a second thread.
        let (parsed, done) = match batch.as_slice() {
            [] => (Vec::new(), joined.take(waiting)),
            [only] => (vec![Parsed::of(only)], joined.take(waiting)),
            blocks => rayon::join(|| blocks.par_iter().map(Parsed::of).collect(), || joined.take(waiting)),
        };
        done?;
        waiting = parsed;
        // What stands before the place that cannot be read may be wrong, and comes first.
        if let Some(error) = failed {
            joined.take(waiting)?;
            return Err(error.into());
        }
        if waiting.is_empty() {
            return Ok(joined.joiner.finish());
        }
    }
}

/// Cuts the input behind line ends.
struct Blocks<R> {
    input: R,
    size: usize,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    /// Whole lines; only the file's last may lack its end.
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut block = std::mem::take(&mut self.rest);
        let mut wanted = self.size;
        while !self.ended {
            let before = block.len();
            block.reserve(self.size);
            self.ended = fill(&mut self.input, &mut block, wanted)? < wanted;
            let new = block.get(before..).unwrap_or_default();
            if let Some(end) = memchr::memrchr(b'\n', new)
                && !self.ended
            {
                self.rest = block.split_off(before + end + 1);
                break;
            }
            // A line longer than a block: doubling keeps the cost of it linear.
            wanted = block.len().max(self.size);
        }
        Ok((!block.is_empty()).then_some(block))
    }
}

/// Reads `wanted` bytes more, fewer only at the end.
fn fill(input: &mut impl Read, block: &mut Vec<u8>, wanted: usize) -> std::io::Result<usize> {
    let mut read = 0;
    while read < wanted {
        match input.by_ref().take((wanted - read) as u64).read_to_end(block) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The events of a block, each with its line, counted from the block's first.
struct Parsed {
    events: Vec<(usize, Event)>,
    lines: usize,
    /// The first line that is wrong; nothing behind it is parsed.
    wrong: Option<(usize, LineError)>,
}

impl Parsed {
    fn of(block: &Vec<u8>) -> Parsed {
        let mut parsed = Parsed { events: Vec::with_capacity(block.len() / 64), lines: 0, wrong: None };
        let mut keys = Keys::default();
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (text, behind) = rest.split_at(end);
            rest = behind;
            if !text.trim_ascii().is_empty() {
                match parse_with(text, &mut keys) {
                    Ok(event) => parsed.events.push((parsed.lines, event)),
                    Err(reason) => {
                        parsed.wrong = Some((parsed.lines, reason));
                        break;
                    }
                }
            }
            parsed.lines += 1;
        }
        parsed
    }
}

#[derive(Default)]
struct Joined {
    joiner: Joiner,
    /// Of the blocks before.
    lines: usize,
}

impl Joined {
    fn take(&mut self, blocks: Vec<Parsed>) -> Result<(), ReadError> {
        for block in blocks {
            let first = self.lines + 1;
            for (line, event) in block.events {
                let line = first + line;
                self.joiner.accept(line, event).map_err(|reason| ReadError::Line { line, reason })?;
            }
            if let Some((line, reason)) = block.wrong {
                return Err(ReadError::Line { line: first + line, reason });
            }
            self.lines += block.lines;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"process":0,"kind":"invoke","op":"write","value":1,"time":1}

{"process":1,"kind":"invoke","op":"read","time":2}
{"process":1,"kind":"ok","op":"read","value":1,"time":3}
{"process":0,"kind":"ok","op":"write","time":4}"#;

    /// Blocks that end anywhere, many batches of them.
    #[test]
    fn where_blocks_end_makes_no_difference() {
        let text = [LINES; 20].join("\n");
        let whole = read(text.as_bytes(), BLOCK).unwrap();
        assert_eq!(whole.operations().len(), 40);
        for size in 1..400 {
            assert_eq!(read(text.as_bytes(), size).unwrap(), whole, "blocks of {size}");
        }
    }

    #[test]
    fn the_first_wrong_line_is_named_wherever_blocks_end() {
        let unasked = r#"{"process":9,"kind":"ok","op":"write","time":4}"#;
        for (wrong, then) in [(unasked, "{"), ("{", unasked)] {
            let text = [LINES, LINES, wrong, LINES, then, LINES].join("\n");
            for size in 1..800 {
                let Err(ReadError::Line { line: 11, .. }) = read(text.as_bytes(), size) else {
                    panic!("blocks of {size}");
                };
            }
        }
    }

    /// Fails after its text.
    struct Torn<'a>(&'a [u8]);

    impl Read for Torn<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.is_empty() {
                true => Err(std::io::Error::other("torn")),
                false => self.0.read(buffer),
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_to_its_end_is_no_history() {
        for size in 1..400 {
            assert!(matches!(read(Torn(LINES.as_bytes()), size), Err(ReadError::Io(_))), "blocks of {size}");
        }
    }
}
