//! The project's own rules, checked on the text of its sources: what no compiler and no lint says.
//!
//! | file | rule |
//! |---|---|
//! | [`edges`] | which crate may depend on which |
//! | [`purity`] | what pure code must not name |
//! | [`modules`] | every file is declared by a `mod`, or is the root of something |
//! | [`text`] | a first line that says what the file is for; length; words that must not stay |
//! | [`paths`] | source files that documents name are there |
//! | [`source`] | (no rule: Rust text without its comments, strings and test modules) |

mod edges;
mod modules;
mod paths;
mod purity;
mod source;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// The files that the rules are about, by their path from the root, written with `/`.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

/// Something to change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    path: String,
    /// Counted from 1; 0 for the file as a whole.
    line: usize,
    /// What is wrong, and what to do.
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Warning,
    Error,
}

/// Checks the workspace, prints what it finds, fails if there is an error among it.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let tree = Tree::load(&workspace.root)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    println!("tidy: {} files, {errors} errors, {} warnings", tree.files.len(), findings.len() - errors);
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(tree: &Tree) -> Vec<Finding> {
    let modules = modules::Modules::of(tree);
    let mut findings = edges::check(tree);
    findings.extend(purity::check(tree, &modules));
    findings.extend(modules.check(tree));
    findings.extend(text::check(tree, &modules));
    findings.extend(paths::check(tree));
    findings
}

impl Tree {
    /// Reads the manifests and Rust sources of every member of the workspace at `root`, and its documents.
    fn load(root: &Path) -> Result<Tree> {
        let manifest = root.join("Cargo.toml");
        let manifest =
            fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
        let mut tree = Tree::default();
        for member in edges::members(&manifest) {
            tree.load_dir(root, &member)?;
        }
        tree.load_dir(root, "docs")?;
        Ok(tree)
    }

    fn load_dir(&mut self, root: &Path, dir: &str) -> Result<()> {
        let path = root.join(dir);
        for entry in fs::read_dir(&path).with_context(|| format!("listing {}", path.display()))? {
            let entry = entry.with_context(|| format!("listing {}", path.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inside = format!("{dir}/{name}");
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if entry.path().is_dir() {
                self.load_dir(root, &inside)?;
            } else if name == "Cargo.toml" || name.ends_with(".rs") || name.ends_with(".md") {
                let text = fs::read_to_string(entry.path()).with_context(|| format!("reading {inside}"))?;
                self.files.insert(inside, text);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn made_up<const N: usize>(files: [(&str, &str); N]) -> Tree {
        Tree { files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into() }
    }

    fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        let rust = self.files.iter().filter(|(path, _)| path.ends_with(".rs"));
        rust.map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

impl Finding {
    fn error(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, path: path.to_owned(), line, what: what.into() }
    }

    fn warning(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_tree_has_no_findings() {
        let tree = Tree::made_up([
            ("raft/Cargo.toml", "[package]\nname = \"raft\"\n[dependencies]\nbytes.workspace = true\n"),
            ("raft/src/lib.rs", "//! Raft.\npub mod consensus;\n"),
            ("raft/src/consensus/mod.rs", "//! The core.\nuse std::collections::BTreeMap;\n"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn findings_name_file_and_line() {
        let finding = Finding::error("raft/src/lib.rs", 3, "is wrong");
        assert_eq!(finding.to_string(), "error: raft/src/lib.rs:3: is wrong");
        let finding = Finding::warning("raft/src/lib.rs", 0, "is long");
        assert_eq!(finding.to_string(), "warning: raft/src/lib.rs: is long");
    }
}
