//! One run of cargo-mutants: the tests must pass without a mutant first, and what it leaves says of which sources it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::draw::Drawn;
use crate::command::Cmd;
use crate::evidence::origin::Origin;
use crate::workspace::Workspace;

/// Tests hang that take so many times what they take without a mutant.
pub(super) const HANGS: f64 = 5.0;

/// Tests that take seconds; the second stage has them.
const SLOW: [&str; 3] = [
    "every_flipped_bit_is_harmless_or_named_or_only",
    "what_was_followed_is_what_is_read_anew",
    "the_replies_of_a_session_are_bounded",
];

/// A mutant is done with at its first failure: others may hang. Not stable: see [`mutants`].
const FAIL_FAST: [&str; 2] = ["-Zunstable-options", "--fail-fast"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Quick,
    Whole,
}

/// What a stage says of itself, beside its outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) stage: Stage,
    pub(super) origin: Origin,
    pub(super) drawn: Drawn,
    /// The mutants that it is to try: cargo-mutants tries more than it is told.
    pub(super) names: BTreeSet<String>,
}

const BEGUN: &str = "stage.json";

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Stage::Quick => "quick",
            Stage::Whole => "whole",
        }
    }

    /// Of one try: `whole`, `whole-2` and so on. The first stage is tried but once.
    fn dir(self, workspace: &Workspace, number: usize) -> PathBuf {
        let name = if number < 2 { self.name().to_owned() } else { format!("{}-{number}", self.name()) };
        workspace.target.join("mutants").join(name)
    }

    fn tries(self, workspace: &Workspace) -> impl Iterator<Item = PathBuf> {
        (1..).map(move |number| self.dir(workspace, number)).take_while(|dir| dir.exists())
    }

    /// Where nothing is yet.
    fn next_try(self, workspace: &Workspace) -> PathBuf {
        self.dir(workspace, self.tries(workspace).count() + 1)
    }
}

/// What the last run left, in the order in which it was tried.
pub(super) fn left(workspace: &Workspace) -> Vec<PathBuf> {
    [Stage::Quick, Stage::Whole].into_iter().flat_map(|stage| stage.tries(workspace)).collect()
}

impl Begun {
    pub(super) fn read(dir: &Path) -> Result<Begun> {
        let file = dir.join(BEGUN);
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(dir.join(BEGUN), text).with_context(|| dir.display().to_string())
    }

    /// Whether the outcomes of both can stand in one account.
    pub(super) fn goes_with(&self, other: &Begun) -> bool {
        (&self.origin.commit, &self.drawn) == (&other.origin.commit, &other.drawn)
    }
}

/// The first stage begins a run: nothing of an earlier one stays.
pub(super) fn quick(workspace: &Workspace, begun: &Begun, jobs: u32) -> Result<PathBuf> {
    left(workspace).iter().try_for_each(|dir| remove(dir))?;
    let skipped = SLOW.iter().flat_map(|test| ["--skip", test]);
    let tests = ["--cargo-arg=--lib", "--", "--"].into_iter().chain(FAIL_FAST).chain(skipped);
    run(workspace, begun, tests, jobs)
}

/// The second stage: all tests, for these. What earlier tries of it left stays.
pub(super) fn whole(workspace: &Workspace, begun: &Begun, jobs: u32) -> Result<PathBuf> {
    let tests = ["--cargo-arg=--tests", "--", "--"].into_iter().chain(FAIL_FAST);
    run(workspace, begun, tests, jobs)
}

/// `tests` says first which there are: to the build too, which `--cargo-test-arg` would not tell.
fn run<'a>(
    workspace: &Workspace,
    begun: &Begun,
    tests: impl Iterator<Item = &'a str>,
    jobs: u32,
) -> Result<PathBuf> {
    let dir = begun.stage.next_try(workspace);
    fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    begun.write(&dir)?;
    let config = dir.join("mutants.toml");
    fs::write(&config, only(&begun.names)?).with_context(|| config.display().to_string())?;
    let command = mutants(&dir, jobs).args(["--config".to_owned(), config.display().to_string()]);
    let command = command.args(tests.map(str::to_owned));
    let code = command.run(workspace)?;
    ensure!(has_judged(code), "cargo-mutants came to no result; do the tests pass as they are?");
    Ok(dir)
}

