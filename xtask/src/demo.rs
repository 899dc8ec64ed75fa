//! `cargo xtask demo`: builds the two programs that the demo needs, and runs it.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Passed on to `bench demo`.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// How long the clients run, in seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// Concurrent clients
    #[arg(long)]
    clients: Option<usize>,
    /// Repeats the same workload and the same plan of faults
    #[arg(long)]
    seed: Option<u64>,
    /// Where certificates, logs, data and the report go
    #[arg(long)]
    dir: Option<String>,
    /// More arguments for `bench demo`, after `--`
    #[arg(last = true)]
    more: Vec<String>,
}

/// The demo's exit status is passed on: 0 linearizable, 1 not, 2 undecided, 3 it could not be run.
pub(crate) fn run(workspace: &Workspace, args: &DemoArgs) -> Result<ExitCode> {
    let build = build().run(workspace)?;
    if build != ExitCode::SUCCESS {
        return Ok(build);
    }
    let mut more = Vec::new();
    let mut pass = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            more.extend([name.to_owned(), value]);
        }
    };
    pass("--seconds", args.seconds.map(|n| n.to_string()));
    pass("--clients", args.clients.map(|n| n.to_string()));
    pass("--seed", args.seed.map(|n| n.to_string()));
    pass("--dir", args.dir.clone());
    more.extend(args.more.iter().cloned());
    Cmd::path(workspace.release_binary("bench"), ["demo"]).args(more).run(workspace)
}

/// Both programs in one build: `bench` looks for `raft-register` beside itself.
pub(crate) fn build() -> Cmd {
    Cmd::cargo(["build", "--release", "--package", "register", "--package", "bench"])
}
