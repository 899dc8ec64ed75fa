//! The command line: one module per subcommand.

mod check;
mod convert;
mod generate;
mod input;
mod json;
mod known;
mod lint;
mod progress;
mod shrink;
mod stream;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use history_checker::{FailedCas, ModelKind, Summary};

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
    /// Write a history in JSON lines: of a correct object unless something is planted. Exit code: 0, or 3.
    Generate(generate::Args),
    /// Write a history in the other format. Exit code: 0 done, 3 bad file.
    Convert(convert::Args),
    /// Write the few operations that prove a violation as a history of their own. Exit codes as of check.
    Shrink(shrink::Args),
}

/// What a history is of.
#[derive(Clone, Copy, ValueEnum)]
enum ModelArg {
    /// One register: read, write.
    Register,
    /// One register: read, write, cas.
    CasRegister,
    /// A register for each key: read, write, cas.
    Map,
    /// A counter for each key: add, read.
    Counter,
    /// A set for each key: add, remove, read.
    Set,
    /// A first-in-first-out queue for each key: enqueue, dequeue.
    Queue,
}

/// What a cas that is recorded as `fail` says.
#[derive(Clone, Copy, ValueEnum)]
enum FailedCasArg {
    /// The register did not hold what was expected.
    Observe,
    /// Nothing.
    Drop,
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

impl From<ModelArg> for ModelKind {
    fn from(model: ModelArg) -> ModelKind {
        match model {
            ModelArg::Register => ModelKind::Register,
            ModelArg::CasRegister => ModelKind::CasRegister,
            ModelArg::Map => ModelKind::Map,
            ModelArg::Counter => ModelKind::Counter,
            ModelArg::Set => ModelKind::Set,
            ModelArg::Queue => ModelKind::Queue,
        }
    }
}

impl From<FailedCasArg> for FailedCas {
    fn from(failed_cas: FailedCasArg) -> FailedCas {
        match failed_cas {
            FailedCasArg::Observe => FailedCas::Observe,
            FailedCasArg::Drop => FailedCas::Drop,
        }
    }
}
