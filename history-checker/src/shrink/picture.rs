//! A core drawn as text, to be pasted into an issue: a lane for each operation, time from left to right.

use std::collections::BTreeMap;

use super::Core;
use crate::faults::FaultSpan;
use crate::history::{Action, Answer, History, Operation, Outcome};
use crate::report::Violation;
use crate::value::Short;

/// More operations than this are not drawn: those that the sentence is about go first, then the last ones.
const LANES: usize = 40;

/// Draws the core of a violation. Events stand in their order, at even distances; lines and times are written beside
/// them, times from the history's first event on. `◄` marks what the sentence is about, where the core holds more,
/// `…` an operation that may take effect at any later time. Faults that were in force are drawn above.
#[must_use]
pub fn picture(whole: &History, violation: &Violation) -> String {
    let Violation { core, operations: named, .. } = violation;
    let all = &core.operations;
    let about_all = named.len() >= all.len();
    let named = &named[named.len().saturating_sub(LANES)..];
    let late = all.len().saturating_sub(LANES.saturating_sub(named.len()));
    let drawn = all.iter().enumerate().filter(|(place, index)| *place >= late || named.contains(index));
    let drawn: Vec<usize> = drawn.map(|(_, &index)| index).collect();
    let scale = Scale::new(whole, core, &drawn);
    let mut lanes: Vec<Lane> = scale.faults(whole);
    for &index in &drawn {
        let marked = !about_all && named.contains(&index);
        lanes.push(scale.lane(whole, core, index, marked));
    }
    let mut text = table(&lanes);
    if drawn.len() < all.len() {
        text += &format!("  … and {} operations before these\n", all.len() - drawn.len());
    }
    if let Some(write) = core.since.map(|index| &whole.operations()[index]) {
        text +=
            &format!("  Whatever else was over before line {} is hidden by {write}.\n", write.invoked.line);
    }
    text
}

struct Lane {
    who: String,
    what: String,
    bar: String,
    lines: String,
    times: String,
}

/// Where the events of a picture stand in it.
struct Scale {
    /// By line: the column.
    columns: BTreeMap<usize, usize>,
    width: usize,
    /// The time that counts as zero; `None` if the history has no times.
    start: Option<u64>,
}

impl Scale {
    fn new(whole: &History, core: &Core, drawn: &[usize]) -> Scale {
        let ends = drawn.iter().flat_map(|index| {
            let operation = &whole.operations()[*index];
            [Some(operation.invoked.line), answered(core, *index, operation).map(|mark| mark.line)]
        });
        let mut lines: Vec<usize> = ends.flatten().collect();
        lines.sort_unstable();
        let step = match lines.len() {
            ..=24 => 3,
            25..=40 => 2,
            _ => 1,
        };
        let columns = lines.iter().enumerate().map(|(place, &line)| (line, place * step)).collect();
        let times = || whole.operations().iter().map(|operation| operation.invoked.time);
        let start = times().min().filter(|&least| times().any(|time| time > least));
        Scale { columns, width: lines.len().saturating_sub(1) * step + 1, start }
    }

    fn lane(&self, whole: &History, core: &Core, index: usize, marked: bool) -> Lane {
        let operation = &whole.operations()[index];
        let left = self.column(operation.invoked.line);
        let end = answered(core, index, operation);
        let mut bar: Vec<char> = vec![' '; self.width + 2];
        let right = end.map_or(self.width, |mark| self.column(mark.line));
        bar[left..=right].fill('─');
        bar[left] = '├';
        bar[right] = if end.is_some() { '┤' } else { '…' };
        let mark = if marked { "◄" } else { "" };
        let (first, time) = (operation.invoked.line, self.time(operation.invoked.time));
        let (lines, times) = match operation.completed_at() {
            Some(mark) => {
                (format!("lines {first}–{}", mark.line), format!("{time} – {}", self.time(mark.time)))
            }
            None => (format!("line {first}"), time),
        };
        Lane {
            who: format!("process {}", operation.process),
            what: format!("{}{mark}", in_short(operation, end.is_some())),
            bar: bar.into_iter().collect(),
            lines,
            times: if self.start.is_some() { times } else { String::new() },
        }
    }

