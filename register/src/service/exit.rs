//! Exit codes: one table, from which `--help` is written too.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// How the program ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Exit { $(#[doc = $text] $name = $code,)* }

        impl Exit {
            /// Every code with what it means.
            pub const TABLE: &[(u8, &str)] = &[$(($code, $text),)*];
        }
    };
}
codes! {
    Done = 0, "done";
    Error = 1, "an error that no other code names";
    Usage = 2, "wrong usage or configuration; nothing was tried";
    Unavailable = 3, "no quorum, no leader or no node reachable; nothing was done";
    NotAuthorised = 4, "not authorised: a certificate was refused; nothing was done";
    Unknown = 5, "outcome unknown: the write may or may not have taken effect";
    KeyMissing = 6, "the key has no value";
    NotSwapped = 7, "the compare-and-set found something else and changed nothing";
    StorageFailed = 10, "serve: storage failed or is damaged; do not restart without looking";
    WrongDirectory = 11, "serve: the data directory is in use, or another node's or cluster's";
    BootstrapRefused = 12, "serve: bootstrap refused: the cluster knows this node with other data";
    PortBusy = 13, "serve: an address cannot be listened on";
    Broken = 14, "serve: a broken invariant or a panic; do not restart without looking";
    NoRoom = 15, "serve: the disk has no room to start; free some space and start again";
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit as u8)
    }
}

/// The table as text.
#[must_use]
pub fn help() -> String {
    let rows = Exit::TABLE.iter().map(|(code, text)| format!("  {code:>2}  {text}\n"));
    format!("Exit codes:\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_order() {
        assert!(Exit::TABLE.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
