//! What git knows: the commit, its date, and the sources that it has.

use std::collections::BTreeMap;
use std::process::Command;

use crate::workspace::Workspace;

/// A commit, or what lies on top of it.
pub(crate) struct Git<'a> {
    workspace: &'a Workspace,
}

/// Trees of git by their paths: two that are equal hold the same files.
pub(crate) type Trees = BTreeMap<String, String>;

/// Where there is no git, or it does not know.
pub(crate) const UNKNOWN: &str = "unknown";

impl<'a> Git<'a> {
    pub(crate) fn of(workspace: &'a Workspace) -> Git<'a> {
        Git { workspace }
    }

    /// The commit in short, with a `+` behind it if these paths have changes that it lacks.
    pub(crate) fn head(&self, paths: &[&str]) -> String {
        let Some(head) = self.ask(&["rev-parse", "--short=12", "HEAD"]) else { return UNKNOWN.to_owned() };
        if self.is_changed(paths) { format!("{head}+") } else { head }
    }

    /// The day of a commit.
    pub(crate) fn date(&self, commit: &str) -> String {
        let commit = commit.trim_end_matches('+');
        self.ask(&["show", "-s", "--format=%cs", commit]).unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// What these paths held in a commit. Those that it does not have are left out, and so is everything of a commit
    /// that is followed by a `+`: what was on top of it is lost.
    pub(crate) fn trees(&self, commit: &str, paths: &[&str]) -> Trees {
        let tree = |path: &&str| {
            let name = format!("{commit}:{path}");
            Some(((*path).to_owned(), self.ask(&["rev-parse", "--verify", "--quiet", &name])?))
        };
        if commit.ends_with('+') { Trees::new() } else { paths.iter().filter_map(tree).collect() }
    }

    /// Whether a file or a directory differs from the last commit.
    fn is_changed(&self, paths: &[&str]) -> bool {
        let arguments = [&["status", "--porcelain", "--"], paths].concat();
        self.ask(&arguments).is_none_or(|list| !list.is_empty())
    }

    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git").args(arguments).current_dir(&self.workspace.root).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(workspace: &Workspace, arguments: &str) {
        let name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let arguments = name.into_iter().chain(arguments.split(' '));
        let status = Command::new("git").args(arguments).current_dir(&workspace.root).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn a_commit_has_trees_and_changes_on_top_of_it_are_told() {
        let (dir, workspace) = Workspace::made_up();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a/src")).unwrap();
        let here = Git::of(&workspace);
        std::fs::write(root.join("a/src/lib.rs"), "one").unwrap();
        git(&workspace, "init --quiet");
        assert_eq!(here.head(&["a"]), UNKNOWN);
        git(&workspace, "add .");
        git(&workspace, "commit --quiet -m first");
        let first = here.head(&["a"]);
        assert_eq!((first.len(), here.date(&first).len()), (12, "2026-01-01".len()));
        assert_eq!(here.trees(&first, &["a/src", "b"]).into_keys().collect::<Vec<_>>(), ["a/src"]);

        std::fs::write(root.join("a/src/lib.rs"), "two").unwrap();
        let changed = format!("{first}+");
        assert_eq!((here.head(&["a"]), here.head(&["b"])), (changed.clone(), first.clone()));
        assert_eq!(
            (here.trees(&changed, &["a/src"]), here.date(&changed)),
            (Trees::new(), here.date(&first))
        );
        git(&workspace, "commit --quiet -am second");
        assert_ne!(here.trees(&here.head(&["a"]), &["a/src"]), here.trees(&first, &["a/src"]));
    }
}
