//! Where the workspace is, and where its build products go.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directories that every job works in.
pub(crate) struct Workspace {
    /// Of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Build products: `CARGO_TARGET_DIR`, else `target/` in the root.
    pub(crate) target: PathBuf,
    /// This program, remembered at the start: a step may build a newer one in its place.
    pub(crate) xtask: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Workspace> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root =
            manifest.parent().context("xtask has no parent directory; build it inside its workspace")?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        let xtask = env::current_exe().context("finding the running xtask; start it with `cargo xtask`")?;
        Ok(Workspace { root: root.to_path_buf(), target, xtask })
    }

    /// One for tests, in a directory of its own: by a name that two tests gave, one would delete the other's.
    #[cfg(test)]
    pub(crate) fn made_up() -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let path = || dir.path().to_path_buf();
        let workspace = Workspace { root: path(), target: path(), xtask: path() };
        (dir, workspace)
    }

    /// A program built by `cargo build --release`.
    pub(crate) fn release_binary(&self, name: &str) -> PathBuf {
        self.binary("release", name)
    }

    /// A program built with this profile.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}
