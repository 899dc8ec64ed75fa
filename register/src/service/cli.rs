//! The commands of `raft-register`: what the words mean, and how each ends.

mod bench;
mod cert;
mod debug;
mod kv;
mod output;
mod serve;
mod session;
mod status;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::config::parse_duration;
use super::exit::{self, Exit};
use crate::load::LoadArgs;

/// A linearizable replicated register: server, client and administration in one program.
#[derive(Debug, Parser)]
#[command(name = "raft-register", version, after_help = exit::help())]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Client addresses of the nodes, host:port, separated by commas
    #[arg(long, global = true, value_delimiter = ',')]
    endpoints: Vec<String>,
    /// Where the certificates are
    #[arg(long, global = true, default_value = "certs")]
    certs_dir: PathBuf,
    /// Which client of that directory to be; not needed if there is just one
    #[arg(long, global = true)]
    client: Option<String>,
    /// For people or for programs
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// How long to try, like 500ms, 5s or 1m
    #[arg(long, global = true, default_value = "5s", value_parser = parse_duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node
    Serve {
        /// The node's configuration
        #[arg(long)]
        config: PathBuf,
        /// Logs on standard error as JSON
        #[arg(long)]
        log_json: bool,
    },
    /// Make certificates in --certs-dir
    #[command(subcommand)]
    Cert(CertCommand),
    /// Print the value of a key
    Get {
        /// The key
        key: OsString,
        /// The bytes of the value and nothing else, not even a newline
        #[arg(long)]
        raw: bool,
    },
    /// Set a key
    Put {
        /// The key
        key: OsString,
        /// The value; from standard input if not given
        value: Option<OsString>,
    },
    /// Set a key if it holds what is expected: `cas KEY FROM TO`, or `cas KEY TO` with a condition
    Cas(Cas),
    /// Remove a key
    Del {
        /// The key
        key: OsString,
    },
    /// Ask every endpoint for its status
    Status,
    /// Put a running cluster under load, and say how it did
    ///
    /// It writes to the cluster that it is pointed at, under keys that begin with `load/`, as fast as the cluster
    /// answers: whoever else uses that cluster will notice. Its keys stay behind. --timeout holds for each operation.
    ///
    /// It ends well if any operation was answered. With `-o json` it prints `begun` when the warming up is over, and at
    /// the end what it measured, latencies in nanoseconds with how often each occurred.
    Bench(LoadArgs),
    /// Look into the data directory of a node that does not run
    #[command(subcommand)]
    Debug(DebugCommand),
}

#[derive(Debug, Subcommand)]
enum DebugCommand {
    /// The log's files
    #[command(subcommand)]
    Wal(WalCommand),
    /// Term, vote, the log's ends, the membership
    State {
        /// The data directory
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum WalCommand {
    /// Every batch in every segment, and what stands between them that is none
    Dump {
        /// The data directory
        dir: PathBuf,
    },
    /// Whether all that was durable is still what was written, and what to do if not
    Verify {
        /// The data directory
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Cas {
    /// The key
    key: OsString,
    /// FROM TO, or just TO with --if-version or --missing; TO from standard input if not given
    #[arg(num_args = 0..=2)]
    values: Vec<OsString>,
    /// Expect the value of just this version
    #[arg(long, value_name = "N", conflicts_with = "missing")]
    if_version: Option<u64>,
    /// Expect no value
    #[arg(long)]
    missing: bool,
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Make the two authorities of a new cluster
    Init {
        /// The cluster's name: a-z, 0-9 and '-'
        #[arg(long)]
        cluster: String,
    },
    /// Make a node's certificate
    CreateNode {
        /// The node
        id: u64,
        /// DNS names and IP addresses under which clients reach it
        #[arg(long, value_delimiter = ',')]
        san: Vec<String>,
    },
    /// Make a client's certificate
    CreateClient {
        /// The client's name
        name: String,
    },
}

/// How a command ended that did not end well: the code, and a sentence for a person.
#[derive(Debug)]
struct Ended {
    exit: Exit,
    why: String,
}

impl Ended {
    fn new(exit: Exit, why: impl Into<Box<dyn Error + Send + Sync>>) -> Ended {
        Ended { exit, why: why.into().to_string() }
    }
}

/// Reads the command line, does what it says, and says how that ended.
#[must_use]
pub fn main() -> Exit {
    let Cli { global, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where standard output is closed there is no one to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    match run(&global, command) {
        Ok(exit) => exit,
        Err(Ended { exit, why }) => {
            output::failure(global.output, exit, &why);
            exit
        }
    }
}

fn run(global: &Global, command: Command) -> Result<Exit, Ended> {
    match command {
        Command::Serve { config, log_json } => serve::serve(&config, log_json),
        Command::Cert(command) => cert::cert(&global.certs_dir, command),
        Command::Get { key, raw } => kv::get(global, key, raw),
        Command::Put { key, value } => kv::put(global, key, value),
        Command::Cas(cas) => kv::cas(global, cas),
        Command::Del { key } => kv::delete(global, key),
        Command::Status => status::status(global),
        Command::Bench(args) => bench::bench(global, &args),
        Command::Debug(command) => debug::debug(global.output, command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_has_the_exit_codes() {
        let help = Cli::command().render_help().to_string();
        for (_, text) in Exit::TABLE {
            assert!(help.contains(text), "{text}");
        }
    }
}
