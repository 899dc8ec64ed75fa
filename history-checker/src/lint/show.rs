//! Lint for people: findings by severity, then the sides of the test with their grades.

use std::fmt;

use super::{FaultBand, Finding, Grade, Lint, Power, Severity};
use crate::degree::Duration;
use crate::report::counted;
use crate::value::shown;

/// More faults than this are summed up in one line.
const LISTED_FAULTS: usize = 12;

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        if self.findings.is_empty() {
            writeln!(f, "no findings")?;
        }
        write!(f, "{}", self.power)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, count, lines, example, meaning, advice, .. } = self;
        write!(f, "{severity}: {meaning} ({count}×: {example}).")?;
        if *count > 1 && !lines.is_empty() {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let more = if lines.len() >= Finding::LINES || *count > lines.len() { ", …" } else { "" };
            write!(f, " Lines {}{more}.", lines.join(", "))?;
        }
        write!(f, "\n    → {advice}")
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Power { grade, operations, completed, unknown, failed, processes, duration_ns, .. } = self;
        let took = match duration_ns {
            0 => String::new(),
            ns => format!(" in {}", Duration(*ns)),
        };
        writeln!(
            f,
            "power: {grade}. {} ({completed} answered, {unknown} unknown, {failed} failed) of {}{took}, {:.1} reads per write",
            counted(*operations, "operation", "operations"),
            counted(*processes, "process", "processes"),
            self.reads_per_write,
        )?;
        let width = self.verdicts.iter().map(|side| side.side.len()).max().unwrap_or(0);
        for side in &self.verdicts {
            writeln!(f, "  {:6}  {:width$}  {}", side.grade, side.side, side.figure)?;
            if side.grade != Grade::Strong {
                writeln!(f, "  {:6}  {:width$}  ({})", "", "", side.rule)?;
            }
        }
        if self.faults.len() > LISTED_FAULTS {
            return writeln!(f, "  {} faults", self.faults.len());
        }
        self.faults.iter().try_for_each(|band| writeln!(f, "  {band}"))
    }
}

impl fmt::Display for FaultBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultBand {
            name, lines: [first, last], times: [began, ended], operations, answered, reads, ..
        } = self;
        let lasted = match ended.saturating_sub(*began) {
            0 => String::new(),
            ns => format!(", {}", Duration(ns)),
        };
        write!(
            f,
            "{} (lines {first}–{last}{lasted}): {}, {answered} answered meanwhile, {} during or after it",
            shown(name),
            counted(*operations, "operation", "operations"),
            counted(*reads, "read", "reads"),
        )
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Serious => "serious",
        })
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Grade::Weak => "weak",
            Grade::Fair => "fair",
            Grade::Strong => "strong",
        })
    }
}
