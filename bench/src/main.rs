//! `bench`: runs real clusters, breaks them, and says what came of it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Context, Result};
use bench::demo::{self, DemoArgs};
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
    match run(&cli) {
        Ok(Summary::Linearizable) => ExitCode::SUCCESS,
        Ok(Summary::NotLinearizable) => ExitCode::from(1),
        Ok(Summary::Unknown) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(NO_VERDICT)
        }
    }
}

fn run(cli: &Cli) -> Result<Summary> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let Command::Demo(args) = &cli.command;
        // When the run is dropped, so are its nodes, and with them their processes.
        tokio::select! {
            verdict = demo::run(args) => verdict,
            _ = interrupt.recv() => anyhow::bail!("interrupted; the nodes were ended"),
            _ = terminate.recv() => anyhow::bail!("terminated; the nodes were ended"),
        }
    })
}
