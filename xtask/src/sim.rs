//! `cargo xtask sim` and `explore`: build the simulator's programs in release and hand them their arguments.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::Cmd;
use crate::evidence::kinds::SIMULATED;
use crate::evidence::origin::{self, Origin};
use crate::workspace::Workspace;

/// Its own `--help` says what they are.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SimArgs {
    /// What it is asked; --help lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, program: &str, args: &SimArgs) -> Result<ExitCode> {
    let built =
        Cmd::cargo(["build", "--release", "--quiet", "--package", "lab", "--bin", program]).run(workspace)?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    let words = [program].into_iter().chain(args.args.iter().map(String::as_str));
    let origin = Origin::here(workspace, SIMULATED, origin::command(words));
    Cmd::path(workspace.release_binary(program), [])
        .args(args.args.iter().cloned())
        .env(origin::VARIABLE, origin.told())
        .run(workspace)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        sim: SimArgs,
    }

    #[test]
    fn every_argument_is_passed_on() {
        for args in [vec!["--seeds", "5", "--json", "a b"], vec!["merge", "x", "y"], vec!["--help"], vec![]] {
            let all = [&["xtask"], &args[..]].concat();
            assert_eq!(Cli::try_parse_from(all).ok().unwrap().sim.args, args);
        }
    }
}
