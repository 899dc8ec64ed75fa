//! Results that are kept: what a run wrote, and of which sources it speaks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::git::{Git, Trees};
use super::kinds::{KINDS, Kind};
use super::origin::Origin;
use crate::workspace::Workspace;

/// A file of `docs/evidence/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// One; more where shards were added up, all of one commit.
    pub(super) origins: Vec<Origin>,
    /// What its sources were; empty if that is not known.
    #[serde(default)]
    pub(super) sources: Trees,
    /// By a run of minutes: no numbers are asked of it, and it replaces none that took longer.
    #[serde(default)]
    pub(super) quick: bool,
    pub(super) result: Value,
}

/// `docs/evidence/as-of.json`: what records are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AsOf {
    pub(super) commit: String,
    pub(super) date: String,
    pub(super) sources: Trees,
}

/// All that the page is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) as_of: AsOf,
    by_kind: BTreeMap<&'static str, Record>,
}

const DIR: &str = "docs/evidence";
const AS_OF: &str = "as-of";

impl Record {
    /// What a job wrote with `--json`; it says itself how it came about.
    pub(super) fn of(workspace: &Workspace, kind: &Kind, mut written: Value) -> Result<Record> {
        let origins = written.as_object_mut().and_then(|object| object.remove("origins"));
        let origins =
            origins.map(serde_json::from_value::<Vec<Origin>>).transpose().context("its origins")?;
        let origins = origins.unwrap_or_default();
        let Some(first) = origins.first() else {
            bail!("it does not say of which commit it is: was it written by `cargo xtask … --json FILE`?");
        };
        let sources = Git::of(workspace).trees(&first.commit, kind.sources);
        let quick = format!("cargo xtask {}", kind.quick.join(" "));
        let quick = kind.has_quick() && origins.iter().all(|origin| without_jobs(&origin.command) == quick);
        Ok(Record { origins, sources, quick, result: written })
    }

    pub(super) fn write(&self, workspace: &Workspace, kind: &Kind) -> Result<()> {
        write(workspace, kind.name, &serde_json::to_value(self)?)
    }

    pub(super) fn commit(&self) -> &str {
        self.origins.first().map_or(super::git::UNKNOWN, |origin| &origin.commit)
    }

    /// Sources of its kind that are not what they were; all of them if nobody knows what they were.
    pub(super) fn changed(&self, kind: &Kind, as_of: &AsOf) -> Vec<&'static str> {
        let same = |path: &str| match (self.sources.get(path), as_of.sources.get(path)) {
            (Some(then), Some(now)) => then == now,
            // It was not there, and is not.
            (None, None) => !self.sources.is_empty(),
            _ => false,
        };
        kind.sources.iter().copied().filter(|path| !same(path)).collect()
    }
}

impl AsOf {
    /// The sources as they are, committed or not.
    pub(super) fn now(workspace: &Workspace) -> AsOf {
        let git = Git::of(workspace);
        let mut paths: Vec<&str> = KINDS.iter().flat_map(|kind| kind.sources).copied().collect();
        paths.sort_unstable();
        paths.dedup();
        let commit = git.head(&paths);
        let date = git.date(&commit);
        // What has changes that no commit has is like nothing that was recorded.
        let trees = paths.iter().flat_map(|path| git.trees(&git.head(&[path]), &[path]));
        AsOf { sources: trees.collect(), commit, date }
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        write(workspace, AS_OF, &serde_json::to_value(self)?)
    }
}

impl Records {
    pub(super) fn read(workspace: &Workspace) -> Result<Records> {
        let mut records =
            Records { as_of: read(workspace, AS_OF)?.unwrap_or_default(), ..Records::default() };
        for kind in KINDS {
            if let Some(record) = read(workspace, kind.name)? {
                records.by_kind.insert(kind.name, record);
            }
        }
        Ok(records)
    }

    pub(super) fn of(&self, kind: &Kind) -> Option<&Record> {
        self.by_kind.get(kind.name)
    }

    #[cfg(test)]
    pub(super) fn made_up<const N: usize>(as_of: AsOf, records: [(&'static str, Record); N]) -> Records {
        Records { as_of, by_kind: records.into() }
    }
}

/// How many things ran at once says nothing of how much ran.
fn without_jobs(command: &str) -> String {
    let mut words = command.split(' ');
    let mut left = Vec::new();
    while let Some(word) = words.next() {
        if word == "--jobs" {
            words.next();
        } else if !word.starts_with("--jobs=") {
            left.push(word);
        }
    }
    left.join(" ")
}

fn path(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join(DIR).join(format!("{name}.json"))
}

fn read<T: for<'a> Deserialize<'a>>(workspace: &Workspace, name: &str) -> Result<Option<T>> {
    let path = path(workspace, name);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).map(Some).with_context(|| path.display().to_string())
}

fn write(workspace: &Workspace, name: &str, value: &Value) -> Result<()> {
    let path = path(workspace, name);
    fs::create_dir_all(workspace.root.join(DIR))?;
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())
}
