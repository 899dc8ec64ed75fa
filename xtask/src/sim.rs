//! `cargo xtask sim` and `explore`: build the simulator's programs in release and hand them their arguments.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::Cmd;
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
    Cmd::path(workspace.release_binary(program), []).args(args.args.iter().cloned()).run(workspace)
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
