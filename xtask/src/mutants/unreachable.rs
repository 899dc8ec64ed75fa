//! Mutants of what only a build with seeded bugs reaches: `if seeded_bug!("name") { … }`. No test could tell them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// The names of the others in a list as `cargo mutants --list --json` prints it.
pub(super) fn left_out(root: &Path, list: &Value) -> Result<Vec<String>> {
    let mut texts = BTreeMap::new();
    let mut names = Vec::new();
    for mutant in list.as_array().into_iter().flatten() {
        let (Some(name), Some(file)) = (mutant["name"].as_str(), mutant["file"].as_str()) else { continue };
        if !texts.contains_key(file) {
            let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
            texts.insert(file.to_owned(), text);
        }
        let (text, start) = (&texts[file], &mutant["span"]["start"]);
        let place = place(text, start["line"].as_u64(), start["column"].as_u64());
        if !place.is_some_and(|place| blocks(text).any(|block| block.contains(&place))) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Lines and columns count from 1.
fn place(text: &str, line: Option<u64>, column: Option<u64>) -> Option<usize> {
    let (line, column) = (usize::try_from(line?).ok()?, usize::try_from(column?).ok()?);
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    before.checked_add(column.checked_sub(1)?)
}

/// What stands behind a condition that is nothing but a seeded bug.
fn blocks(text: &str) -> impl Iterator<Item = Range<usize>> {
    ["if crate::seeded_bug!(", "if seeded_bug!("].into_iter().flat_map(move |condition| {
        text.match_indices(condition).filter_map(move |(at, _)| {
            let open = at + text[at..].find(") {")? + 2;
            let alone = !text[at..open].contains(['&', '|']);
            alone.then_some(open..open + length(&text[open..])?)
        })
    })
}

/// Of the block with which a text begins.
fn length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_with_its_brace() {
        let text = "if crate::seeded_bug!(\"a\") { x(|| { 1 + 1 }) } else { 2 + 2 }\nif a && seeded_bug!(\"b\") { 3 }";
        let found: Vec<&str> = blocks(text).map(|block| &text[block]).collect();
        assert_eq!(found, ["{ x(|| { 1 + 1 }) }"]);
        assert_eq!(place(text, Some(2), Some(4)).map(|at| &text[at..at + 1]), Some("a"));
    }
}