/// All mutants were caught; some passed; some hung. Anything else, failed tests without a mutant among it, is no result.
fn has_judged(code: ExitCode) -> bool {
    [0, 2, 3].map(ExitCode::from).contains(&code)
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Tests are told that they may use what is not stable; the compiler is not told.
fn mutants(dir: &Path, jobs: u32) -> Cmd {
    let command = Cmd::cargo(["mutants", "--package", "raft", "--profile", "mutants", "--baseline", "run"]);
    let runner = r#"--config=target."cfg(all())".runner=["env", "RUSTC_BOOTSTRAP=1"]"#;
    let options = ["--build-timeout", "300", "--shuffle", "--cargo-arg", runner].map(str::to_owned);
    let (hangs, jobs, dir) = (HANGS.to_string(), jobs.to_string(), dir.display().to_string());
    let told = ["--timeout-multiplier".to_owned(), hangs, "--jobs".to_owned(), jobs];
    // Jobs that build in one directory run each other's mutants.
    command
        .unset("CARGO_TARGET_DIR")
        .env("CARGO_INCREMENTAL", "1")
        .args(options)
        .args(told)
        .args(["--output".to_owned(), dir])
}

/// What cargo-mutants is configured with in the place of `.cargo/mutants.toml`: of the names that this one left, these.
/// Fields that are left out of a struct are tried whatever their names (27.1.0), but only in these files.
fn only(names: &BTreeSet<String>) -> Result<String> {
    let files: BTreeSet<&str> = names.iter().filter_map(|name| Some(name.split_once(':')?.0)).collect();
    let list = |words: Vec<String>| toml::Value::try_from(words);
    let mut config = toml::Table::new();
    config.insert("examine_globs".to_owned(), list(files.into_iter().map(str::to_owned).collect())?);
    config.insert("examine_re".to_owned(), list(names.iter().map(|name| exactly(name)).collect())?);
    Ok(toml::to_string(&config)?)
}

/// A regular expression for a name.
fn exactly(name: &str) -> String {
    let mut pattern = "^".to_owned();
    for c in name.chars() {
        if !c.is_alphanumeric() && !" _/:<>&'\",".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself() {
        let name =
            "raft/src/wal.rs:1:2: replace <impl A for B<'_, D>>::f -> Option<(u8, &[u8])> with None in a + b";
        let expected = r"^raft/src/wal\.rs:1:2: replace <impl A for B<'_, D>>::f \-> Option<\(u8, &\[u8\]\)> with None in a \+ b$";
        assert_eq!(exactly(name), expected);
    }

    #[test]
    fn a_file_is_named_once() {
        let names = ["a.rs:1:2: x", "a.rs:3:4: y", "b.rs:1:2: z"].map(str::to_owned).into();
        let config: toml::Table = only(&names).unwrap().parse().unwrap();
        assert_eq!(config["examine_globs"], toml::Value::try_from(["a.rs", "b.rs"]).unwrap());
        assert_eq!(config["examine_re"][0].as_str(), Some(r"^a\.rs:1:2: x$"));
    }

    #[test]
    fn only_a_run_that_judged_mutants_is_a_result() {
        assert!([0, 2, 3].map(ExitCode::from).into_iter().all(has_judged));
        // Usage, tests that fail without a mutant, a fault of its own.
        assert!(![1, 4, 70].map(ExitCode::from).into_iter().any(has_judged));
    }

    #[test]
    fn a_new_try_stands_beside_the_earlier_ones() {
        let (_dir, workspace) = Workspace::made_up();
        for stage in [Stage::Whole, Stage::Quick, Stage::Whole, Stage::Whole] {
            fs::create_dir_all(stage.next_try(&workspace)).unwrap();
        }
        let names = left(&workspace).into_iter().map(|dir| dir.file_name().unwrap().to_owned());
        assert_eq!(names.collect::<Vec<_>>(), ["quick", "whole", "whole-2", "whole-3"]);
    }

    #[test]
    fn a_stage_is_known_by_what_it_left() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let origin = |commit: &str| Origin {
            commit: commit.to_owned(),
            date: String::new(),
            command: String::new(),
            machine: String::new(),
        };
        let begun = |commit, seed| Begun {
            stage: Stage::Quick,
            origin: origin(commit),
            drawn: Drawn { of: 9, sample: 3, seed: Some(seed), file: None },
            names: BTreeSet::new(),
        };
        assert!(Begun::read(root).is_err(), "nobody says of what it is");
        begun("a", 1).write(root).unwrap();
        let read = Begun::read(root).unwrap();
        assert!(read.goes_with(&begun("a", 1)));
        assert!(!read.goes_with(&begun("b", 1)) && !read.goes_with(&begun("a", 2)));
    }
}
