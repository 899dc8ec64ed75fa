//! Several files' verdicts side by side.

use history_checker::Summary;

use super::known::Outcome;

/// One line per file, and one for each violation.
pub(super) fn print(names: &[String], outcomes: &[Outcome]) {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    println!("{:width$}  {:16}  {:>10}  {:>8}  {:>6}", "file", "verdict", "operations", "open", "keys");
    for (name, outcome) in names.iter().zip(outcomes) {
        let Ok(report) = &outcome.report else {
            println!("{name:width$}  bad file");
            continue;
        };
        let counts = report.counts();
        let operations = counts.completed + counts.open + counts.not_applied;
        let (summary, keys): (Summary, usize) = (report.summary(), report.keys.len());
        println!("{name:width$}  {summary:16}  {operations:>10}  {:>8}  {keys:>6}", counts.open);
        for (_, violation) in report.violations() {
            println!("    {}", violation.sentence);
        }
    }
}
