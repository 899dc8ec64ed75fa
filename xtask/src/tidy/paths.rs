//! Source files that the documents name are there.

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (number, line) in text.lines().enumerate() {
            // What stands between backticks.
            let named = line.split('`').skip(1).step_by(2).flat_map(expanded);
            for name in named.filter(|name| is_source(name) && !is_there(tree, name)) {
                let what = format!("there is no `{name}`: say where it is now");
                findings.push(Finding::error(path, number + 1, what));
            }
        }
    }
    findings
}

/// `a/{b,c}.rs` is two.
fn expanded(name: &str) -> Vec<String> {
    let parts = name.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (middle, after))) = parts else { return vec![name.to_owned()] };
    middle.split(',').map(|part| format!("{before}{part}{after}")).collect()
}

fn is_source(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c));
    plain && (name.ends_with(".rs") || name.contains("src/"))
}

/// Whether a file, or a folder of files, ends like that.
fn is_there(tree: &Tree, name: &str) -> bool {
    let (name, folder) = (format!("/{}", name.trim_end_matches('/')), !name.ends_with(".rs"));
    tree.rust_files()
        .map(|(path, _)| format!("/{path}"))
        .any(|path| if folder { path.contains(&format!("{name}/")) } else { path.ends_with(&name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tree =
            Tree::made_up([("docs/a.md", text), ("raft/src/pump/disk.rs", ""), ("lab/src/run.rs", "")]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_is_named_by_the_end_of_its_path() {
        let there =
            "`raft/src/pump/disk.rs`, `disk.rs`\n`raft/src/`, `raft/src/pump/` and `{pump/disk,run}.rs`";
        assert_eq!(findings(there), [""; 0]);
        assert_eq!(findings("no file: x.rs, `*.rs`, `target/sim/`"), [""; 0]);
    }

    #[test]
    fn what_is_not_there_is_found() {
        let found = findings("first\n`driver/disk.rs`, `pump/{disk,room}.rs`, `isk.rs`, `raft/src/driver/`");
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0], "error: docs/a.md:2: there is no `driver/disk.rs`: say where it is now");
    }
}
