//! Which files belong to a crate: those that a `mod` declares, starting at the roots that Cargo
//! knows. Everything else under `src/` is dead; nobody compiles it, and nobody notices.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Tree, source};

/// What the `mod` declarations of a tree reach.
pub(super) struct Modules {
    /// Every reached file, and whether it is compiled for tests only.
    reached: BTreeMap<String, bool>,
}

struct Declaration {
    name: String,
    path: Option<String>,
    for_tests: bool,
}

impl Modules {
    pub(super) fn of(tree: &Tree) -> Modules {
        let mut modules = Modules { reached: BTreeMap::new() };
        for (path, _) in tree.rust_files() {
            if let Some(root) = Root::of(path) {
                modules.reach(tree, path, root == Root::Test, true);
            }
        }
        modules
    }

    /// Whether the file is compiled for tests only.
    pub(super) fn for_tests(&self, path: &str) -> bool {
        self.reached.get(path).copied().unwrap_or(false)
    }

    /// Dead files.
    pub(super) fn check(&self, tree: &Tree) -> Vec<Finding> {
        let dead: BTreeSet<&str> = tree
            .rust_files()
            .map(|(path, _)| path)
            .filter(|path| path.contains("/src/") && !self.reached.contains_key(*path))
            .collect();
        dead.into_iter()
            .map(|path| Finding::error(path, 0, "no `mod` declares this file: declare it or delete it"))
            .collect()
    }

    fn reach(&mut self, tree: &Tree, path: &str, for_tests: bool, root: bool) {
        let Some(text) = tree.files.get(path) else { return };
        // Compiled for tests and also otherwise counts as otherwise.
        match self.reached.get(path) {
            Some(known) if !*known || for_tests => return,
            _ => self.reached.insert(path.to_owned(), for_tests),
        };
        let (dir, file) = path.rsplit_once('/').unwrap_or(("", path));
        let own_dir = match file.trim_end_matches(".rs") {
            "mod" => dir.to_owned(),
            _ if root => dir.to_owned(),
            stem => format!("{dir}/{stem}"),
        };
        for declared in declarations(text) {
            let candidates = match &declared.path {
                Some(path) => vec![format!("{dir}/{path}")],
                None => vec![
                    format!("{own_dir}/{}.rs", declared.name),
                    format!("{own_dir}/{}/mod.rs", declared.name),
                ],
            };
            for candidate in candidates {
                self.reach(tree, &candidate, for_tests || declared.for_tests, false);
            }
        }
    }
}

/// A file at which Cargo starts a crate.
#[derive(PartialEq, Eq)]
enum Root {
    Code,
    Test,
}

impl Root {
    fn of(path: &str) -> Option<Root> {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [_, "build.rs"] | [_, .., "src", "lib.rs" | "main.rs"] => Some(Root::Code),
            [_, "src", "bin", _] | [_, "src", "bin", _, "main.rs"] => Some(Root::Code),
            [_, "tests" | "benches" | "examples", ..] => Some(Root::Test),
            _ => None,
        }
    }
}

/// The `mod name;` of a file.
fn declarations(text: &str) -> Vec<Declaration> {
    let code = source::code(text);
    let mut found = Vec::new();
    for at in source::find_word(&code, "mod") {
        let rest = &code[at + "mod".len()..];
        let Some((name, _)) = rest.split_once(';') else { continue };
        let name = name.trim().trim_start_matches("r#");
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        // Attributes stand between the item before and this one; their strings only in the text.
        let before = code[..at].rfind([';', '}', '{']).map_or(0, |end| end + 1);
        let attributes = &text[before..at];
        let path = attributes.split_once("#[path").and_then(|(_, rest)| rest.split('"').nth(1));
        found.push(Declaration {
            name: name.to_owned(),
            path: path.map(str::to_owned),
            for_tests: code[before..at].contains("cfg(test)"),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_declares_is_dead() {
        let tree = Tree::made_up([
            ("raft/src/lib.rs", "//! Raft.\n// mod dead;\nmod a; mod inline { }\n"),
            ("raft/src/a.rs", "//! A.\npub(crate) mod b;\n#[path = \"odd.rs\"]\nmod c;"),
            ("raft/src/a/b.rs", "//! B."),
            ("raft/src/odd.rs", "//! C."),
            ("raft/src/dead.rs", "//! Dead."),
            ("raft/src/bin/tool.rs", "//! A root of its own."),
            ("raft/tests/all.rs", "//! So is this."),
            ("bench/peers/src/main.rs", "//! A crate within another's directory."),
        ]);
        let findings = Modules::of(&tree).check(&tree);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].path, "raft/src/dead.rs");
    }

    #[test]
    fn files_for_tests_only_are_known() {
        let tree = Tree::made_up([
            ("raft/src/lib.rs", "//! Raft.\nmod a;\n#[cfg(test)]\nmod tests;"),
            ("raft/src/a.rs", "//! A."),
            ("raft/src/tests.rs", "//! Tests.\nmod more;"),
            ("raft/src/tests/more.rs", "//! More."),
        ]);
        let modules = Modules::of(&tree);
        assert!(!modules.for_tests("raft/src/a.rs"));
        assert!(modules.for_tests("raft/src/tests.rs") && modules.for_tests("raft/src/tests/more.rs"));
    }
}
