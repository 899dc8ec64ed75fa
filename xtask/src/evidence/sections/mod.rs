//! What each kind of result says, in a few rows and in full.
//!
//! | file | of |
//! |---|---|
//! | [`sim`] | sweeps, and seeds that ran twice |
//! | [`pace`] | a busy cluster against real time |
//! | [`lab_tests`] | lab tests on virtual time |
//! | [`bugs`] | seeded bugs |
//! | [`explore`] | small scopes |
//! | [`mutants`] | changes that tests do not notice |
//! | [`fuzz`] | parsers against invented input |

mod bugs;
mod explore;
mod fuzz;
mod lab_tests;
mod mutants;
mod pace;
mod sim;

use anyhow::Result;
use serde_json::Value;

use super::kinds::Kind;
use super::limits;
use super::record::Record;

/// Of one result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// For the table: what, and what it came to.
    pub(super) rows: Vec<(String, String)>,
    /// The rest, in Markdown.
    pub(super) text: String,
    /// Something is not as it must be.
    pub(super) wrong: bool,
}

pub(super) fn of(kind: &Kind, result: &Value) -> Result<Section> {
    let result = result.clone();
    Ok(match kind.name {
        "sim" => sim::section(&serde_json::from_value(result)?),
        "determinism" => sim::determinism(&serde_json::from_value(result)?)?,
        "pace" => pace::section(&serde_json::from_value(result)?),
        "lab-tests-4a" => lab_tests::section("lab tests 4A", &serde_json::from_value(result)?),
        "lab-tests-4b" => lab_tests::section("lab tests 4B", &serde_json::from_value(result)?),
        "seeded-bugs" => bugs::section(&serde_json::from_value(result)?),
        "explore" => explore::section(&serde_json::from_value(result)?),
        "mutants" => mutants::section(&serde_json::from_value(result)?),
        "fuzz" => fuzz::section(&serde_json::from_value(result)?),
        other => anyhow::bail!("no section is written for {other}"),
    })
}

/// The same, held to the numbers of its kind if it took its time.
pub(super) fn of_record(kind: &Kind, record: &Record) -> Result<Section> {
    let mut section = of(kind, &record.result)?;
    let missed = if record.quick { Vec::new() } else { limits::missed(kind, &record.result) };
    if !missed.is_empty() {
        section.row(kind.title.to_lowercase(), format!("NOT ENOUGH: {}", missed.join(", ")));
        section.paragraph(&format!("**Not enough**: {}.", missed.join(", ")));
        section.wrong = true;
    }
    Ok(section)
}

impl Section {
    fn row(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        self.rows.push((what.into(), figure.into()));
    }

    fn paragraph(&mut self, text: &str) {
        self.text += &format!("\n{text}\n");
    }

    /// Figures are set to the right, but for the first column and those named `left`.
    fn table(&mut self, heading: &[&str], left: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
        let is_left = |number: usize, cell: &str| number == 0 || left.contains(&cell);
        let sides = heading.iter().enumerate().map(|(number, cell)| match is_left(number, cell) {
            true => "---",
            false => "---:",
        });
        self.text += &format!("\n{}|{}|\n", line(&heading), sides.collect::<Vec<_>>().join("|"));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            self.text += &line(&cells);
        }
    }
}

/// With a space between thousands.
fn number(figure: u64) -> String {
    let digits = figure.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(" ")
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

/// Of so many seconds.
fn time(seconds: f64) -> String {
    if seconds < 600.0 { format!("{seconds:.1} s") } else { format!("{:.1} h", seconds / 3600.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let figures = [0, 12, 999, 1_000, 1_234_567].map(number);
        assert_eq!(figures, ["0", "12", "999", "1 000", "1 234 567"]);
        assert_eq!((share(1, 3), share(0, 0)), ("33.3 %".to_owned(), "-".to_owned()));
    }

    #[test]
    fn a_table_is_markdown() {
        let mut section = Section::default();
        section.table(&["what", "how many", "why"], &["why"], [vec!["a|b".into(), "1".into(), "c".into()]]);
        assert_eq!(section.text, "\n| what | how many | why |\n|---|---:|---|\n| a\\|b | 1 | c |\n");
    }
}
