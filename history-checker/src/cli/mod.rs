//! The command line: one module per subcommand.

mod check;
mod checking;
mod convert;
mod generate;
mod input;
mod interrupt;
mod json;
mod known;
mod lint;
mod out;
mod progress;
mod shrink;
mod stream;
mod table;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use history_checker::Summary;

/// Decides whether recorded histories are linearizable.
#[derive(Parser)]
#[command(name = "history-checker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check histories, in JSON lines or EDN. Exit code: 0 linearizable, 1 not, 2 unknown, 3 bad file.
    Check(check::Args),
    /// Say what histories are worth as tests. Exit code: 0, 1 if something is serious, 3 bad file.
    Lint(lint::Args),
    /// Write a history: of a correct object unless something is planted. Exit code: 0, or 3.
    Generate(generate::Args),
    /// Write a history in the other format. Exit code: 0 done, 3 bad file.
    Convert(convert::Args),
    /// Write the few operations that prove a violation as a history of their own. Exit codes as of check.
    Shrink(shrink::Args),
}

/// What became of a file, from good to bad: another order than that of the codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    Linearizable,
    Unknown,
    NotLinearizable,
    BadFile,
}

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Clap's own code for a wrong command line would read as "unknown".
        Err(error) => {
            let exit = if error.use_stderr() { Exit::BadFile } else { Exit::Linearizable };
            let _printed = error.print();
            return exit.code();
        }
    };
    let exit = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Shrink(args) => shrink::run(&args),
    };
    exit.code()
}

impl Exit {
    fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    fn number(self) -> u8 {
        match self {
            Exit::Linearizable => 0,
            Exit::NotLinearizable => 1,
            Exit::Unknown => 2,
            Exit::BadFile => 3,
        }
    }
}

impl From<Summary> for Exit {
    fn from(summary: Summary) -> Exit {
        match summary {
            Summary::Linearizable => Exit::Linearizable,
            Summary::NotLinearizable => Exit::NotLinearizable,
            Summary::Unknown => Exit::Unknown,
        }
    }
}