    /// Faults that were in force while any of the operations was under way.
    fn faults(&self, whole: &History) -> Vec<Lane> {
        whole.fault_bands().into_iter().filter_map(|band| self.fault(band)).collect()
    }

    fn fault(&self, band: FaultSpan<'_>) -> Option<Lane> {
        let last = *self.columns.keys().next_back()?;
        let first = *self.columns.keys().next()?;
        let (begin, end) = (band.begin.map_or(0, |mark| mark.line), band.end.map(|mark| mark.line));
        if begin > last || end.is_some_and(|end| end < first) {
            return None;
        }
        let (left, right) =
            (self.column(begin), end.map_or(self.width, |end| self.column(end).min(self.width)));
        let mut bar: Vec<char> = vec![' '; self.width + 2];
        bar[left..=right.max(left)].fill('▒');
        let (who, what) = ("fault".to_owned(), band.name.to_owned());
        let lines = match (band.begin, end) {
            (None, end) => format!("until line {}", end.unwrap_or(last)),
            (_, Some(end)) => format!("lines {begin}–{end}"),
            (_, None) => format!("from line {begin}"),
        };
        Some(Lane { who, what, bar: bar.into_iter().collect(), lines, times: String::new() })
    }

    /// Of the first event from this line on.
    fn column(&self, line: usize) -> usize {
        self.columns.range(line..).next().map_or(self.width, |(_, &column)| column)
    }

    fn time(&self, time: u64) -> String {
        let nanos = time.saturating_sub(self.start.unwrap_or(0));
        match nanos {
            0..1_000_000 => format!("{}.{:03} µs", nanos / 1_000, nanos % 1_000),
            1_000_000..1_000_000_000 => format!("{}.{:03} ms", nanos / 1_000_000, nanos / 1_000 % 1_000),
            _ => format!("{}.{:03} s", nanos / 1_000_000_000, nanos / 1_000_000 % 1_000),
        }
    }
}

/// Where it ended, as far as the core minds.
fn answered(core: &Core, index: usize, operation: &Operation) -> Option<crate::history::Mark> {
    match operation.outcome {
        Outcome::Unknown { .. } => None,
        _ if core.unanswered.contains(&index) => None,
        _ => operation.completed_at(),
    }
}

fn in_short(operation: &Operation, answered: bool) -> String {
    let asked = match &operation.action {
        Action::Read | Action::Dequeue => operation.action.name().to_owned(),
        Action::Cas { from, to } => format!("cas {}→{}", Short(from), Short(to)),
        Action::Write(value) | Action::Add(value) | Action::Remove(value) | Action::Enqueue(value) => {
            format!("{} {}", operation.action.name(), Short(value))
        }
    };
    match &operation.outcome {
        Outcome::Unknown { .. } => format!("{asked} ?"),
        _ if !answered => asked,
        Outcome::NotApplied { .. } => format!("{asked} failed"),
        Outcome::Ok { answer, .. } => match answer {
            Answer::Done | Answer::Swapped => asked,
            Answer::Read(value) => format!("{asked} = {}", Short(value)),
            Answer::Elements(values) => {
                let values: Vec<String> = values.iter().map(|value| Short(value).to_string()).collect();
                format!("{asked} = {{{}}}", values.join(", "))
            }
            Answer::NotSwapped { seen: Some(value) } => format!("{asked} refused, saw {}", Short(value)),
            Answer::NotSwapped { seen: None } => format!("{asked} refused"),
        },
    }
}

fn table(lanes: &[Lane]) -> String {
    let width = |of: fn(&Lane) -> &str| lanes.iter().map(|lane| of(lane).chars().count()).max().unwrap_or(0);
    let (who, what, bar, lines) = (
        width(|lane| &lane.who),
        width(|lane| &lane.what),
        width(|lane| &lane.bar),
        width(|lane| &lane.lines),
    );
    let mut text = String::new();
    for lane in lanes {
        let line = format!(
            "  {:who$}  {:what$}  {:bar$}  {:lines$}  {}",
            lane.who, lane.what, lane.bar, lane.lines, lane.times
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}
