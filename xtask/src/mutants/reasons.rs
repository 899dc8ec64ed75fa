//! `raft/mutants.toml`: why a mutant that passes all tests is no hole in them. It is known by its file, by what it
//! replaces in which function, and by the line of code that it changes: not by the number of that line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

const FILE: &str = "raft/mutants.toml";

#[derive(Default)]
pub(super) struct Reasons {
    all: Vec<Reason>,
}

struct Reason {
    /// `file: what is replaced`.
    mutant: String,
    /// The line of code.
    line: String,
    reason: String,
}

impl Reasons {
    pub(super) fn read(root: &Path) -> Result<Reasons> {
        let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
        Reasons::parse(&text)
    }

    fn parse(text: &str) -> Result<Reasons> {
        let table: toml::Table = text.parse().with_context(|| format!("reading {FILE}"))?;
        let mut all = Vec::new();
        for entry in table.get("survivor").and_then(toml::Value::as_array).into_iter().flatten() {
            let field = |name: &str| entry.get(name).and_then(toml::Value::as_str).map(str::to_owned);
            let (Some(mutant), Some(line), Some(reason)) = (field("mutant"), field("line"), field("reason"))
            else {
                bail!("{FILE}: a survivor wants `mutant`, `line` and `reason`: {entry}");
            };
            all.push(Reason { mutant, line, reason });
        }
        Ok(Reasons { all })
    }

    /// Of a mutant as cargo-mutants names it: `file:line:column: what is replaced`.
    pub(super) fn of(&self, root: &Path, name: &str) -> Result<Option<&str>> {
        let (file, line, mutant) = parts(name)?;
        let mut known = self.all.iter().filter(|reason| reason.mutant == mutant).peekable();
        if known.peek().is_none() {
            return Ok(None);
        }
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
        let line = line.parse().ok().and_then(|line: usize| text.lines().nth(line.checked_sub(1)?));
        Ok(known
            .find(|reason| Some(reason.line.as_str()) == line.map(str::trim))
            .map(|reason| reason.reason.as_str()))
    }

    /// The same of a mutant of earlier sources, whose lines have moved: where there is but one reason for such a
    /// change of that function, and the line that it names is still there.
    pub(super) fn later(&self, root: &Path, name: &str) -> Result<Option<&str>> {
        let (file, _, mutant) = parts(name)?;
        let known: Vec<&Reason> = self.all.iter().filter(|reason| reason.mutant == mutant).collect();
        let [known] = known.as_slice() else { return Ok(None) };
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
        Ok(text.lines().any(|line| line.trim() == known.line).then_some(known.reason.as_str()))
    }
}

/// The file, the line's number, and `file: what is replaced`.
fn parts(name: &str) -> Result<(&str, &str, String)> {
    let mut parts = name.splitn(4, ':');
    let (Some(file), Some(line), Some(_), Some(what)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("no name of a mutant: {name}");
    };
    Ok((file, line, format!("{file}:{what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn a_mutant_is_known_by_its_line_of_code() {
        let reasons = Reasons::parse(
            "[[survivor]]\nmutant = \"xtask/src/mutants/reasons.rs: replace + with - in f\"\n\
             line = \"const FILE: &str = \\\"raft/mutants.toml\\\";\"\nreason = \"why\"\n",
        );
        let (reasons, root) = (reasons.unwrap(), Workspace::find().unwrap().root);
        let of = |name| reasons.of(&root, name).unwrap();
        assert_eq!(of("xtask/src/mutants/reasons.rs:9:4: replace + with - in f"), Some("why"));
        assert_eq!(of("xtask/src/mutants/reasons.rs:8:4: replace + with - in f"), None);
        let later = |name| reasons.later(&root, name).unwrap();
        assert_eq!(later("xtask/src/mutants/reasons.rs:8:4: replace + with - in f"), Some("why"));
        assert_eq!(later("xtask/src/mutants/reasons.rs:8:4: replace + with - in g"), None);
        assert_eq!(of("xtask/src/mutants/reasons.rs:9:4: replace + with - in g"), None);
    }

    /// Code changes; what is said of it goes then.
    #[test]
    fn every_reason_is_of_a_line_that_is_there() {
        let root = Workspace::find().unwrap().root;
        for reason in Reasons::read(&root).unwrap().all {
            let (file, _) = reason.mutant.split_once(": ").unwrap();
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(
                text.lines().any(|line| line.trim() == reason.line),
                "{}: {}",
                reason.mutant,
                reason.line
            );
        }
    }
}
