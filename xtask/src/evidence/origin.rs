//! Of what, by which command and where a run was made: told to the programs that run, written into their results.

use std::fs;

use serde::{Deserialize, Serialize};

use super::git::Git;
use crate::workspace::Workspace;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// With a `+` behind it if there were changes that it lacks.
    pub(crate) commit: String,
    /// Of the commit.
    pub(crate) date: String,
    /// What repeats the run.
    pub(crate) command: String,
    pub(crate) machine: String,
}

/// Where the programs of `lab` look for it.
pub(crate) const VARIABLE: &str = "RUN_ORIGIN";

impl Origin {
    /// Of a run that begins now and is about what lies at these paths.
    pub(crate) fn here(workspace: &Workspace, paths: &[&str], command: String) -> Origin {
        let git = Git::of(workspace);
        let commit = git.head(paths);
        Origin { date: git.date(&commit), commit, command, machine: machine() }
    }

    /// Of this very command, which makes a result of that kind.
    pub(crate) fn of(workspace: &Workspace, kind: &str) -> Origin {
        let words = std::env::args().skip(1).collect::<Vec<_>>();
        let sources = super::kinds::named(kind).map_or(&[][..], |kind| kind.sources);
        Origin::here(workspace, sources, command(words.iter().map(String::as_str)))
    }

    /// Whether the sources of that kind are here as they were there.
    pub(crate) fn is_of_same_sources(&self, workspace: &Workspace, kind: &str) -> bool {
        let (git, sources) =
            (Git::of(workspace), super::kinds::named(kind).map_or(&[][..], |kind| kind.sources));
        let now = git.head(sources);
        let then = git.trees(&self.commit, sources);
        self.commit == now || (!then.is_empty() && then == git.trees(&now, sources))
    }

    /// For the environment of a program.
    pub(crate) fn told(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// `cargo xtask` with these words behind it, but without `--json` and its file: where a result goes is of no interest.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut command = "cargo xtask".to_owned();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--json" {
            words.next();
        } else if !word.starts_with("--json=") {
            command = command + " " + word;
        }
    }
    command
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut parts = vec![if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") }];
    parts.extend(processor());
    parts.extend(load());
    parts.join(", ")
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = info.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What else ran.
fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(format!("load {} before it", text.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_does_not_say_where_its_result_goes() {
        let words = ["sim", "--json", "/home/a/b.json", "--seeds", "5", "--json=c"];
        assert_eq!(command(words), "cargo xtask sim --seeds 5");
    }
}
