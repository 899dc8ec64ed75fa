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
        .args(absolute(&args.args)?)
        .env(origin::VARIABLE, origin.told())
        .run(workspace)
}

/// Files are meant from where the caller is; the program runs in the workspace's root.
fn absolute(words: &[String]) -> Result<Vec<String>> {
    let file = |word: &str| Ok::<_, std::io::Error>(std::path::absolute(word)?.display().to_string());
    let merges = words.first().is_some_and(|job| job == "merge");
    let mut before = "";
    let mut all = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let is_file = match before {
            "--json" => true,
            "--replay" => word.parse::<u64>().is_err(),
            _ => merges && place > 0 && !word.starts_with("--"),
        };
        all.push(match word.split_once('=') {
            _ if is_file => file(word)?,
            Some(("--json", name)) => format!("--json={}", file(name)?),
            _ => word.clone(),
        });
        before = word;
    }
    Ok(all)
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

    #[test]
    fn files_are_where_the_caller_is() {
        let here = std::env::current_dir().unwrap().display().to_string();
        for (words, expected) in [
            ("--seeds 5 --json a", "--seeds 5 --json HERE/a"),
            ("--json=a --twice 3", "--json=HERE/a --twice 3"),
            ("--replay 17 --lines", "--replay 17 --lines"),
            ("--replay a/b.json --save c", "--replay HERE/a/b.json --save c"),
            ("merge a /b --gaps --json c", "merge HERE/a /b --gaps --json HERE/c"),
            ("figure-8 --quick", "figure-8 --quick"),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(absolute(&words).unwrap().join(" "), expected.replace("HERE", &here));
        }
    }
}
