//! `cargo xtask bench`: builds all that is measured, each as it is deployed, and hands over to `bench suite`.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// As what is deployed is built; `bench/peers/Cargo.toml` has the same settings.
const PROFILE: &str = "deployed";

/// Its own `--help` says what they are.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct BenchArgs {
    /// Groups, --quick or --full, --out DIR; or `compare BEFORE AFTER`; --help lists all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &BenchArgs) -> Result<ExitCode> {
    let build = ["build", "--profile", PROFILE, "--package", "register", "--package", "bench"];
    let built = Cmd::cargo(build).run(workspace)?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    let bench = || Cmd::path(workspace.binary(PROFILE, "bench"), []);
    if args.args.first().is_some_and(|word| word == "compare") {
        return bench().args(args.args.iter().cloned()).run(workspace);
    }
    let mut words = vec!["suite".to_owned()];
    // Alone, for features of packages that are built together add up: the simulator's are not to be measured.
    for (option, package, program) in
        [("--checker", "history-checker", "history-checker"), ("--simulator", "lab", "sim")]
    {
        let build = ["build", "--profile", PROFILE, "--package", package, "--bin", program];
        if Cmd::cargo(build).run(workspace)? == ExitCode::SUCCESS {
            words.extend([option.to_owned(), workspace.binary(PROFILE, program).display().to_string()]);
        }
    }
    let manifest = "bench/peers/Cargo.toml";
    let target = workspace.target.join("peers");
    let build = Cmd::cargo(["build", "--release", "--locked", "--manifest-path", manifest])
        .env("CARGO_TARGET_DIR", target.display().to_string());
    // Without them the suite measures ours, and says what it left out.
    if build.run(workspace)? == ExitCode::SUCCESS {
        words.extend(["--peers".to_owned(), target.join("release/peers").display().to_string()]);
    }
    bench().args(words).args(args.args.iter().cloned()).run(workspace)
}
