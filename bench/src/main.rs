//! `bench`: runs real clusters, breaks them, and says what came of it.
#![forbid(unsafe_code)]

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::bare::{self, BareArgs};
use bench::demo::{self, DemoArgs};
use bench::suite::driver::Threads;
use bench::suite::limits::echo::{self, EchoArgs};
use bench::suite::ran::Ran;
use bench::suite::results::Results;
use bench::suite::{self, SuiteArgs};
use clap::{Parser, Subcommand};
use history_checker::Summary;
use tokio::signal::unix::{SignalKind, signal};

/// Runs real clusters, breaks them, and says what came of it.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Three nodes, concurrent clients, a leader killed and a node paused: is it linearizable?
    ///
    /// Exit status: 0 linearizable, 1 not linearizable, 2 undecided, 3 the run itself failed.
    Demo(DemoArgs),
    /// Everything that is measured: limits, libraries, the service, faults, recovery, checker, simulator
    Suite(SuiteArgs),
    /// Two results of `suite` beside each other: what got worse beyond noise
    Compare {
        /// The earlier results.json
        before: PathBuf,
        /// The later one
        after: PathBuf,
    },
    /// The core alone, for `suite`
    #[command(hide = true)]
    Core {
        #[arg(long)]
        batch: u64,
        #[arg(long)]
        seconds: f64,
    },
    /// Driver and state machine in one process, for `suite`
    #[command(hide = true)]
    Driver {
        #[arg(long)]
        proposers: usize,
        #[arg(long)]
        seconds: f64,
        #[arg(long, value_enum)]
        threads: Threads,
    },
    /// The processes of the suite's yardstick
    #[command(hide = true)]
    Bare(BareArgs),
    /// The other process of the suite's round trips
    #[command(hide = true)]
    Echo(EchoArgs),
}

/// The run itself failed; below that the status is the verdict's.
const NO_VERDICT: u8 = 3;

fn main() -> ExitCode {
    // Clap's own status for a wrong command line is 2, which is a verdict here.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            let wrong = answer.use_stderr();
            // Help that cannot be printed is no reason for another status.
            let _ = answer.print();
            return if wrong { ExitCode::from(NO_VERDICT) } else { ExitCode::SUCCESS };
        }
    };
    match run(&cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(NO_VERDICT)
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => Ok(status(until_interrupted(demo::run(args))?)),
        Command::Suite(args) => {
            let results = until_interrupted(suite::run(args))?;
            print!("{}", suite::table::text(&results));
            println!("\n{}", args.report().display());
            Ok(if results.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO_VERDICT) })
        }
        Command::Compare { before, after } => {
            print!("{}", suite::compare::words(&Results::read(before)?, &Results::read(after)?));
            Ok(ExitCode::SUCCESS)
        }
        Command::Bare(args) => bare::run(args).map(|()| ExitCode::SUCCESS),
        Command::Echo(args) => echo::run(args).map(|()| ExitCode::SUCCESS),
        Command::Core { batch, seconds } => say(&suite::core::measure(*batch, length(*seconds)?)?),
        Command::Driver { proposers, seconds, threads } => {
            let measured = suite::driver::measure(*proposers, length(*seconds)?, *threads);
            say(&threads.runtime()?.block_on(measured)?)
        }
    }
}

fn length(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).with_context(|| format!("--seconds {seconds} is no length of time"))
}

/// As the suite reads it.
fn say(ran: &Ran) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(ran)?);
    Ok(ExitCode::SUCCESS)
}

fn status(verdict: Summary) -> ExitCode {
    match verdict {
        Summary::Linearizable => ExitCode::SUCCESS,
        Summary::NotLinearizable => ExitCode::from(1),
        Summary::Unknown => ExitCode::from(2),
    }
}

/// When the run is dropped, so are its nodes, and with them their processes.
fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        tokio::select! {
            done = work => done,
            _ = interrupt.recv() => anyhow::bail!("interrupted; the nodes were ended"),
            _ = terminate.recv() => anyhow::bail!("terminated; the nodes were ended"),
        }
    })
}
