//! `cargo xtask sim` and `explore`: build the simulator's programs in release and hand them their arguments.

#[cfg(test)]
mod deploy;

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::command::Cmd;
use crate::evidence::git;
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
    let told = known(&args.args)?;
    let words = [program].into_iter().chain(args.args.iter().map(String::as_str));
    let origin = Origin::here(workspace, SIMULATED, origin::command(words));
    Cmd::path(workspace.release_binary(program), [])
        .args(absolute(&told)?)
        .env(origin::VARIABLE, origin.told())
        .run(workspace)
}

/// Consent to add up what may not belong together; of `merge`, before its files are read.
const UNKNOWN: &str = "--unknown";

/// The arguments of the program. Of results whose commits nobody knows nobody knows whether they are of the same one:
/// they are added up only with [`UNKNOWN`].
fn known(words: &[String]) -> Result<Vec<String>> {
    if words.first().is_none_or(|job| job != "merge") {
        return Ok(words.to_vec());
    }
    let before = [""].into_iter().chain(words.iter().map(String::as_str));
    let files = words.iter().zip(before).skip(1).filter(|(_, before)| *before != "--json");
    let unknown: Vec<&str> =
        files.map(|(word, _)| word.as_str()).filter(|file| is_of_unknown_commit(file)).collect();
    ensure!(
        unknown.len() < 2 || words.iter().any(|word| word == UNKNOWN),
        "nobody knows of which commits these are: {}; {UNKNOWN} takes them all the same",
        unknown.join(", ")
    );
    Ok(words.iter().filter(|word| *word != UNKNOWN).cloned().collect())
}

/// Or of one with changes on top of it. What cannot be read the program complains of.
fn is_of_unknown_commit(file: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let Ok(written) = serde_json::from_str::<Value>(&text) else { return false };
    let commits = written["origins"].as_array().into_iter().flatten().map(|origin| origin["commit"].as_str());
    let mut commits = commits.map(|commit| commit.unwrap_or(git::UNKNOWN)).peekable();
    commits.peek().is_none() || commits.any(|commit| commit == git::UNKNOWN || commit.ends_with('+'))
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
            Some(("--replay", case)) if case.parse::<u64>().is_err() => format!("--replay={}", file(case)?),
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
            ("--replay=a/b.json --lines", "--replay=HERE/a/b.json --lines"),
            ("--replay=17 --lines", "--replay=17 --lines"),
            ("merge a /b --gaps --json c", "merge HERE/a /b --gaps --json HERE/c"),
            ("figure-8 --quick", "figure-8 --quick"),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(absolute(&words).unwrap().join(" "), expected.replace("HERE", &here));
        }
    }

    #[test]
    fn results_of_unknown_commits_are_added_only_with_consent() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str, origins: &str| {
            let file = dir.path().join(name);
            fs::write(&file, format!(r#"{{ "origins": [{origins}] }}"#)).unwrap();
            file.display().to_string()
        };
        let known_one = of("a", r#"{ "commit": "abc" }"#);
        let unknown =
            [("b", r#"{ "commit": "unknown" }"#), ("c", r#"{ "commit": "abc+" }"#), ("d", ""), ("e", "{}")];
        let words = |files: &[&String]| {
            let files = files.iter().map(|file| (*file).clone());
            ["merge".to_owned()].into_iter().chain(files).collect::<Vec<String>>()
        };
        for file in unknown.map(|(name, origins)| of(name, origins)) {
            let (one, two) = (words(&[&known_one, &file]), words(&[&file, &file]));
            assert_eq!(known(&one).unwrap(), one);
            assert!(known(&two).unwrap_err().to_string().contains(UNKNOWN), "{file}");
            let consented = [two.clone(), vec![UNKNOWN.to_owned()]].concat();
            assert_eq!(known(&consented).unwrap(), two, "the program does not know that word");
            // A file that is written is not added.
            let written = [one.clone(), vec!["--json".to_owned(), file.clone()]].concat();
            assert_eq!(known(&written).unwrap(), written);
        }
        let sweep = ["--seeds", "5"].map(str::to_owned);
        assert_eq!(known(&sweep).unwrap(), sweep);
    }
}
