//! A first line that says what the file is for, a length that can be read in one go, and words
//! that must not stay.

use super::modules::Modules;
use super::{Finding, Tree, source};

const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Written in halves: this file is checked as well.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// A place outside the repository, which only tests may look for (and must do without).
const OUTSIDE: &str = concat!("..", "/shared");

pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust_files() {
        if !text.starts_with("//!") {
            let what = "the first line must be `//!` and say what the file is for";
            findings.push(Finding::error(path, 1, what));
        }
        let lines = text.lines().count();
        if lines > TOO_LONG {
            let what = format!("{lines} lines, at most {TOO_LONG} are allowed: split it by idea");
            findings.push(Finding::error(path, 0, what));
        } else if lines > LONG {
            findings.push(Finding::warning(path, 0, format!("{lines} lines; most files have 100 to 300")));
        }
        for word in UNFINISHED {
            for at in source::find_word(text, word) {
                let what = format!("`{word}` in merged code: do it, or open an issue");
                findings.push(Finding::error(path, source::line_of(text, at), what));
            }
        }
        if !modules.for_tests(path) {
            // Strings count: that is where a path would be. Test modules do not.
            let tests_start = text.find("#[cfg(test)]").unwrap_or(text.len());
            for (at, _) in text[..tests_start].match_indices(OUTSIDE) {
                let what = format!("`{OUTSIDE}` is outside the repository: only tests may look there");
                findings.push(Finding::error(path, source::line_of(text, at), what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tree = Tree::made_up([("raft/src/lib.rs", text)]);
        check(&tree, &Modules::of(&tree)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_says_first_what_it_is_for() {
        assert_eq!(findings("//! Raft.\n").len(), 0);
        assert_eq!(findings("// Raft.\n").len(), 1);
    }

    #[test]
    fn unfinished_work_is_found_in_comments_too() {
        for word in UNFINISHED {
            let found = findings(&format!("//! Raft.\n\n// {word}: later\n"));
            assert!(found[0].starts_with("error: raft/src/lib.rs:3:"), "{found:?}");
        }
    }

    #[test]
    fn only_tests_look_outside_the_repository() {
        assert_eq!(findings(&format!("//! Raft.\nconst A: &str = \"{OUTSIDE}/x\";\n")).len(), 1);
        assert_eq!(findings(&format!("//! Raft.\n#[cfg(test)]\nmod t {{ /* {OUTSIDE} */ }}\n")).len(), 0);
    }

    #[test]
    fn long_files_are_warned_of_and_longer_ones_refused() {
        assert!(findings(&"//!\n".repeat(401))[0].starts_with("warning"));
        assert!(findings(&"//!\n".repeat(601))[0].starts_with("error"));
    }
}
