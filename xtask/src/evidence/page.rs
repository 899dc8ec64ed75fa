//! `EVIDENCE.md`: follows from the records alone, so that a test can say whether it is what they come to.

use anyhow::{Context, Result};

use super::kinds::{KINDS, Kind};
use super::origin::Origin;
use super::record::{Record, Records};
use super::sections::{self, Section};

/// A row of the summary: what, what it came to, and of which sources.
pub(super) struct Row([String; 3]);

/// The page, and the summary at its top.
pub(super) fn write(records: &Records) -> Result<(String, Vec<Row>)> {
    let (mut rows, mut text) = (Vec::new(), String::new());
    for kind in KINDS {
        text += &format!("\n## {}\n", kind.title);
        let Some(record) = records.of(kind) else {
            rows.push(Row([kind.title.to_lowercase(), "not run".to_owned(), "-".to_owned()]));
            text += "\nNot run.\n";
            continue;
        };
        let Section { rows: figures, text: section, .. } =
            sections::of_record(kind, record).with_context(|| format!("the record of {}", kind.name))?;
        let changed = record.changed(kind, &records.as_of);
        let of = of(record, &changed);
        rows.extend(figures.into_iter().map(|(what, figure)| Row([what, figure, of.clone()])));
        text += &provenance(record, kind, &changed);
        text += &section;
    }
    Ok((head(records) + &markdown(&rows) + &text, rows))
}

/// The summary for a terminal.
pub(super) fn table(rows: &[Row]) -> String {
    let width = |column: usize| rows.iter().map(|Row(cells)| cells[column].len()).max().unwrap_or(0);
    let (what, figure) = (width(0), width(1));
    let line = |Row([a, b, c]): &Row| format!("{a:what$}  {b:figure$}  {c}");
    rows.iter().map(|row| line(row).trim_end().to_owned() + "\n").collect()
}

fn head(records: &Records) -> String {
    let as_of = &records.as_of;
    format!(
        "# Evidence\n\nWritten by `cargo xtask evidence` from what runs left in `docs/evidence/`; nothing here is \
         typed by hand. It says of\neach result whether its sources are those of commit `{}` ({}); which of them \
         changed stands\nin its section.\n\n",
        as_of.commit, as_of.date
    )
}

fn markdown(rows: &[Row]) -> String {
    let rows = rows.iter().map(|Row(cells)| format!("| {} |\n", cells.join(" | ")));
    format!("| what | came to | of commit |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn of(record: &Record, changed: &[&str]) -> String {
    let quick = if record.quick { ", quick" } else { "" };
    let earlier = if changed.is_empty() { "" } else { ", earlier sources" };
    format!("{}{quick}{earlier}", record.commit())
}

/// So many parts of a sweep are told one by one.
const ORIGINS: usize = 4;

/// How a result came about.
fn provenance(record: &Record, kind: &Kind, changed: &[&str]) -> String {
    let mut text = String::new();
    for Origin { commit, date, command, machine } in record.origins.iter().take(ORIGINS) {
        text += &format!("\n`{command}` at commit `{commit}` ({date}), on {machine}.\n");
    }
    if record.origins.len() > ORIGINS {
        text += &format!("\nAnd {} more parts of the same commit.\n", record.origins.len() - ORIGINS);
    }
    if record.commit().ends_with('+') {
        text += "\n**With changes that are in no commit.**\n";
    }
    text += &match changed {
        [] => format!("\nIts sources ({}) have not changed since.\n", kind.sources.join(", ")),
        changed => format!("\n**Of earlier sources: {} changed since.**\n", changed.join(", ")),
    };
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::kinds;
    use super::super::record::AsOf;
    use super::*;

    fn fuzz(commit: &str, raft: &str) -> Records {
        let kind = kinds::named("fuzz").unwrap();
        let trees = |raft: &str| {
            let tree =
                |path: &&str| ((*path).to_owned(), if *path == "raft/src" { raft } else { "x" }.to_owned());
            kind.sources.iter().map(tree).collect::<BTreeMap<_, _>>()
        };
        let text = |text: &str| text.to_owned();
        let (date, machine) = (text("2026-01-01"), text("2 cores"));
        let origin =
            Origin { commit: text(commit), date: date.clone(), command: text("cargo xtask fuzz"), machine };
        let sources = if commit.ends_with('+') { BTreeMap::new() } else { trees(raft) };
        let record = Record {
            origins: vec![origin],
            sources,
            quick: false,
            result: json!({ "targets": { "wire": { "seconds": 36 } } }),
        };
        let as_of = AsOf { commit: text("bbb"), date, sources: trees("tree-b") };
        Records::made_up(as_of, [("fuzz", record)])
    }

    #[test]
    fn a_result_says_how_it_came_about_and_what_was_not_run_says_so() {
        let (page, rows) = write(&fuzz("aaa", "tree-b")).unwrap();
        let line = "| fuzzing | 1 targets, 0.01 h, 0 inputs, no crash | aaa |";
        assert!(page.lines().any(|known| known == line), "{page}");
        assert!(page.contains("`cargo xtask fuzz` at commit `aaa` (2026-01-01), on 2 cores."));
        assert!(page.contains("have not changed since") && !page.contains("Of earlier sources"));
        assert!(page.contains("## The simulator\n\nNot run.\n"));
        let table = table(&rows);
        // One of them for the targets that are missing.
        assert!(table.starts_with("the simulator") && table.lines().count() == kinds::KINDS.len() + 1);
    }

    #[test]
    fn of_many_parts_the_first_are_told() {
        let mut records = fuzz("aaa", "tree-b");
        let kind = kinds::named("fuzz").unwrap();
        let mut record = records.of(kind).unwrap().clone();
        record.origins = vec![record.origins[0].clone(); 64];
        records = Records::made_up(records.as_of, [("fuzz", record)]);
        let (page, _) = write(&records).unwrap();
        assert_eq!(page.matches("at commit `aaa`").count(), ORIGINS);
        assert!(page.contains("And 60 more parts of the same commit."), "{page}");
    }

    #[test]
    fn a_result_of_other_sources_is_marked() {
        let all = kinds::named("fuzz").unwrap().sources.join(", ");
        for (commit, raft, changed) in [("aaa", "tree-a", "raft/src"), ("bbb+", "", all.as_str())] {
            let (page, _) = write(&fuzz(commit, raft)).unwrap();
            assert!(page.contains(&format!("| {commit}, earlier sources |")), "{page}");
            assert!(page.contains(&format!("**Of earlier sources: {changed} changed since.**")));
            assert_eq!(page.contains("changes that are in no commit"), commit.ends_with('+'));
        }
    }
}
