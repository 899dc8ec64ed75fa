//! What a history is worth as a test: mistakes of the recording, and how hard the store was tried.
//!
//! A verdict is only as good as the history. One that was recorded wrongly makes false alarms or hides what happened;
//! one in which little overlapped is explained by almost anything.

mod keys;
mod power;
mod rules;
mod show;
mod values;
mod versions;
mod walk;

use serde::Serialize;

use crate::by_key::by_key;
use crate::history::History;
use crate::value::Value;

pub use power::{FaultBand, Grade, Graded, KeySpread, Power};
pub use rules::{Finding, Rule, Severity};

use rules::Findings;

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lint {
    /// The most serious first.
    pub findings: Vec<Finding>,
    /// How hard the store was tried.
    pub power: Power,
}

/// Judges a history whose registers are empty at first: see [`lint_from`].
///
/// ```
/// use history_checker::lint::{Grade, Rule, lint};
/// use history_checker::{Recorder, Value};
///
/// let recorder = Recorder::in_memory();
/// let client = recorder.process().write(None, Value::from(7_i64), 1).not_applied(2);
/// let _idle = client.read(None, 3).ok(Value::from(7_i64), 4);
///
/// let found = lint(&recorder.history());
/// // The write cannot have failed: a timeout, it seems, was filed as a failure.
/// assert_eq!(found.findings[0].rule, Rule::FailedWriteSeen);
/// assert_eq!(found.findings[0].lines, [1, 3]);
/// assert_eq!(found.power.grade, Grade::Weak);
/// ```
#[must_use]
pub fn lint(history: &History) -> Lint {
    lint_from(history, &Value::Null)
}

/// Judges a history whose registers hold `initial` at first. Costs O(n log n).
#[must_use]
pub fn lint_from(history: &History, initial: &Value) -> Lint {
    let mut findings = Findings::default();
    let walk = walk::walk(history, &mut findings);
    if history.operations().iter().all(|operation| operation.invoked.time == 0) {
        // As where times are absent: nobody looked at a clock, so there are no ties either.
        findings.forget(Rule::ClockTie);
    }
    let mut keys = keys::Keys::default();
    for (_, indices) in by_key(history) {
        let key = keys::Operations { history, indices: &indices };
        keys.add(&key, initial, &mut findings);
    }
    let power = power::Power::new(history, walk, &keys, &mut findings);
    Lint { findings: findings.finish(), power }
}
