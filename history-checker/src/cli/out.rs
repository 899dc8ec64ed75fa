//! What is said on standard output and standard error. Neither may make the program panic, nor change a verdict
//! because somebody has seen enough.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};

use super::Exit;

/// Standard output. After it has failed nothing more is written there.
#[derive(Default)]
pub(super) struct Out {
    failed: Option<io::Error>,
}

impl Out {
    /// Writes this and the end of a line, at once.
    pub(super) fn say(&mut self, what: impl Display) {
        if self.failed.is_none() {
            let mut to = BufWriter::new(io::stdout().lock());
            self.failed = writeln!(to, "{what}").and_then(|()| to.flush()).err();
        }
    }

    /// The exit code when everything has been said: a closed pipe leaves it as it is, a full disk does not.
    pub(super) fn exit(&self, exit: Exit) -> Exit {
        match &self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                complain(format_args!("error: standard output: cannot write: {error}"));
                Exit::BadFile
            }
            _ => exit,
        }
    }
}

/// Writes a line on standard error; if that is gone, nobody minds.
pub(super) fn complain(what: impl Display) {
    let _told = writeln!(io::stderr(), "{what}");
}

/// Says why a command could not do its work.
pub(super) fn refuse(error: &anyhow::Error) -> Exit {
    complain(format_args!("error: {error:#}"));
    Exit::BadFile
}
