//! Several files' verdicts side by side.

use std::fmt::Write as _;

use history_checker::{Summary, Verdict};

use super::known::Outcome;

/// Keys of a file that are written out; the others are counted.
const LISTED: usize = 50;

/// One line per file, and one for each violation, each key that is not decided and each error.
pub(super) fn table(names: &[String], outcomes: &[Outcome]) -> String {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    let mut text =
        format!("{:width$}  {:16}  {:>10}  {:>8}  {:>6}", "file", "verdict", "operations", "open", "keys");
    for (name, outcome) in names.iter().zip(outcomes) {
        let _infallible = match &outcome.report {
            Err(error) => write!(text, "\n{name:width$}  bad file\n    {error:#}"),
            Ok(report) => {
                let counts = report.counts();
                let operations = counts.completed + counts.open + counts.not_applied;
                let (summary, keys): (Summary, usize) = (report.summary(), report.keys.len());
                write!(text, "\n{name:width$}  {summary:16}  {operations:>10}  {:>8}  {keys:>6}", counts.open)
            }
        };
        let reasons = outcome.report.iter().flat_map(|report| &report.keys);
        let reasons: Vec<String> = reasons
            .filter_map(|key| {
                let of = key.key.as_ref().map_or_else(String::new, |key| format!("key {key}: "));
                match &key.verdict {
                    Verdict::Linearizable { .. } => None,
                    Verdict::NotLinearizable(violation) => Some(format!("\n    {of}{}", violation.sentence)),
                    Verdict::Unknown(unknown) => Some(format!("\n    {of}{}", unknown.sentence)),
                }
            })
            .collect();
        text.extend(reasons.iter().take(LISTED).map(String::as_str));
        if reasons.len() > LISTED {
            let _infallible = write!(text, "\n    … and {} more keys", reasons.len() - LISTED);
        }
    }
    text
}
