//! Builds with the bugs in them. Only the crates of this workspace are compiled for it: what they depend on is what other
//! builds have left. The programs go to a directory of their own, where nobody takes them for those without bugs.

use std::path::PathBuf;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// Puts `--cfg seeded_bugs` behind what the compiler is called with. Cargo counts it to what a crate's file is named for,
/// so both kinds lie beside each other.
const WRAPPER: &str = "xtask/src/seeded_bugs/rustc-with-bugs";

/// What this cargo command builds has the bugs in it.
pub(super) fn with_bugs(workspace: &Workspace, cargo: Cmd) -> Cmd {
    let said = |path: PathBuf| path.to_string_lossy().into_owned();
    cargo
        .args(["--target-dir".to_owned(), said(target(workspace))])
        .env("CARGO_BUILD_BUILD_DIR", said(workspace.target.clone()))
        .env("RUSTC_WORKSPACE_WRAPPER", said(workspace.root.join(WRAPPER)))
}

/// A program that was built so, for release.
pub(super) fn program(workspace: &Workspace, name: &str) -> PathBuf {
    target(workspace).join("release").join(name)
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("seeded-bugs")
}
