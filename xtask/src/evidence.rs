//! Files that say what was tried, at which commit, and what came of it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// The commit that is checked out; with `+` where files differ from it.
pub(crate) fn commit(workspace: &Workspace) -> Result<String> {
    let say = |args: [&str; 3]| -> Result<Vec<String>> {
        let outcome = Cmd::path("git", args).watch(workspace, false)?;
        ensure!(outcome.success, "git {args:?}: {}", outcome.lines.join("\n"));
        Ok(outcome.lines)
    };
    let head = say(["rev-parse", "--short=12", "HEAD"])?.concat();
    let changed = say(["status", "--porcelain", "--untracked-files=no"])?;
    Ok(if changed.is_empty() { head } else { format!("{head}+") })
}

/// Writes a file for people and programs.
pub(crate) fn write(file: &Path, content: &Value) -> Result<()> {
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let text = serde_json::to_string_pretty(content).context("writing JSON")? + "\n";
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
